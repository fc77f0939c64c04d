//! Users and keys from the outside, over a catalog in a file.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dolium_catalog::{Catalog, CatalogSettings, NewContainer};
use dolium_identity::{AccessKeyId, ErrorKind, Identity, NewUser, SealingKey, Secret};

struct World {
    dir: tempfile::TempDir,
    catalog: Catalog,
    identity: Identity,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let catalog =
        Catalog::open_sqlite(dir.path().join("catalog"), CatalogSettings::default()).unwrap();
    let identity = Identity::new(catalog.clone(), SealingKey::from_bytes([7; 32]));
    World {
        dir,
        catalog,
        identity,
    }
}

fn ann() -> NewUser {
    NewUser {
        name: "ann".into(),
        email: Some("ann@example.org".into()),
        access_key: Some("ANNSKEY".into()),
        secret: Some(Secret::try_from("annssecret".to_owned()).unwrap()),
        ..NewUser::default()
    }
}

#[tokio::test]
async fn a_user_signs_in_until_disabled_or_removed() {
    let World {
        identity,
        dir: _dir,
        ..
    } = world();
    let made = identity.create_user(ann()).await.unwrap();
    assert_eq!(made.principal.display_name, "ann");
    assert_eq!(made.principal.canonical_id.len(), 64);
    for _ in 0..2 {
        let (principal, secret) = identity.lookup("ANNSKEY").await.unwrap().unwrap();
        assert_eq!(
            (&principal, secret.expose()),
            (&made.principal, "annssecret")
        );
    }
    assert!(identity.lookup("nobody").await.unwrap().is_none());

    identity.set_disabled("ann", true).await.unwrap();
    assert!(identity.lookup("ANNSKEY").await.unwrap().is_none());
    identity.set_disabled("ann", false).await.unwrap();
    assert!(identity.lookup("ANNSKEY").await.unwrap().is_some());
    identity.remove_user("ann").await.unwrap();
    assert!(identity.lookup("ANNSKEY").await.unwrap().is_none());
    assert!(identity.users().await.unwrap().is_empty());
    assert_eq!(
        identity.remove_user("ann").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    identity.create_user(ann()).await.unwrap();
}

#[tokio::test]
async fn of_two_first_users_there_is_one() {
    let World {
        identity,
        dir: _dir,
        ..
    } = world();
    let first = |name: &str| NewUser {
        name: name.to_owned(),
        first: true,
        ..NewUser::default()
    };
    identity.create_user(first("root")).await.unwrap();
    let late = identity.create_user(first("toor")).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::AlreadyExists);
    assert_eq!(identity.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_are_added_and_removed() {
    let World {
        identity,
        dir: _dir,
        ..
    } = world();
    identity.create_user(ann()).await.unwrap();
    identity
        .create_user(NewUser {
            name: "bob".into(),
            ..NewUser::default()
        })
        .await
        .unwrap();
    let (id, secret) = identity.add_access_key("ann", None).await.unwrap();
    let (principal, found) = identity.lookup(id.as_str()).await.unwrap().unwrap();
    assert_eq!((principal.name.as_str(), found), ("ann", secret));

    let given = (
        AccessKeyId::try_from("ANNSKEY".to_owned()).unwrap(),
        Secret::random(),
    );
    let twice = identity
        .add_access_key("bob", Some(given.clone()))
        .await
        .unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::AlreadyExists);
    let others = identity
        .remove_access_key("bob", &given.0)
        .await
        .unwrap_err();
    assert_eq!(others.kind(), ErrorKind::NotFound, "a key of another user");

    assert_eq!(identity.access_keys("ann").await.unwrap().len(), 2);
    identity.remove_access_key("ann", &id).await.unwrap();
    assert!(identity.lookup(id.as_str()).await.unwrap().is_none());
    assert_eq!(identity.access_keys("ann").await.unwrap().len(), 1);
    assert_eq!(
        identity.access_keys("eve").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn refusals() {
    let World {
        identity,
        catalog,
        dir: _dir,
    } = world();
    let made = identity.create_user(ann()).await.unwrap();
    let cases = [
        (ann(), ErrorKind::AlreadyExists),
        (
            NewUser {
                name: "a b".into(),
                ..NewUser::default()
            },
            ErrorKind::Invalid,
        ),
        (
            NewUser {
                email: Some("x".into()),
                name: "x".into(),
                ..ann()
            },
            ErrorKind::Invalid,
        ),
        (
            NewUser {
                access_key: Some("a/b".into()),
                name: "x".into(),
                ..ann()
            },
            ErrorKind::Invalid,
        ),
        (
            NewUser {
                name: "x".into(),
                ..ann()
            },
            ErrorKind::AlreadyExists,
        ),
        (
            NewUser {
                name: "x".into(),
                canonical_id: Some(made.principal.canonical_id.clone()),
                ..NewUser::default()
            },
            ErrorKind::AlreadyExists,
        ),
    ];
    for (new, kind) in cases {
        let text = format!("{new:?}");
        assert_eq!(
            identity.create_user(new).await.unwrap_err().kind(),
            kind,
            "{text}"
        );
    }
    assert_eq!(
        identity.users().await.unwrap().len(),
        1,
        "a refused user leaves nothing behind"
    );

    let container = NewContainer {
        account_id: made.principal.account_id,
        name: b"photos".to_vec(),
        created: 1,
        chunking: "fixed".into(),
        block_size: 1,
        array_name: "default".into(),
        attributes: Vec::new(),
    };
    let op = move |tx: &mut dolium_catalog::WriteTx<'_>| tx.create_container(container.clone());
    catalog
        .write::<_, dolium_catalog::Error, _>(op)
        .await
        .unwrap();
    let error = identity.remove_user("ann").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("1 containers"), "{error}");
    assert!(identity.lookup("ANNSKEY").await.unwrap().is_some());
}

#[tokio::test]
async fn secrets_are_sealed_on_disk_and_open_only_with_the_key() {
    let World {
        dir,
        catalog,
        identity,
    } = world();
    identity.create_user(ann()).await.unwrap();
    let stranger = Identity::new(catalog.clone(), [8; 32]);
    assert_eq!(
        stranger.lookup("ANNSKEY").await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    drop((identity, stranger, catalog));
    let mut found_key = false;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        assert!(!has("annssecret"));
        found_key |= has("ANNSKEY");
    }
    assert!(found_key, "the file that was searched is the catalog");
}
