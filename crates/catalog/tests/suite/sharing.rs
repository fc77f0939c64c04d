//! Shares, public links and groups: seeks in both directions, counters, and what goes with what.

use dolium_catalog::{Catalog, ContainerId, Groups, PublicLinkRow, Role, UserId, UserRow};
use dolium_catalog::{LoginRow, member_grantee};

use super::fixture::{container, objects, read, write};

pub(super) async fn run(catalog: &Catalog) {
    shares(catalog).await;
    links(catalog).await;
    groups(catalog).await;
    names_that_go(catalog).await;
}

async fn counted(catalog: &Catalog, id: ContainerId) -> i64 {
    let state = read(catalog, move |tx| tx.container_state(id)).await;
    state.map_or(-1, |state| state.shares)
}

fn grants(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    let own = |(name, writes): &(&str, bool)| ((*name).to_owned(), *writes);
    names.iter().map(own).collect()
}

async fn share(catalog: &Catalog, id: ContainerId, path: &'static str, names: &[(&str, bool)]) {
    let grants = grants(names);
    write(catalog, move |tx| {
        tx.set_shares(id, "sharing", path.as_bytes(), &grants)
    })
    .await;
}

async fn shares(catalog: &Catalog) {
    let id = container(catalog, "sharing").await.id;
    share(catalog, id, "d", &[("ada", false), ("bob", true)]).await;
    share(catalog, id, "d/e", &[("*", false)]).await;
    assert_eq!(counted(catalog, id).await, 3);
    // Replaced as a whole.
    share(catalog, id, "d", &[("bob", false), ("eve", false)]).await;
    assert_eq!(counted(catalog, id).await, 3);
    let rows = read(catalog, move |tx| tx.shares(id, b"d")).await;
    let rows: Vec<_> = rows.into_iter().map(|r| (r.grantee, r.writes)).collect();
    assert_eq!(rows, grants(&[("bob", false), ("eve", false)]));

    let next = |from: &'static [u8]| read(catalog, move |tx| tx.next_shared_path(id, from));
    assert_eq!(next(b"").await.as_deref(), Some(&b"d"[..]));
    assert_eq!(next(b"d\0").await.as_deref(), Some(&b"d/e"[..]));
    assert_eq!(next(b"d/e\0").await, None);
    let last = |upto: &'static [u8]| read(catalog, move |tx| tx.last_shared_path(id, upto));
    assert_eq!(last(b"d/e/f").await.as_deref(), Some(&b"d/e"[..]));
    assert_eq!(last(b"d/a").await.as_deref(), Some(&b"d"[..]));
    assert_eq!(last(b"c").await, None);
    let granted = |name: &'static str, from: &'static [u8]| {
        read(catalog, move |tx| {
            tx.next_granted_path(name, "sharing", id, from)
        })
    };
    assert_eq!(granted("bob", b"").await.as_deref(), Some(&b"d"[..]));
    assert_eq!(granted("bob", b"d\0").await, None);
    assert_eq!(granted("ada", b"").await, None);
    let owner = |after: &'static str| read(catalog, move |tx| tx.next_sharing_account("*", after));
    assert_eq!(owner("").await.as_deref(), Some("sharing"));
    assert_eq!(owner("sharing").await, None);
    let first = ContainerId(i64::MIN);
    let within = |after| {
        read(catalog, move |tx| {
            tx.next_sharing_container("*", "sharing", after)
        })
    };
    assert_eq!(within(first).await, Some(id));
    assert_eq!(within(id).await, None);
    write(catalog, move |tx| tx.forget_shares(id, b"d")).await;
    assert_eq!(counted(catalog, id).await, 1);
}

async fn links(catalog: &Catalog) {
    let id = container(catalog, "links").await.id;
    let link = |word: &str, path: &str| PublicLinkRow {
        word: word.into(),
        container_id: id,
        path: path.into(),
    };
    let (one, other) = (link("w1", "p"), link("w2", "q"));
    let both = (one.clone(), other);
    write(catalog, move |tx| {
        tx.create_public_link(&both.0)?;
        tx.create_public_link(&both.1)
    })
    .await;
    for taken in [link("w1", "r"), link("w3", "p")] {
        let refused = catalog
            .write(move |tx| tx.create_public_link(&taken))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), dolium_catalog::ErrorKind::AlreadyExists);
    }
    assert_eq!(counted(catalog, id).await, 2);
    assert_eq!(read(catalog, |tx| tx.public_link("w1")).await, Some(one));
    assert_eq!(read(catalog, |tx| tx.public_link("nope")).await, None);
    let next = read(catalog, move |tx| tx.next_public_path(id, b"p\0")).await;
    assert_eq!(next.as_deref(), Some(&b"q"[..]));
    assert!(write(catalog, move |tx| tx.delete_public_link(id, b"p")).await);
    assert!(!write(catalog, move |tx| tx.delete_public_link(id, b"p")).await);
    // A container takes its links and shares with it.
    share(catalog, id, "x", &[("ada", false)]).await;
    write(catalog, move |tx| tx.delete_container(id)).await;
    assert_eq!(read(catalog, |tx| tx.public_link("w2")).await, None);
    assert!(
        read(catalog, move |tx| tx.shares(id, b"x"))
            .await
            .is_empty()
    );
}

fn group_map(groups: &[(&str, &[&str])]) -> Groups {
    let own = |(name, members): &(&str, &[&str])| {
        let members = members.iter().map(|member| (*member).to_owned());
        ((*name).to_owned(), members.collect())
    };
    groups.iter().map(own).collect()
}

async fn groups(catalog: &Catalog) {
    let account = write(catalog, |tx| tx.create_account("grouping", None, 1))
        .await
        .id;
    let first = group_map(&[("a", &["ada", "bob"]), ("b", &["ada"])]);
    for groups in [first.clone(), first, group_map(&[("b", &["ada", "eve"])])] {
        let wanted = groups.clone();
        write(catalog, move |tx| tx.set_groups(account, &groups)).await;
        assert_eq!(read(catalog, move |tx| tx.groups(account)).await, wanted);
    }
    let of = |member: &'static str| read(catalog, move |tx| tx.groups_of_member(member, 9));
    assert_eq!(of("ada").await, [("grouping".to_owned(), "b".to_owned())]);
    assert_eq!(of("bob").await, []);
    for (name, member, is) in [("b", "eve", true), ("b", "bob", false), ("a", "ada", false)] {
        let found = read(catalog, move |tx| tx.is_in_group(account, name, member)).await;
        assert_eq!(found, is, "{name} {member}");
    }
}

/// A name that is given to somebody else later must not bring what was shared with who had it.
async fn names_that_go(catalog: &Catalog) {
    let id = container(catalog, "leaving").await.id;
    let account = write(catalog, |tx| tx.create_account("home", None, 1))
        .await
        .id;
    let user = write(catalog, move |tx| {
        let id = tx.create_user(&UserRow {
            id: UserId(0),
            account_id: account,
            name: "leaver".into(),
            display_name: "x".into(),
            canonical_id: "leaver-canonical".into(),
            email: None,
            admin: false,
            disabled: false,
            created: 5,
        })?;
        tx.create_login(&LoginRow {
            user_id: id,
            name: "home:leaver".into(),
            role: Role::Member,
        })?;
        Ok(id)
    })
    .await;
    assert_eq!(member_grantee("home:leaver"), "home!leaver");
    let all = [
        "home",
        "home!leaver",
        "home!other",
        "home:friends",
        "homer",
        "home-",
    ];
    let all: Vec<_> = all.iter().map(|name| (*name, false)).collect();
    share(catalog, id, "o", &all).await;
    objects(catalog, id, vec![b"o".to_vec()]).await;
    let other = group_map(&[("g", &["home", "home!leaver", "homer"])]);
    let owner = read(catalog, |tx| tx.account_by_name("leaving"))
        .await
        .unwrap()
        .id;
    write(catalog, move |tx| tx.set_groups(owner, &other)).await;
    let names = || async {
        let rows = read(catalog, move |tx| tx.shares(id, b"o")).await;
        rows.into_iter().map(|row| row.grantee).collect::<Vec<_>>()
    };
    write(catalog, move |tx| tx.delete_user(user)).await;
    assert_eq!(
        names().await,
        ["home", "home!other", "home-", "home:friends", "homer"]
    );
    write(catalog, move |tx| tx.delete_account(account)).await;
    assert_eq!(names().await, ["home-", "homer"]);
    assert_eq!(counted(catalog, id).await, 2);
    let left = read(catalog, move |tx| tx.groups(owner)).await;
    assert_eq!(left, group_map(&[("g", &["homer"])]));
}
