//! The contract suite against a real service, when one is given.
//!
//! `conformance/providers/run.sh` starts servers and sets the environment: `DOLIUM_TEST_PROVIDER` (the kind),
//! `DOLIUM_TEST_OPTIONS` (its options as JSON), `DOLIUM_TEST_KNOWN_DEFECTS` with checks to leave out, and
//! `DOLIUM_TEST_WRONG` with options (JSON) that the service must refuse.

#![allow(
    clippy::print_stderr,
    reason = "conformance/providers/run.sh reads what ran and what did not"
)]

use std::collections::BTreeMap;
use std::env;

use dolium_provider::{ErrorKind, ProviderSettings, contract, open};

type Options = BTreeMap<String, String>;

fn options(variable: &str) -> Option<Options> {
    let text = env::var(variable).ok()?;
    Some(serde_json::from_str(&text).expect("the variable holds a JSON object of texts"))
}

fn settings(options: Options) -> Option<ProviderSettings> {
    let kind = env::var("DOLIUM_TEST_PROVIDER").ok()?;
    Some(ProviderSettings { kind, options })
}

/// One test, so that there is one runtime: the connections of remote services are shared by the whole process,
/// and one that belongs to a runtime that ends fails a request of the other.
#[tokio::test]
async fn the_service_keeps_the_contract() {
    keeps_the_contract().await;
    denies_wrong_credentials().await;
}

async fn keeps_the_contract() {
    let Some(settings) = options("DOLIUM_TEST_OPTIONS").and_then(settings) else {
        eprintln!("SKIPPED: DOLIUM_TEST_OPTIONS is not set; see conformance/providers/run.sh");
        return;
    };
    let run = std::process::id();
    let base = settings.options.get("root").cloned().unwrap_or_default();
    let make = |check: &'static str| {
        let mut settings = settings.clone();
        let root = format!("{}/contract-{run}/{check}/", base.trim_end_matches('/'));
        settings.options.insert("root".to_owned(), root);
        async move { open(&settings).expect("the settings are complete") }
    };
    let defects = env::var("DOLIUM_TEST_KNOWN_DEFECTS").unwrap_or_default();
    let defects: Vec<&str> = defects
        .split(',')
        .filter(|defect| !defect.is_empty())
        .collect();
    contract::run_except(&defects, make)
        .await
        .expect("the service keeps the contract");
    let kind = &settings.kind;
    eprintln!("RAN: the contract suite against {kind}, but {defects:?}");
}

async fn denies_wrong_credentials() {
    let (Some(good), Some(wrong)) = (options("DOLIUM_TEST_OPTIONS"), options("DOLIUM_TEST_WRONG"))
    else {
        eprintln!("SKIPPED: needs a service that refuses somebody (DOLIUM_TEST_WRONG)");
        return;
    };
    let mut options = good;
    options.extend(wrong);
    let settings = settings(options).expect("there is a kind");
    let provider = open(&settings).expect("the settings are complete");
    let error = provider
        .list("", None, 1)
        .await
        .expect_err("the credentials are wrong");
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}
