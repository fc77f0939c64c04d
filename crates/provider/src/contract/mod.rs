//! The suite that every driver passes: what [`Provider`] promises, as checks.
//!
//! It is part of the library, not of the tests, so that an administrator may run it against a
//! service before trusting it.
//!
//! Promises: a fresh provider for each check; a broken promise is an error that names check and
//! reason, never a panic. Leaves its blobs behind where a service keeps them.

mod listing;
mod storing;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::{BlobName, Error, ErrorKind, Payload, Provider};

/// A promise that a driver broke.
#[derive(Debug, thiserror::Error)]
#[error("{check}: {why}")]
pub struct Violation {
    /// The check that found it.
    pub check: &'static str,
    /// What was expected and what came.
    pub why: String,
}

type Outcome = std::result::Result<(), String>;

/// Runs all checks. `make` returns a provider without blobs each time; the argument is the name of
/// the check, fit to be part of a root or bucket.
pub async fn run<F, M>(make: F) -> std::result::Result<(), Violation>
where
    F: Fn(&'static str) -> M,
    M: Future<Output = Arc<dyn Provider>>,
{
    run_except(&[], make).await
}

/// Runs all checks but those named: defects of a service that are known, and known not to matter.
pub async fn run_except<F, M>(known_defects: &[&str], make: F) -> std::result::Result<(), Violation>
where
    F: Fn(&'static str) -> M,
    M: Future<Output = Arc<dyn Provider>>,
{
    macro_rules! checks {
        ($($module:ident :: $check:ident),* $(,)?) => {$({
            let check = stringify!($check);
            if !known_defects.contains(&check) {
                let provider = make(check).await;
                let outcome = match provider.prepare().await {
                    Ok(()) => $module::$check(provider).await,
                    Err(error) => Err(format!("prepare failed: {error}")),
                };
                outcome.map_err(|why| Violation { check, why })?;
            }
        })*};
    }
    checks!(
        storing::what_is_put_is_got,
        storing::ranges_are_exact,
        storing::the_first_byte_alone,
        storing::missing_blobs_are_not_found,
        storing::a_name_is_put_once,
        storing::of_many_puts_one_wins,
        storing::delete_is_idempotent,
        storing::several_are_removed_together,
        storing::prepare_is_idempotent,
        listing::lists_in_the_order_of_bytes,
        listing::pages_join_without_gap,
        listing::prefixes_select,
        listing::deleted_blobs_do_not_show,
    );
    Ok(())
}

fn name(text: &str) -> std::result::Result<BlobName, String> {
    BlobName::new(text).map_err(|error| error.to_string())
}

/// Bytes that differ at every position from run to run of 251.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn equal<T: PartialEq + fmt::Debug>(what: &str, got: T, want: T) -> Outcome {
    if got == want {
        Ok(())
    } else {
        Err(format!("{what}: got {got:?}, want {want:?}"))
    }
}

fn good<T>(what: &str, result: Result<T, Error>) -> std::result::Result<T, String> {
    result.map_err(|error| format!("{what} failed: {error}"))
}

fn fails<T>(what: &str, result: Result<T, Error>, kind: ErrorKind) -> Outcome {
    match result {
        Ok(_) => Err(format!("{what} succeeded, want {kind}")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("{what}: got {error}, want {kind}")),
    }
}

async fn put(provider: &Arc<dyn Provider>, text: &str, body: Vec<u8>) -> Outcome {
    good(
        &format!("put {text}"),
        provider.put(&name(text)?, Payload::from(body)).await,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{FaultProvider, MemoryProvider, ProviderSettings};

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        run(|_| async { Arc::new(MemoryProvider::new()) as Arc<dyn Provider> })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn fault_without_faults_keeps_the_contract() {
        let make = |_| async {
            FaultProvider::new(Arc::new(MemoryProvider::new()), 1).0 as Arc<dyn Provider>
        };
        run(make).await.unwrap();
    }

    #[tokio::test]
    async fn directory_keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let make = |check: &'static str| {
            let path = dir.path().join(check).display().to_string();
            let options = BTreeMap::from([("path".to_owned(), path)]);
            let settings = ProviderSettings {
                kind: "directory".to_owned(),
                options,
            };
            async move { crate::open(&settings).unwrap() }
        };
        run(make).await.unwrap();
    }

    #[tokio::test]
    async fn a_lying_provider_is_found_out() {
        use crate::FaultPlan;
        let plans = [
            FaultPlan {
                lost_write_rate: 1.0,
                ..FaultPlan::default()
            },
            FaultPlan {
                stale_listing: true,
                ..FaultPlan::default()
            },
            FaultPlan::rotting(),
        ];
        for plan in plans {
            let make = |_| async {
                let (provider, handle) = FaultProvider::new(Arc::new(MemoryProvider::new()), 1);
                handle.set(plan.clone());
                provider as Arc<dyn Provider>
            };
            assert!(run(make).await.is_err(), "{plan:?} kept the contract");
        }
    }
}
