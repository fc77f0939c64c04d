//! The contract suite against a real S3 server, when one is given.
//!
//! `conformance/providers/run.sh` starts servers and sets the environment:
//! `DOLIUM_TEST_S3_ENDPOINT`, `DOLIUM_TEST_S3_BUCKET` (must exist), `DOLIUM_TEST_S3_ACCESS_KEY`,
//! `DOLIUM_TEST_S3_SECRET_KEY`, and `DOLIUM_TEST_S3_CONDITIONAL_PUT=false` for servers that do not
//! know `If-None-Match` on PUT, `DOLIUM_TEST_S3_ORDERED_LIST=false` for those that list in another
//! order than that of bytes, `DOLIUM_TEST_S3_KNOWN_DEFECTS` with checks to leave out, and
//! `DOLIUM_TEST_S3_DENIES` when the server refuses unknown access keys.

use std::collections::BTreeMap;
use std::env;

use dolium_provider::{ProviderSettings, contract, open};

fn settings() -> Option<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for (option, variable) in [
        ("endpoint", "DOLIUM_TEST_S3_ENDPOINT"),
        ("bucket", "DOLIUM_TEST_S3_BUCKET"),
        ("access_key_id", "DOLIUM_TEST_S3_ACCESS_KEY"),
        ("secret_access_key", "DOLIUM_TEST_S3_SECRET_KEY"),
    ] {
        options.insert(option.to_owned(), env::var(variable).ok()?);
    }
    for (option, variable) in [
        ("conditional_put", "DOLIUM_TEST_S3_CONDITIONAL_PUT"),
        ("ordered_list", "DOLIUM_TEST_S3_ORDERED_LIST"),
    ] {
        if let Ok(value) = env::var(variable) {
            options.insert(option.to_owned(), value);
        }
    }
    Some(options)
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let Some(options) = settings() else {
        eprintln!("SKIPPED: DOLIUM_TEST_S3_ENDPOINT is not set; see conformance/providers/run.sh");
        return;
    };
    let run = std::process::id();
    let make = |check: &'static str| {
        let mut options = options.clone();
        options.insert("root".to_owned(), format!("/contract-{run}/{check}/"));
        let settings = ProviderSettings {
            kind: "s3".to_owned(),
            options,
        };
        async move { open(&settings).expect("the settings are complete") }
    };
    let defects = env::var("DOLIUM_TEST_S3_KNOWN_DEFECTS").unwrap_or_default();
    let defects: Vec<&str> = defects
        .split(',')
        .filter(|defect| !defect.is_empty())
        .collect();
    contract::run_except(&defects, make).await.unwrap();
    eprintln!(
        "RAN: the contract suite against {}, but {defects:?}",
        options["endpoint"]
    );
}

#[tokio::test]
async fn an_unknown_access_key_is_denied() {
    let Some(mut options) = settings().filter(|_| env::var("DOLIUM_TEST_S3_DENIES").is_ok()) else {
        eprintln!(
            "SKIPPED: needs a server that refuses unknown access keys (DOLIUM_TEST_S3_DENIES)"
        );
        return;
    };
    options.insert("access_key_id".to_owned(), "unknown".to_owned());
    let provider = open(&ProviderSettings {
        kind: "s3".to_owned(),
        options,
    })
    .unwrap();
    let error = provider.list("", None, 1).await.unwrap_err();
    assert_eq!(error.kind(), dolium_provider::ErrorKind::Denied, "{error}");
}
