//! Tokens given up: which are refused, and that what is kept of them is bounded.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{SystemTime, UNIX_EPOCH};

use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, NewUser, Secret, TokenMark};

const LIFETIME: i64 = 1_000_000_000;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_micros() as i64
}

fn mark(nonce: u8) -> TokenMark {
    TokenMark {
        access_key: "ANNSKEY".to_owned(),
        nonce: vec![nonce; 16],
        issued: now(),
        ends: now() + LIFETIME,
    }
}

async fn world() -> (tempfile::TempDir, Catalog, Identity) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("catalog");
    let catalog = Catalog::open_sqlite(&file, CatalogSettings::default()).unwrap();
    let identity = Identity::new(catalog.clone(), [7; 32]);
    let ann = NewUser {
        name: "ann".to_owned(),
        access_key: Some("ANNSKEY".to_owned()),
        secret: Some(Secret::try_from("annssecret".to_owned()).unwrap()),
        ..NewUser::default()
    };
    identity.create_user(ann).await.unwrap();
    (dir, catalog, identity)
}

#[tokio::test]
async fn one_token_is_given_up_and_others_are_not() {
    let (_dir, catalog, identity) = world().await;
    let (gone, kept) = (mark(1), mark(2));
    assert!(identity.lookup_token(&gone).await.unwrap().is_some());
    identity.revoke_token(&gone, LIFETIME).await.unwrap();
    assert!(identity.lookup_token(&gone).await.unwrap().is_none());
    assert!(identity.lookup_token(&kept).await.unwrap().is_some());
    let other = Identity::new(catalog, [7; 32]);
    assert!(other.lookup_token(&gone).await.unwrap().is_none());
    assert!(other.lookup("ANNSKEY").await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let (_dir, catalog, identity) = world().await;
    let kept = mark(255);
    let rows = async || {
        let read = catalog.read(|tx| tx.token_revocations("ANNSKEY"));
        read.await.unwrap() as Vec<_>
    };
    for nonce in 0..64 {
        identity.revoke_token(&mark(nonce), LIFETIME).await.unwrap();
    }
    assert_eq!(rows().await.len(), 64);
    assert!(identity.lookup_token(&kept).await.unwrap().is_some());
    identity.revoke_token(&mark(64), LIFETIME).await.unwrap();
    assert_eq!(rows().await.len(), 1);
    for gone in [kept, mark(64)] {
        let gone = TokenMark {
            issued: now() - 60_000_000,
            ..gone
        };
        assert!(identity.lookup_token(&gone).await.unwrap().is_none());
    }
    let later = TokenMark {
        issued: now() + 1_000_000,
        ..mark(1)
    };
    assert!(identity.lookup_token(&later).await.unwrap().is_some());
}

#[tokio::test]
async fn what_has_ended_by_itself_is_forgotten() {
    let (_dir, catalog, identity) = world().await;
    let ended = TokenMark {
        ends: now() - 1,
        ..mark(1)
    };
    identity.revoke_token(&ended, LIFETIME).await.unwrap();
    identity.revoke_token(&mark(2), LIFETIME).await.unwrap();
    let read = catalog.read(|tx| tx.token_revocations("ANNSKEY"));
    let rows: Vec<_> = read.await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].token, vec![2; 16]);
}
