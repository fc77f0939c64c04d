//! Listings of what is shared, by owners and by others.

use std::sync::Arc;

use dolium_store::{BrowseRequest, Caller, ErrorKind, ListEntry, ShareEdit, ShownOnly};

use super::{DIRECTORY, Home};
use crate::suite::accounts::{account, make, within};

pub(super) const SHARED: ShownOnly = ShownOnly {
    shared: true,
    public: false,
};
const PUBLIC: ShownOnly = ShownOnly {
    shared: false,
    public: true,
};
const NOTHING: ShownOnly = ShownOnly {
    shared: false,
    public: false,
};

/// The names of a listing, with a delimiter or none; `None` when it is refused.
pub(super) async fn list(
    home: &Home,
    who: &Caller,
    only: ShownOnly,
    (prefix, delimiter): (&str, Option<&str>),
    limit: usize,
) -> Option<Vec<String>> {
    let mut names = Vec::new();
    loop {
        let request = BrowseRequest {
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(str::to_owned),
            after: names.last().cloned(),
            limit,
            ..BrowseRequest::default()
        };
        let store = &home.world.store;
        let page = match store.list_shown(who, &home.name, request, only).await {
            Ok(page) => page,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
                return None;
            }
        };
        assert!(page.entries.len() <= limit);
        for entry in page.entries {
            names.push(match entry {
                ListEntry::Version(version) => version.path.as_str().to_owned(),
                ListEntry::Prefix(prefix) => prefix,
            });
        }
        if !page.more {
            return Some(names);
        }
    }
}

async fn tree(home: &Home) {
    for (at, kind) in [
        ("a", "a/b"),
        ("d", DIRECTORY),
        ("d-neighbour", "a/b"),
        ("d/e", DIRECTORY),
        ("d/e/secret", "a/b"),
        ("d/e/shown", "a/b"),
        ("d/f", "a/b"),
        ("z", "a/b"),
    ] {
        home.put(&home.ada, at, kind).await.unwrap();
    }
    home.share("d", "read=bob").await;
    home.share("d/e", "read=carl").await;
    home.share("d/e/shown", "read=bob").await;
}

#[tokio::test]
async fn others_see_what_they_may_read() {
    let home = Home::new().await;
    let (bob, carl, eve) = (
        home.owner("bob").await,
        home.owner("carl").await,
        home.owner("eve").await,
    );
    tree(&home).await;
    for limit in [1, 2, 100] {
        let all = list(&home, &bob, NOTHING, ("", None), limit).await.unwrap();
        assert_eq!(all, ["d", "d/e/shown", "d/f"], "{limit}");
        let top = list(&home, &bob, NOTHING, ("", Some("/")), limit).await;
        assert_eq!(top.unwrap(), ["d", "d/"], "{limit}");
        let all = list(&home, &carl, NOTHING, ("", None), limit)
            .await
            .unwrap();
        assert_eq!(all, ["d/e", "d/e/secret"], "{limit}");
    }
    let below = |who: Caller, prefix: &'static str| {
        let home = &home;
        async move { list(home, &who, NOTHING, (prefix, None), 9).await }
    };
    assert_eq!(below(bob.clone(), "d/f").await.unwrap(), ["d/f"]);
    assert_eq!(below(bob.clone(), "d/none").await.unwrap(), [""; 0]);
    // Nothing shared there is a refusal, and a stranger hears nothing else.
    assert_eq!(below(bob.clone(), "a").await, None);
    assert_eq!(below(carl.clone(), "z").await, None);
    assert_eq!(below(eve.clone(), "").await, None);
    assert_eq!(below(Caller::anonymous(), "").await, None);
    assert_eq!(list(&home, &bob, PUBLIC, ("", None), 9).await, None);
}

#[tokio::test]
async fn owners_see_what_is_shared_and_public() {
    let home = Home::new().await;
    tree(&home).await;
    let public = ShareEdit {
        public: Some(true),
        ..ShareEdit::default()
    };
    home.put_with(&home.ada, "a", "a/b", public.clone())
        .await
        .unwrap();
    home.put_with(&home.ada, "d", DIRECTORY, public)
        .await
        .unwrap();
    let both = ShownOnly {
        shared: true,
        public: true,
    };
    for limit in [1, 3, 100] {
        let names = |only| list(&home, &home.ada, only, ("", None), limit);
        let shared = ["d", "d/e", "d/e/secret", "d/e/shown", "d/f"];
        assert_eq!(names(SHARED).await.unwrap(), shared);
        // A public directory is its marker alone.
        assert_eq!(names(PUBLIC).await.unwrap(), ["a", "d"]);
        let union = ["a", "d", "d/e", "d/e/secret", "d/e/shown", "d/f"];
        assert_eq!(names(both).await.unwrap(), union);
        assert_eq!(names(NOTHING).await.unwrap().len(), 8);
    }
    let kept = home
        .world
        .store
        .list_shown(
            &home.ada,
            &home.name,
            BrowseRequest {
                limit: 9,
                test: Some(Arc::new(|version| version.content_type == DIRECTORY)),
                ..BrowseRequest::default()
            },
            SHARED,
        )
        .await
        .unwrap();
    assert_eq!(kept.entries.len(), 2);
    // As of a moment: what was there then, shared as it is now.
    let store = &home.world.store;
    let last = store.head(&home.ada, &home.at("d/f")).await.unwrap();
    let before = Some(last.created);
    let request = BrowseRequest {
        limit: 9,
        before,
        ..BrowseRequest::default()
    };
    let then = store
        .list_shown(&home.ada, &home.name, request.clone(), SHARED)
        .await
        .unwrap();
    assert_eq!(then.entries.len(), 3);
    let bob = home.owner("bob").await;
    let refused = store.list_shown(&bob, &home.name, request, NOTHING).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn how_entries_are_shared() {
    let home = Home::new().await;
    let bob = home.owner("bob").await;
    tree(&home).await;
    let store = &home.world.store;
    let paths = ["a", "d", "d/e", "d/f"].map(str::to_owned).to_vec();
    let told = store
        .sharing_of_all(&home.ada, &home.name, paths.clone())
        .await
        .unwrap();
    let texts = |told: Vec<Option<dolium_store::PathSharing>>| {
        let text = |one: Option<dolium_store::PathSharing>| {
            one.and_then(|one| one.sharing).map(|one| one.to_string())
        };
        told.into_iter().map(text).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        texts(told),
        [None, some("read=bob"), some("read=carl"), None]
    );
    let told = store.sharing_of_all(&bob, &home.name, paths).await.unwrap();
    assert_eq!(
        told[1].as_ref().unwrap().allowed,
        Some(dolium_store::access::Share::Read)
    );
    assert_eq!(texts(told), [None, some("read=bob"), None, None]);
}

#[tokio::test]
async fn who_shares_with_whom() {
    let home = Home::new().await;
    let (bob, eve) = (home.owner("bob").await, home.owner("eve").await);
    let store = &home.world.store;
    let names = |who: Caller, after: Option<&'static str>, limit: usize| async move {
        let found = store
            .sharers(&who, after.map(str::to_owned), limit)
            .await
            .unwrap();
        let name = |(name, _): (dolium_store::AccountName, _)| name.as_str().to_owned();
        found.into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(bob.clone(), None, 9).await, [""; 0]);
    for at in ["o", "p"] {
        home.put(&home.ada, at, "a/b").await.unwrap();
    }
    home.share("o", "read=eve:all").await;
    home.share("p", "read=*").await;
    // Eve shares by a group, and is not told of herself.
    let own = within("eve", "mine");
    make(&home.world, &eve, &own).await.unwrap();
    crate::suite::accounts::put(&home.world, &eve, &own, "x", "y")
        .await
        .unwrap();
    let path = crate::suite::world::path("x");
    store
        .share(
            &eve,
            &own,
            &path,
            super::sharing("read=*;write=home:friends"),
        )
        .await
        .unwrap();
    super::people::set_group(&home, "friends", &["bob"]).await;
    assert_eq!(names(bob.clone(), None, 9).await, ["eve", "home"]);
    assert_eq!(names(bob.clone(), None, 1).await, ["eve"]);
    assert_eq!(names(bob.clone(), Some("eve"), 9).await, ["home"]);
    assert_eq!(names(eve.clone(), None, 9).await, ["home"]);
    let containers = |who: Caller, name: &'static str| async move {
        let found = store.shared_containers(&who, &account(name)).await;
        found.map(|found| {
            let name = |one: dolium_store::Container| one.name.as_str().to_owned();
            found.into_iter().map(name).collect::<Vec<_>>()
        })
    };
    assert_eq!(containers(bob.clone(), "home").await.unwrap(), ["c"]);
    for name in ["bob", "none"] {
        let refused = containers(bob.clone(), name).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied);
    }
    let showing = |only| {
        let home = &home;
        async move {
            let account = account("home");
            let names = store.containers_showing(&home.ada, &account, only);
            let name = |one: dolium_store::Container| one.name.as_str().to_owned();
            names
                .await
                .unwrap()
                .into_iter()
                .map(name)
                .collect::<Vec<_>>()
        }
    };
    make(&home.world, &home.ada, &within("home", "empty"))
        .await
        .unwrap();
    assert_eq!(showing(SHARED).await, ["c"]);
    assert_eq!(showing(PUBLIC).await, [""; 0]);
    let other = store
        .containers_showing(&bob, &account("home"), SHARED)
        .await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Denied);
}
