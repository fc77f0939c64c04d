//! Accounts that several users share: who stands how in them, by which name containers are found, what an
//! account as a whole grants, and objects that end.

use std::sync::Arc;

use dolium_identity::{NewLogin, NewUser, Role};
use dolium_store::{
    AccountGrants, AccountName, Caller, Condition, ContainerName, Description, EXPIRE, EXPIRE_AT,
    ErrorKind, Instant, Pass, Reason, Result, Source, Standing, Version,
};

use super::world::{World, path, request, source};

pub(crate) async fn user(world: &World, login: &str, role: Role) -> Caller {
    let new = NewUser {
        name: login.replace(':', "."),
        login: Some(NewLogin::new(login, role).unwrap()),
        ..NewUser::default()
    };
    world
        .identity
        .create_user(new)
        .await
        .unwrap()
        .principal
        .into()
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

pub(crate) fn within(name: &str, container: &str) -> ContainerName {
    ContainerName::in_account(account(name), container).unwrap()
}

pub(crate) async fn make(world: &World, who: &Caller, name: &ContainerName) -> Result<bool> {
    let nothing = Arc::new(|_: &mut _, _| Ok(()));
    world.store.put_container(who, name, None, nothing).await
}

pub(crate) async fn put(
    world: &World,
    who: &Caller,
    container: &ContainerName,
    at: &str,
    text: &'static str,
) -> Result<Version> {
    let put = request(text.into());
    let (words, condition) = (Description::default(), Condition::default());
    world
        .store
        .put(who, container, &path(at), words, condition, put)
        .await
}

fn at(container: &ContainerName) -> Source {
    Source {
        container: container.clone(),
        ..source("o")
    }
}

async fn kind<T>(result: impl Future<Output = Result<T>>) -> Option<ErrorKind> {
    result.await.err().map(|error| error.kind())
}

#[tokio::test]
async fn who_belongs_to_an_account_owns_nothing() {
    let world = World::new().await;
    // The first user of an account is not its owner when it only belongs to it.
    let member = user(&world, "home:bob", Role::Member).await;
    let owner = user(&world, "home:ada", Role::Owner).await;
    let reseller = user(&world, "other:root", Role::Reseller).await;
    let stranger = user(&world, "other:eve", Role::Owner).await;
    let name = within("home", "photos");
    assert_eq!(
        kind(make(&world, &member, &name)).await,
        Some(ErrorKind::Denied)
    );
    assert!(make(&world, &owner, &name).await.unwrap());
    assert!(!make(&world, &reseller, &name).await.unwrap());
    put(&world, &owner, &name, "o", "x").await.unwrap();
    // By either name, and whether it is there or not.
    let global = ContainerName::new("photos").unwrap();
    for who in [&member, &stranger] {
        for name in [&name, &global] {
            let source = at(name);
            let read = world.store.head(who, &source);
            assert_eq!(kind(read).await, Some(ErrorKind::Denied));
            let write = put(&world, who, name, "o", "y");
            assert_eq!(kind(write).await, Some(ErrorKind::Denied));
        }
        let none = within("home", "none");
        assert_eq!(
            kind(world.store.head(who, &at(&none))).await,
            Some(ErrorKind::Denied)
        );
    }
    let none = within("home", "none");
    assert_eq!(
        kind(world.store.head(&owner, &at(&none))).await,
        Some(ErrorKind::NotFound)
    );
    assert!(world.store.head(&reseller, &at(&name)).await.is_ok());
    let list = world.store.list_containers(&member, None, 10);
    assert_eq!(kind(list).await, Some(ErrorKind::Denied));
}

#[tokio::test]
async fn lists_of_grantees_open_what_they_say() {
    let world = World::new().await;
    let owner = user(&world, "home:ada", Role::Owner).await;
    let member = user(&world, "home:bob", Role::Member).await;
    let name = within("home", "photos");
    make(&world, &owner, &name).await.unwrap();
    put(&world, &owner, &name, "o", "x").await.unwrap();
    let lists = |readers: &'static str, writers: &'static str| {
        let edit = Arc::new(move |settings: &mut dolium_store::ContainerSettings, _| {
            settings.readers = Some(readers.to_owned());
            settings.writers = Some(writers.to_owned());
            Ok(())
        });
        world.store.change_container(&owner, &name, edit)
    };
    lists("home:bob", "").await.unwrap();
    assert!(world.store.head(&member, &at(&name)).await.is_ok());
    assert_eq!(
        kind(put(&world, &member, &name, "o", "y")).await,
        Some(ErrorKind::Denied)
    );
    lists("", "home:bob").await.unwrap();
    assert_eq!(
        kind(world.store.head(&member, &at(&name))).await,
        Some(ErrorKind::Denied)
    );
    assert!(put(&world, &member, &name, "o", "y").await.is_ok());
    lists(".r:*", "").await.unwrap();
    let nobody = Caller::anonymous();
    assert!(world.store.head(&nobody, &at(&name)).await.is_ok());
    let list = world.store.list(&nobody, &name, Default::default());
    assert_eq!(kind(list).await, Some(ErrorKind::Denied));
    let bad = lists(".nobody:x", "").await.unwrap_err();
    assert_eq!(bad.reason(), Some(Reason::BadGrantees));
}

#[tokio::test]
async fn an_account_lets_others_in_as_a_whole() {
    let world = World::new().await;
    let owner = user(&world, "home:ada", Role::Owner).await;
    let guest = user(&world, "other:eve", Role::Owner).await;
    let home = account("home");
    let name = within("home", "photos");
    make(&world, &owner, &name).await.unwrap();
    let grant = |grants: AccountGrants| {
        let edit = Arc::new(move |settings: &mut dolium_store::AccountSettings, _| {
            settings.grants = grants.clone();
            Ok(())
        });
        world.store.change_account(&owner, &home, edit)
    };
    let to = || vec!["other:eve".to_owned()];
    assert_eq!(
        kind(world.store.account(&guest, &home)).await,
        Some(ErrorKind::Denied)
    );
    let standing = async || world.store.account(&guest, &home).await.unwrap().standing;
    grant(AccountGrants {
        read_only: to(),
        ..Default::default()
    })
    .await
    .unwrap();
    assert_eq!(standing().await, Standing::Reader);
    assert_eq!(
        kind(put(&world, &guest, &name, "o", "x")).await,
        Some(ErrorKind::Denied)
    );
    grant(AccountGrants {
        read_write: to(),
        ..Default::default()
    })
    .await
    .unwrap();
    assert_eq!(standing().await, Standing::Writer);
    assert!(put(&world, &guest, &name, "o", "x").await.is_ok());
    grant(AccountGrants {
        admin: to(),
        ..Default::default()
    })
    .await
    .unwrap();
    assert_eq!(standing().await, Standing::Owner);
    let quota = Arc::new(|settings: &mut dolium_store::AccountSettings, _| {
        settings.quota_bytes = Some(1);
        Ok(())
    });
    let asked = world.store.change_account(&guest, &home, quota);
    assert_eq!(kind(asked).await, Some(ErrorKind::Denied));
}

#[tokio::test]
async fn services_and_passes_open_no_more_than_they_say() {
    let world = World::new().await;
    let ada = user(&world, "home:ada", Role::Owner).await;
    let service = user(&world, "images:svc", Role::Service).await;
    let kept = within("SERVICE_home", "images");
    assert_eq!(
        kind(make(&world, &ada, &kept)).await,
        Some(ErrorKind::Denied)
    );
    let vouched = ada.clone().vouched_for(service.principal().unwrap());
    assert!(make(&world, &vouched, &kept).await.unwrap());
    let other = within("SERVICE_images", "images");
    assert_eq!(
        kind(make(&world, &vouched, &other)).await,
        Some(ErrorKind::Denied)
    );
    let unvouched = ada.clone().vouched_for(ada.principal().unwrap());
    assert_eq!(
        kind(make(&world, &unvouched, &kept)).await,
        Some(ErrorKind::Denied)
    );

    let (name, elsewhere) = (within("home", "a"), within("home", "b"));
    for name in [&name, &elsewhere] {
        make(&world, &ada, name).await.unwrap();
        put(&world, &ada, name, "o", "x").await.unwrap();
    }
    let pass = Pass {
        account: account("home"),
        container: Some("a".to_owned()),
        read: true,
        write: false,
    };
    let visitor = Caller::anonymous().with_pass(pass);
    assert!(world.store.head(&visitor, &at(&name)).await.is_ok());
    assert_eq!(
        kind(world.store.head(&visitor, &at(&elsewhere))).await,
        Some(ErrorKind::Denied)
    );
    assert_eq!(
        kind(put(&world, &visitor, &name, "o", "y")).await,
        Some(ErrorKind::Denied)
    );
}

#[tokio::test]
async fn an_object_ends_at_its_moment_and_is_removed_later() {
    let world = World::new().await;
    let (name, who) = (super::world::bucket(), world.who.clone());
    let ending = |seconds: i64| {
        let mut words = Description::default();
        words.attributes.set(EXPIRE, EXPIRE_AT, seconds.to_string());
        let put = request("x".into());
        let (store, name, who) = (world.store.clone(), name.clone(), who.clone());
        async move {
            let condition = Condition::default();
            store
                .put(&who, &name, &path("o"), words, condition, put)
                .await
                .unwrap()
        }
    };
    let now = Instant::now().0 / 1_000_000;
    ending(now + 1000).await;
    assert_eq!(world.store.remove_expired().await.unwrap(), 0);
    assert!(world.get("o").await.is_ok());
    ending(now - 1).await;
    assert_eq!(
        world.get("o").await.unwrap_err().reason(),
        Some(Reason::NoSuchObject)
    );
    let seeing = who.clone().seeing_expired();
    assert!(world.store.head(&seeing, &source("o")).await.is_ok());
    let world = world.recover().await.0;
    assert_eq!(world.store.remove_expired().await.unwrap(), 1);
    let error = world.store.head(&seeing, &source("o")).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NoSuchObject));
    // The reminder of the first version found it replaced, and is gone.
    assert_eq!(world.store.remove_expired().await.unwrap(), 0);
    assert_eq!(
        world
            .store
            .container(&who, &super::world::bucket())
            .await
            .unwrap()
            .objects,
        0
    );
}
