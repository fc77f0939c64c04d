//! Who is meant by a name: owners of accounts, who only belongs to one, groups, everybody.

use std::sync::Arc;

use dolium_identity::Role;
use dolium_store::{AccountSettings, Caller, ErrorKind, Standing};

use super::{DENIED, Home};
use crate::suite::accounts::{account, user};

/// Gives a group of `home` these members.
pub(super) async fn set_group(home: &Home, name: &str, members: &[&str]) {
    try_group(home, &home.ada, name, members).await.unwrap();
}

async fn try_group(
    home: &Home,
    who: &Caller,
    name: &str,
    members: &[&str],
) -> dolium_store::Result<()> {
    let name = name.to_owned();
    let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
    let edit = Arc::new(move |settings: &mut AccountSettings, _: Standing| {
        let members = members.iter().cloned().collect();
        settings.groups.insert(name.clone(), members);
        Ok(())
    });
    let store = &home.world.store;
    store.change_account(who, &account("home"), edit).await
}

#[tokio::test]
async fn an_account_means_its_owners_and_not_who_only_belongs_to_it() {
    let home = Home::new().await;
    let owner = user(&home.world, "club:olga", Role::Owner).await;
    let member = user(&home.world, "club:max", Role::Member).await;
    let other = user(&home.world, "club:moe", Role::Member).await;
    assert_eq!(member.grantee().as_deref(), Some("club!max"));
    home.put(&home.ada, "o", "a/b").await.unwrap();
    for (text, reads) in [
        ("read=club", [true, false, false]),
        ("read=club!max", [false, true, false]),
        ("read=club:max", [false, false, false]),
        ("read=max", [false, false, false]),
        ("read=club.max", [false, false, false]),
        ("read=*", [true, true, true]),
    ] {
        home.share("o", text).await;
        for (who, reads) in [&owner, &member, &other].into_iter().zip(reads) {
            let expect = if reads { None } else { DENIED };
            assert_eq!(
                home.head(who, "o").await,
                expect,
                "{text} {:?}",
                who.grantee()
            );
        }
    }
}

#[tokio::test]
async fn names_are_in_lower_case_unless_somebody_has_them_otherwise() {
    let home = Home::new().await;
    let (upper, lower) = (home.owner("Bob").await, home.owner("bob").await);
    let carl = home.owner("carl").await;
    home.put(&home.ada, "o", "a/b").await.unwrap();
    for (text, reads) in [
        ("read=Bob", [true, false, false]),
        ("read=bob", [false, true, false]),
        ("read=BOB", [false, true, false]),
        ("read=Carl", [false, false, true]),
    ] {
        home.share("o", text).await;
        for (who, reads) in [&upper, &lower, &carl].into_iter().zip(reads) {
            let expect = if reads { None } else { DENIED };
            assert_eq!(
                home.head(who, "o").await,
                expect,
                "{text} {:?}",
                who.grantee()
            );
        }
    }
}

#[tokio::test]
async fn groups_are_looked_up_when_they_are_needed() {
    let home = Home::new().await;
    let (bob, carl) = (home.owner("bob").await, home.owner("carl").await);
    home.put(&home.ada, "o", "a/b").await.unwrap();
    home.share("o", "read=HOME:Friends").await;
    assert_eq!(home.head(&bob, "o").await, DENIED);
    set_group(&home, "Friends", &["BOB"]).await;
    assert_eq!(home.head(&bob, "o").await, None);
    assert_eq!(home.head(&carl, "o").await, DENIED);
    set_group(&home, "friends", &["carl"]).await;
    assert_eq!(home.head(&bob, "o").await, DENIED);
    assert_eq!(home.head(&carl, "o").await, None);
    set_group(&home, "friends", &[]).await;
    assert_eq!(home.head(&carl, "o").await, DENIED);
    // Only owners have a say in groups.
    let denied = try_group(&home, &bob, "friends", &["bob"]).await;
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn the_group_of_another_account_has_not_its_owner_in_it() {
    let home = Home::new().await;
    let bob = home.owner("bob").await;
    let carl = home.owner("carl").await;
    home.put(&home.ada, "o", "a/b").await.unwrap();
    home.share("o", "read=bob:team").await;
    let edit = Arc::new(|settings: &mut AccountSettings, _: Standing| {
        settings.groups = [("team".to_owned(), ["carl".to_owned()].into())].into();
        Ok(())
    });
    let store = &home.world.store;
    store
        .change_account(&bob, &account("bob"), edit)
        .await
        .unwrap();
    assert_eq!(home.head(&bob, "o").await, DENIED);
    assert_eq!(home.head(&carl, "o").await, None);
}

#[tokio::test]
async fn limits_of_groups() {
    let home = Home::new().await;
    let names = |count: usize| (0..count).map(|n| format!("u{n}")).collect::<Vec<_>>();
    let (most, over) = (names(32), names(33));
    let most: Vec<&str> = most.iter().map(String::as_str).collect();
    let over: Vec<&str> = over.iter().map(String::as_str).collect();
    set_group(&home, "full", &most).await;
    let long = "x".repeat(257);
    let refused: [(&str, &[&str]); 8] = [
        ("full", &over),
        ("a-b", &["u"]),
        ("a_b", &["u"]),
        ("a:b", &["u"]),
        (&long, &["u"]),
        ("g", &[&long]),
        ("g", &["home:g"]),
        ("g", &["*"]),
    ];
    for (name, members) in refused {
        let refused = try_group(&home, &home.ada, name, members).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid, "{name}");
    }
    for n in 1..32 {
        set_group(&home, &format!("g{n}"), &["u"]).await;
    }
    let refused = try_group(&home, &home.ada, "g32", &["u"]).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_name_that_somebody_else_gets_brings_nothing() {
    let home = Home::new().await;
    home.put(&home.ada, "o", "a/b").await.unwrap();
    let bob = home.owner("bob").await;
    home.share("o", "read=bob").await;
    assert_eq!(home.head(&bob, "o").await, None);
    home.world.identity.remove_user("bob.bob").await.unwrap();
    let other = home.owner("bob").await;
    assert_eq!(home.head(&other, "o").await, DENIED);
}
