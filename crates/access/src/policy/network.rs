//! Addresses and networks of conditions.
//!
//! An IPv4 address inside an IPv6 one, as a socket for both families reports it, counts as IPv4.

use std::net::IpAddr;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

/// Networks wider than these are the public, as AWS defines it.
const PREFIX_NARROW_V4: u32 = 8;
const PREFIX_NARROW_V6: u32 = 32;

impl Network {
    /// Reads `192.0.2.0/24` or a single address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = width(address);
        let prefix = match prefix {
            None => width,
            Some(digits) => {
                let plain = digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit());
                let prefix = digits.parse().ok().filter(|prefix| *prefix <= width);
                prefix.filter(|_| plain)?
            }
        };
        Some(Self { address, prefix })
    }

    /// Whether the address lies inside; `None` when it is no address.
    pub(super) fn has(&self, address: &str) -> Option<bool> {
        let address: IpAddr = address.parse().ok()?;
        let address = address.to_canonical();
        let (ours, theirs) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                // Both lie at the top, where the prefix counts from.
                let top = |bits: u32| u128::from(bits) << 96;
                (top(ours.to_bits()), top(theirs.to_bits()))
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits()),
            _ => return Some(false),
        };
        // A shift by the whole width is not defined: no bits count then.
        let differing = (ours ^ theirs).checked_shr(128 - self.prefix).unwrap_or(0);
        Some(differing == 0)
    }

    /// Whether so few lie inside that they are not the public.
    pub(super) fn is_narrow(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.prefix >= PREFIX_NARROW_V4,
            IpAddr::V6(_) => self.prefix >= PREFIX_NARROW_V6,
        }
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_and_outside() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.255", Some(true)),
            ("192.0.2.0/24", "192.0.3.0", Some(false)),
            ("192.0.2.77/24", "192.0.2.1", Some(true)),
            ("192.0.2.1", "192.0.2.1", Some(true)),
            ("192.0.2.1", "192.0.2.2", Some(false)),
            ("192.0.2.1/32", "::ffff:192.0.2.1", Some(true)),
            ("0.0.0.0/0", "255.1.2.3", Some(true)),
            ("0.0.0.0/0", "2001:db8::1", Some(false)),
            ("::/0", "2001:db8::1", Some(true)),
            ("2001:db8::/32", "2001:db8:ffff::1", Some(true)),
            ("2001:db8::/32", "2001:db9::1", Some(false)),
            ("2001:db8::1/128", "2001:db8::1", Some(true)),
            ("2001:db8::1/128", "2001:db8::2", Some(false)),
            ("192.0.2.0/31", "192.0.2.1", Some(true)),
            ("192.0.2.0/24", "not an address", None),
        ] {
            let network = Network::parse(network).expect("is a network");
            assert_eq!(network.has(address), inside, "{network:?} {address}");
        }
    }

    #[test]
    fn what_is_no_network() {
        for text in [
            "",
            "/8",
            "1.2.3/8",
            "1.2.3.4/",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/+8",
            "a/1",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn widths() {
        for (network, narrow) in [
            ("10.0.0.0/32", true),
            ("10.0.0.0/8", true),
            ("10.0.0.0/7", false),
            ("0.0.0.0/0", false),
            ("2001:db8::/32", true),
            ("2000::/3", false),
        ] {
            let network = Network::parse(network).expect("is a network");
            assert_eq!(network.is_narrow(), narrow, "{network:?}");
        }
    }
}
