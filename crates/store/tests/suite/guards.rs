//! Who may reach an object, until when it stays, and what it is encrypted with: through the verbs, over
//! restarts and recovery.

use dolium_catalog::{AccountId, UserId};
use dolium_store::access::{Canned, Ownership};
use dolium_store::{
    AclRequest, ByteRange, Caller, Condition, ContainerLock, ContainerRequest, CopyRequest,
    CustomerKey, DeleteRequest, Description, EncryptedBy, Encryption, ErrorKind, Guards, LockMode,
    Reason, RenameRequest, Retention, Selector, Source, Version, Versioning,
};

use super::world::{World, bucket, path, request, source};

/// Another user with an account of its own.
fn stranger(world: &World) -> Caller {
    let mut other = world.who.principal().unwrap().clone();
    other.account_id = AccountId(other.account_id.0 + 1);
    other.user_id = UserId(other.user_id.0 + 1);
    other.canonical_id = "stranger".to_owned();
    other.name = "stranger".to_owned();
    other.into()
}

fn in_an_hour() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_micros() as i64 + 3_600_000_000
}

async fn put_with(world: &World, at: &str, bytes: &[u8], guards: Guards) -> Version {
    let description = Description {
        guards,
        ..Description::default()
    };
    let put = request(bytes.to_vec().into());
    let (home, at) = (bucket(), path(at));
    let done = world.store.put(
        &world.who,
        &home,
        &at,
        description,
        Condition::default(),
        put,
    );
    done.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_what_was_not_opened() {
    let world = World::new().await;
    let home = bucket();
    world.put("closed", "a").await;
    let x = path("x");
    let public = Guards {
        acl: Some(AclRequest::Canned(Canned::PublicRead)),
        ..Guards::default()
    };
    put_with(&world, "open", b"b", public).await;
    for who in [Caller::anonymous(), stranger(&world)] {
        let denied = world.store.head(&who, &source("closed")).await.unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::Denied);
        // Who may not list is not told what is missing.
        let missing = world.store.head(&who, &source("none")).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Denied);
        assert_eq!(
            world.store.head(&who, &source("open")).await.unwrap().size,
            1
        );
        let written = world.store.put(
            &who,
            &home,
            &x,
            Description::default(),
            Condition::default(),
            request("x".into()),
        );
        assert_eq!(written.await.unwrap_err().kind(), ErrorKind::Denied);
    }
    let enforced = Some(Ownership::BucketOwnerEnforced);
    let done = world.store.set_ownership(&world.who, &home, enforced);
    done.await.unwrap();
    let (world, _) = world.recover().await;
    let denied = world
        .store
        .head(&Caller::anonymous(), &source("open"))
        .await;
    assert_eq!(
        denied.unwrap_err().kind(),
        ErrorKind::Denied,
        "lists are off"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_stays() {
    let world = World::new().await;
    let home = bucket();
    let name = dolium_store::ContainerName::new("locked").unwrap();
    let wanted = ContainerRequest {
        lock: true,
        ..ContainerRequest::default()
    };
    let made = world.store.create_container(&world.who, &name, wanted);
    assert_eq!(made.await.unwrap().versioning, Versioning::On);
    let store = &world.store;
    let suspended = store.set_versioning(&world.who, &name, Versioning::Suspended);
    let refused = suspended.await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::VersioningNeeded));

    for mode in [LockMode::Governance, LockMode::Compliance] {
        let until = in_an_hour();
        let guards = Guards {
            retention: Some(Retention { mode, until }),
            ..Guards::default()
        };
        let description = Description {
            guards,
            ..Description::default()
        };
        let put = request("kept".into());
        let at = path("a");
        let done = store.put(
            &world.who,
            &name,
            &at,
            description,
            Condition::default(),
            put,
        );
        let version = done.await.unwrap();
        let delete = |bypass_governance| DeleteRequest {
            version: Some(Selector::Serial(version.serial)),
            bypass_governance,
            ..DeleteRequest::default()
        };
        let refused = store.delete(&world.who, &name, &at, delete(false)).await;
        assert_eq!(refused.unwrap_err().reason(), Some(Reason::Locked));
        // A marker hides it, and that is allowed.
        let marker = store.delete(&world.who, &name, &at, DeleteRequest::default());
        assert!(marker.await.unwrap().marker.is_some());
        let bypassed = store.delete(&world.who, &name, &at, delete(true)).await;
        assert_eq!(bypassed.is_ok(), mode == LockMode::Governance);
        let of = Source {
            container: name.clone(),
            version: Selector::Serial(version.serial),
            ..source("a")
        };
        if mode == LockMode::Compliance {
            let sooner = Some(Retention {
                mode,
                until: until - 1,
            });
            let refused = store.set_retention(&world.who, &of, sooner, true).await;
            assert_eq!(refused.unwrap_err().reason(), Some(Reason::Locked));
        }
    }
    let without = world
        .store
        .set_container_lock(&world.who, &home, ContainerLock::default());
    let refused = without.await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::VersioningNeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_key_opens_what_it_closed() {
    let world = World::new().await;
    let home = bucket();
    let key = CustomerKey::new([9; 32]);
    let text: Vec<u8> = (0..9_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut put = request(text.clone().into());
    put.encryption = Some(Encryption::Customer(key.clone()));
    let at = path("secret");
    let (who, none) = (world.who.clone(), Condition::default);
    let done = world
        .store
        .put(&who, &home, &at, Description::default(), none(), put);
    let version = done.await.unwrap();
    assert_eq!(version.encrypted, Some(EncryptedBy::Customer));
    let (world, _) = world.recover().await;

    let closed = world.get("secret").await.unwrap_err();
    assert_eq!(closed.reason(), Some(Reason::BadKey));
    let with = |key: [u8; 32]| Source {
        key: Some(CustomerKey::new(key)),
        ..source("secret")
    };
    let wrong = world.read(&with([8; 32]), ByteRange::Full).await;
    assert_eq!(wrong.unwrap_err().reason(), Some(Reason::WrongKey));
    assert_eq!(
        world.read(&with([9; 32]), ByteRange::Full).await.unwrap(),
        text
    );
    let range = ByteRange::From {
        first: 4_194_300,
        last: Some(4_194_310),
    };
    let part = world.read(&with([9; 32]), range).await.unwrap();
    assert_eq!(part, &text[4_194_300..=4_194_310]);

    // A copy without a key is plain again, with the same tag.
    let copy = CopyRequest {
        source: with([9; 32]),
        container: bucket(),
        path: path("plain"),
        condition: none(),
        replace: None,
        tags: None,
        class: None,
        guards: Guards::default(),
        encryption: None,
        refuse_copy_onto_itself: true,
    };
    let copied = world.store.copy(&who, copy).await.unwrap();
    assert_eq!((copied.encrypted, copied.etag), (None, version.etag));
    assert_eq!(world.get("plain").await.unwrap(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_is_one_step() {
    let world = World::new().await;
    let home = bucket();
    world.put("old", "text").await;
    world.put("taken", "other").await;
    let rename = |to: &str, condition| RenameRequest {
        source: source("old"),
        path: path(to),
        condition,
    };
    let unless_there = Condition {
        if_none_match: Some(dolium_store::EtagMatch::Any),
        ..Condition::default()
    };
    let refused = world
        .store
        .rename(&world.who, rename("taken", unless_there))
        .await;
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::ConditionFailed));
    assert_eq!(world.get("old").await.unwrap(), b"text");
    let done = world
        .store
        .rename(&world.who, rename("new", Condition::default()));
    done.await.unwrap();
    assert_eq!(world.get("new").await.unwrap(), b"text");
    let gone = world.get("old").await.unwrap_err();
    assert_eq!(gone.reason(), Some(Reason::NoSuchObject));
    let container = world.store.container(&world.who, &home).await.unwrap();
    assert_eq!((container.objects, container.bytes), (2, 9));
    let stranger = stranger(&world);
    let denied = world
        .store
        .rename(&stranger, rename("x", Condition::default()))
        .await;
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
}
