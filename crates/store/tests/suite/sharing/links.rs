//! What goes with an object as it comes and goes: sharing, and public links.

use super::*;

#[tokio::test]
async fn what_is_shared_goes_with_the_object() {
    let home = Home::new().await;
    let bob = home.owner("bob").await;
    home.put_with(&home.ada, "o", "a/b", sharing("read=bob"))
        .await
        .unwrap();
    assert_eq!(home.head(&bob, "o").await, None);
    // Overwriting keeps it.
    home.put(&home.ada, "o", "a/c").await.unwrap();
    assert_eq!(home.head(&bob, "o").await, None);
    let store = &home.world.store;
    home.delete(&home.ada, "o").await.unwrap();
    home.put(&home.ada, "o", "a/b").await.unwrap();
    assert_eq!(home.head(&bob, "o").await, DENIED);
    // So under versions, where a marker hides the object.
    let versions = dolium_store::Versioning::On;
    store
        .set_versioning(&home.ada, &home.name, versions)
        .await
        .unwrap();
    home.share("o", "read=bob").await;
    home.delete(&home.ada, "o").await.unwrap();
    assert_eq!(home.head(&bob, "o").await, DENIED);
    home.put(&home.ada, "o", "a/b").await.unwrap();
    assert_eq!(home.head(&bob, "o").await, DENIED);
    let absent = home.share_as(&home.ada, "none", sharing("read=bob")).await;
    assert_eq!(absent.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn links_are_stable_and_die_with_the_object() {
    let home = Home::new().await;
    let (bob, store) = (home.owner("bob").await, &home.world.store);
    home.put_with(&home.ada, "o", "a/b", public(true))
        .await
        .unwrap();
    let link = |who: Caller| {
        let home = &home;
        async move { home.told(&who, "o").await.unwrap().link }
    };
    let word = link(home.ada.clone()).await.unwrap();
    let follow = |word: String| async move {
        let nobody = Caller::anonymous();
        let link = store.follow_link(&nobody, &word).await?;
        let source = Source {
            container: link.container,
            path: link.path,
            ..source("x")
        };
        store.head(&link.caller, &source).await
    };
    assert_eq!(follow(word.clone()).await.unwrap().path.as_str(), "o");
    // Nobody else's door opens by it, and it opens no other.
    assert_eq!(home.head(&bob, "o").await, DENIED);
    home.put(&home.ada, "p", "a/b").await.unwrap();
    let by_link = store.follow_link(&bob, &word).await.unwrap();
    assert_eq!(home.head(&by_link.caller, "p").await, DENIED);
    assert_eq!(home.write(&by_link.caller, "o").await, DENIED);
    assert!(by_link.by_owner);
    home.put_with(&home.ada, "o", "a/b", public(true))
        .await
        .unwrap();
    assert_eq!(link(home.ada.clone()).await, Some(word.clone()));
    home.share_as(&home.ada, "o", public(false)).await.unwrap();
    assert_eq!(
        follow(word.clone()).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // A writer may publish, and does not see where to; a new link is another one.
    home.share("o", "write=bob").await;
    home.put_with(&bob, "o", "a/b", public(true)).await.unwrap();
    assert_eq!(link(bob.clone()).await, None);
    let again = link(home.ada.clone()).await.unwrap();
    assert_ne!(again, word);
    assert!(!store.follow_link(&bob, &again).await.unwrap().by_owner);
    // So it is with who only changes what the object says of itself.
    home.put(&home.ada, "o", "a/b").await.unwrap();
    assert!(store.follow_link(&bob, &again).await.unwrap().by_owner);
    let edit = Arc::new(|words: &mut Description| {
        words.attributes.set("swift", "manifest", "c/secret");
        Ok(())
    });
    let (o, name) = (path("o"), &home.name);
    store.redescribe(&bob, name, &o, edit).await.unwrap();
    assert!(!store.follow_link(&bob, &again).await.unwrap().by_owner);
    home.delete(&home.ada, "o").await.unwrap();
    assert!(follow(again).await.is_err());
    assert!(follow(String::new()).await.is_err());
}
