//! Sharing: who reads, writes and lists what of somebody else's, whichever way they come.

mod links;
mod listings;
mod model;
mod people;

use std::sync::Arc;

use dolium_identity::Role;
use dolium_store::access::{Share, Sharing};
use dolium_store::{
    Caller, Condition, ContainerName, DeleteRequest, Description, ErrorKind, Guards, PathSharing,
    Reason, Result, ShareEdit, Source, Version,
};

use super::accounts::{account, make, user, within};
use super::world::{World, path, request, source};

pub(super) const DIRECTORY: &str = "application/directory";

/// Ada, who owns `home`, and the container `c` in it.
pub(super) struct Home {
    pub(super) world: World,
    pub(super) ada: Caller,
    pub(super) name: ContainerName,
}

impl Home {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let ada = user(&world, "home:ada", Role::Owner).await;
        let name = within("home", "c");
        make(&world, &ada, &name).await.unwrap();
        Self { world, ada, name }
    }

    /// Somebody with an account of their own.
    pub(super) async fn owner(&self, name: &str) -> Caller {
        user(&self.world, &format!("{name}:{name}"), Role::Owner).await
    }

    pub(super) async fn put(&self, who: &Caller, at: &str, kind: &str) -> Result<Version> {
        self.put_with(who, at, kind, ShareEdit::default()).await
    }

    pub(super) async fn put_with(
        &self,
        who: &Caller,
        at: &str,
        kind: &str,
        share: ShareEdit,
    ) -> Result<Version> {
        let words = Description {
            content_type: kind.to_owned(),
            guards: Guards {
                share,
                ..Guards::default()
            },
            ..Description::default()
        };
        let put = request("x".into());
        let (store, condition) = (&self.world.store, Condition::default());
        store
            .put(who, &self.name, &path(at), words, condition, put)
            .await
    }

    pub(super) async fn share(&self, at: &str, text: &str) {
        let (store, path) = (&self.world.store, path(at));
        let done = store.share(&self.ada, &self.name, &path, sharing(text));
        done.await.unwrap();
    }

    pub(super) async fn share_as(&self, who: &Caller, at: &str, edit: ShareEdit) -> Result<()> {
        let store = &self.world.store;
        store.share(who, &self.name, &path(at), edit).await
    }

    pub(super) async fn told(&self, who: &Caller, at: &str) -> Result<PathSharing> {
        let store = &self.world.store;
        store.sharing_of(who, &self.name, &path(at)).await
    }

    pub(super) async fn delete(&self, who: &Caller, at: &str) -> Result<()> {
        let (store, request) = (&self.world.store, DeleteRequest::default());
        let deleted = store.delete(who, &self.name, &path(at), request).await;
        deleted.map(drop)
    }

    pub(super) fn at(&self, at: &str) -> Source {
        Source {
            container: self.name.clone(),
            ..source(at)
        }
    }

    pub(super) async fn head(&self, who: &Caller, at: &str) -> Option<ErrorKind> {
        let read = self.world.store.head(who, &self.at(at)).await;
        read.err().map(|error| error.kind())
    }

    pub(super) async fn write(&self, who: &Caller, at: &str) -> Option<ErrorKind> {
        let written = self.put(who, at, "text/plain").await;
        written.err().map(|error| error.kind())
    }
}

pub(super) fn sharing(text: &str) -> ShareEdit {
    ShareEdit {
        sharing: Some(Sharing::parse(text).unwrap()),
        public: None,
    }
}

fn public(is: bool) -> ShareEdit {
    ShareEdit {
        sharing: None,
        public: Some(is),
    }
}

const DENIED: Option<ErrorKind> = Some(ErrorKind::Denied);
const ABSENT: Option<ErrorKind> = Some(ErrorKind::NotFound);

#[tokio::test]
async fn what_is_shared_is_read_and_written_and_nothing_else() {
    let home = Home::new().await;
    let (bob, eve) = (home.owner("bob").await, home.owner("eve").await);
    for (at, kind) in [
        ("d", DIRECTORY),
        ("d/o", "a/b"),
        ("o", "a/b"),
        ("o/x", "a/b"),
    ] {
        home.put(&home.ada, at, kind).await.unwrap();
    }
    home.share("d", "read=bob;write=carl").await;
    home.share("o", "write=bob").await;
    // By both names of the container: what is decided is the same for every protocol.
    let global = Source {
        container: ContainerName::new("c").unwrap(),
        ..home.at("d/o")
    };
    assert!(home.world.store.head(&bob, &global).await.is_ok());
    assert!(home.world.store.head(&eve, &global).await.is_err());
    for (at, read, write) in [
        ("d", None, DENIED),
        ("d/o", None, DENIED),
        ("d/none", ABSENT, DENIED),
        ("da", DENIED, DENIED),
        ("o", None, None),
        // What is no directory passes nothing on.
        ("o/x", DENIED, DENIED),
        ("o/none", DENIED, DENIED),
        ("none", DENIED, DENIED),
    ] {
        assert_eq!(home.head(&bob, at).await, read, "{at}");
        assert_eq!(home.write(&bob, at).await, write, "{at}");
        assert_eq!(home.head(&eve, at).await, DENIED, "{at}");
        assert_eq!(home.head(&Caller::anonymous(), at).await, DENIED, "{at}");
    }
    // Never by sharing: deleting, sharing on, the container.
    let store = &home.world.store;
    let delete = home.delete(&bob, "o").await;
    assert_eq!(delete.unwrap_err().kind(), ErrorKind::Denied);
    let edit = sharing("read=eve");
    let share = home.share_as(&bob, "o", edit.clone()).await;
    assert_eq!(share.unwrap_err().kind(), ErrorKind::Denied);
    let put = home.put_with(&bob, "o", "a/b", edit).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Denied);
    assert!(store.container(&bob, &home.name).await.is_err());
    assert!(store.delete_container(&bob, &home.name).await.is_err());
    assert_eq!(home.head(&eve, "o").await, DENIED);
}

#[tokio::test]
async fn who_writes_a_directory_makes_objects_in_it_for_its_owner() {
    let home = Home::new().await;
    let bob = home.owner("bob").await;
    home.put(&home.ada, "d", DIRECTORY).await.unwrap();
    home.share("d", "write=bob").await;
    let made = home.put(&bob, "d/new", "a/b").await.unwrap();
    assert_eq!(made.attributes.owner(), None, "it is the account's");
    assert_eq!(made.author, bob.principal().unwrap().user_id.0);
    assert_eq!(home.head(&home.ada, "d/new").await, None);
    let account = home.world.store.account(&home.ada, &account("home")).await;
    assert_eq!(account.unwrap().usage[0].objects, 2);
    home.delete(&home.ada, "d/new").await.unwrap();
    assert_eq!(home.head(&bob, "d/new").await, ABSENT);
}

#[tokio::test]
async fn in_a_bucket_with_access_lists_too() {
    // A bucket made over S3 lets writers own what they write; not where its owner shares.
    let home = Home::new().await;
    let (bob, world) = (home.owner("bob").await, &home.world);
    let bucket = super::world::bucket();
    let put = |who: Caller, at: &'static str, kind: &'static str| async move {
        let words = Description {
            content_type: kind.to_owned(),
            ..Description::default()
        };
        let (to, at, put) = (super::world::bucket(), path(at), request("x".into()));
        let nothing = Condition::default();
        world.store.put(&who, &to, &at, words, nothing, put).await
    };
    put(world.who.clone(), "d", DIRECTORY).await.unwrap();
    let (d, edit) = (path("d"), sharing("write=bob"));
    let share = world.store.share(&world.who, &bucket, &d, edit).await;
    share.unwrap();
    let made = put(bob.clone(), "d/new", "a/b").await.unwrap();
    assert_eq!(made.attributes.owner(), None);
    assert!(world.store.head(&world.who, &source("d/new")).await.is_ok());
    assert!(put(bob, "e", "a/b").await.is_err());
}

#[tokio::test]
async fn the_closest_sharing_counts_alone() {
    let home = Home::new().await;
    let bob = home.owner("bob").await;
    let carl = home.owner("carl").await;
    for (at, kind) in [
        ("d", DIRECTORY),
        ("d/e", DIRECTORY),
        ("d/e/o", "a/b"),
        ("d/p", "a/b"),
    ] {
        home.put(&home.ada, at, kind).await.unwrap();
    }
    home.share("d", "write=*").await;
    home.share("d/e", "read=carl").await;
    home.share("d/p", "read=*").await;
    assert_eq!(home.head(&bob, "d/e/o").await, DENIED);
    assert_eq!(home.head(&carl, "d/e/o").await, None);
    assert_eq!(home.write(&carl, "d/e/o").await, DENIED);
    assert_eq!(home.write(&bob, "d/p").await, DENIED);
    assert_eq!(home.head(&bob, "d/p").await, None);
    assert_eq!(home.write(&bob, "d/q").await, None);
    // Taken back, the farther one counts again.
    home.share("d/e", "").await;
    assert_eq!(home.write(&bob, "d/e/o").await, None);
    // A directory that is none any more passes nothing on.
    home.put(&home.ada, "d", "text/plain").await.unwrap();
    assert_eq!(home.head(&bob, "d/e/o").await, DENIED);
    home.put(&home.ada, "d", "Application/Folder; x=y")
        .await
        .unwrap();
    assert_eq!(home.head(&bob, "d/e/o").await, None);
}

#[tokio::test]
async fn a_writer_does_not_make_a_shared_object_a_directory() {
    let home = Home::new().await;
    let bob = home.owner("bob").await;
    for at in ["o", "o/private", "d", "d/sub", "d/sub/x"] {
        home.put(&home.ada, at, if at == "d" { DIRECTORY } else { "a/b" })
            .await
            .unwrap();
    }
    home.share("o", "write=bob").await;
    home.share("d", "write=bob").await;
    let made = home.put(&bob, "o", DIRECTORY).await;
    assert_eq!(made.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(home.head(&bob, "o/private").await, DENIED);
    let unmade = home.put(&bob, "d", "a/b").await;
    assert_eq!(unmade.unwrap_err().kind(), ErrorKind::Denied);
    let edit = Arc::new(|words: &mut Description| {
        DIRECTORY.clone_into(&mut words.content_type);
        Ok(())
    });
    let store = &home.world.store;
    let redescribed = store.redescribe(&bob, &home.name, &path("o"), edit).await;
    assert_eq!(redescribed.unwrap_err().kind(), ErrorKind::Denied);
    // Where nothing is shared by itself it may.
    home.put(&bob, "d/sub", DIRECTORY).await.unwrap();
    home.put(&home.ada, "o", DIRECTORY).await.unwrap();
    assert_eq!(home.head(&bob, "o/private").await, None);
}

#[tokio::test]
async fn what_a_caller_hears_of_it() {
    let home = Home::new().await;
    let (bob, eve) = (home.owner("bob").await, home.owner("eve").await);
    home.put(&home.ada, "d", DIRECTORY).await.unwrap();
    home.put(&home.ada, "d/o", "a/b").await.unwrap();
    home.share("d", "read=eve, bob;write=carl").await;
    let of_bob = home.told(&bob, "d/o").await.unwrap();
    assert_eq!(
        of_bob.sharing.unwrap().to_string(),
        "read=bob,eve; write=carl"
    );
    assert_eq!(of_bob.shared_by.as_deref(), Some("d"));
    assert_eq!(of_bob.allowed, Some(Share::Read));
    let own = home.told(&home.ada, "d").await.unwrap();
    assert_eq!((own.shared_by, own.allowed), (None, None));
    home.share("d", "read=bob").await;
    assert_eq!(
        home.told(&eve, "d/o").await.unwrap_err().kind(),
        ErrorKind::Denied
    );
}

#[tokio::test]
async fn policies_deny_and_blocks_close() {
    let home = Home::new().await;
    let (bob, store) = (home.owner("bob").await, &home.world.store);
    home.put(&home.ada, "o", "a/b").await.unwrap();
    home.put_with(&home.ada, "all", "a/b", sharing("read=*"))
        .await
        .unwrap();
    home.share("o", "read=bob").await;
    home.put_with(&home.ada, "all", "a/b", public(true))
        .await
        .unwrap();
    let word = home.told(&home.ada, "all").await.unwrap().link.unwrap();
    assert_eq!(home.head(&bob, "all").await, None);
    let block = dolium_store::access::PublicAccessBlock {
        ignore_public_acls: true,
        block_public_acls: true,
        ..Default::default()
    };
    let block_with = |block| store.set_public_access_block(&home.ada, &home.name, block);
    block_with(Some(block)).await.unwrap();
    assert_eq!(home.head(&bob, "all").await, DENIED);
    assert_eq!(home.head(&bob, "o").await, None, "bob is not the public");
    assert!(store.follow_link(&bob, &word).await.is_err());
    for edit in [sharing("read=*"), public(true)] {
        let refused = home.share_as(&home.ada, "o", edit).await;
        let reason = refused.unwrap_err().reason();
        assert_eq!(reason, Some(Reason::PublicBlocked));
    }
    block_with(None).await.unwrap();
    assert_eq!(home.head(&bob, "all").await, None);
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
        "Action":"s3:GetObject","Resource":"arn:aws:s3:::c/*"}]}"#;
    store
        .set_policy(&home.ada, &home.name, Some(deny.to_owned()))
        .await
        .unwrap();
    assert_eq!(home.head(&bob, "o").await, DENIED);
    let link = store.follow_link(&bob, &word).await.unwrap();
    assert_eq!(home.head(&link.caller, "all").await, DENIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_keeps_what_is_shared() {
    let mut home = Home::new().await;
    let (bob, carl) = (home.owner("bob").await, home.owner("carl").await);
    home.put_with(&home.ada, "o", "a/b", sharing("read=bob"))
        .await
        .unwrap();
    home.put_with(&home.ada, "g", "a/b", sharing("write=home:friends"))
        .await
        .unwrap();
    home.put_with(&home.ada, "p", "a/b", public(true))
        .await
        .unwrap();
    people::set_group(&home, "friends", &["carl"]).await;
    let before = home.told(&home.ada, "p").await.unwrap();
    let (world, _) = home.world.recover().await;
    home.world = world;
    assert_eq!(home.told(&home.ada, "p").await.unwrap(), before);
    assert!(before.link.is_some());
    assert_eq!(home.head(&bob, "o").await, None);
    assert_eq!(home.write(&carl, "g").await, None);
    // The counter was counted again: what is deleted is forgotten.
    home.delete(&home.ada, "o").await.unwrap();
    home.put(&home.ada, "o", "a/b").await.unwrap();
    assert_eq!(home.head(&bob, "o").await, DENIED);
}
