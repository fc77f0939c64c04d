//! What services ask for: a small table, to estimate what moving data costs.
//!
//! Does not: know currencies; estimates are in whatever the table is in.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Prices by the name of a provider, or by its kind.
pub(crate) type Prices = BTreeMap<String, Price>;

const GIB: f64 = (1u64 << 30) as f64;

/// What one service asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Price {
    /// For 1,000 requests that write.
    pub(crate) put_per_1000: f64,
    /// For 1,000 requests that read.
    pub(crate) get_per_1000: f64,
    /// For 1,000 requests that delete.
    pub(crate) delete_per_1000: f64,
    /// For a GiB that leaves the service.
    pub(crate) egress_per_gib: f64,
    /// For a GiB kept a month.
    pub(crate) stored_per_gib_month: f64,
}

impl Price {
    /// What requests and traffic cost once.
    pub(crate) fn once(&self, work: &dolium_array::care::MemberWork) -> f64 {
        let requests = work.puts as f64 * self.put_per_1000
            + work.gets as f64 * self.get_per_1000
            + work.deletes as f64 * self.delete_per_1000;
        requests / 1000.0 + work.bytes_read as f64 / GIB * self.egress_per_gib
    }

    /// How much more, or less, is paid every month for what is kept.
    pub(crate) fn monthly(&self, work: &dolium_array::care::MemberWork) -> f64 {
        let grown = work.bytes_written as f64 - work.bytes_freed as f64;
        grown / GIB * self.stored_per_gib_month
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_add_up() {
        let price = Price {
            put_per_1000: 5.0,
            get_per_1000: 0.4,
            delete_per_1000: 0.0,
            egress_per_gib: 0.1,
            stored_per_gib_month: 0.02,
        };
        let work = dolium_array::care::MemberWork {
            gets: 500,
            puts: 200,
            deletes: 9,
            bytes_read: 3 << 30,
            bytes_written: 2 << 30,
            bytes_freed: 5 << 30,
        };
        assert!((price.once(&work) - (1.0 + 0.2 + 0.3)).abs() < 1e-9);
        assert!((price.monthly(&work) + 0.06).abs() < 1e-9);
    }
}
