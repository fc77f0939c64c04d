//! Checks of put, get, head and delete.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use super::{Outcome, bytes, equal, fails, good, name, put};
use crate::{ErrorKind, Payload, Provider};

/// As many puts at once as a busy array makes of one name after a misunderstanding.
const RIVALS: u8 = 16;

pub(super) async fn what_is_put_is_got(provider: Arc<dyn Provider>) -> Outcome {
    let odd = [
        "a",
        "0-_.x",
        "a..b/c",
        "packs/ab/abcdef-0.10",
        "w/x/y/z",
        "-",
    ];
    let lens = [0, 1, 4096, 65_537, 1 << 20, 16 << 20];
    for (text, len) in odd.into_iter().zip(lens) {
        let body = bytes(len);
        put(&provider, text, body.clone()).await?;
        let blob = name(text)?;
        let info = good("head", provider.head(&blob).await)?;
        equal("head's name", info.name, blob.clone())?;
        equal("head's length", info.len, len as u64)?;
        let got = good("get", provider.get(&blob, 0..len as u64).await)?;
        if got != body {
            return Err(format!("{text}: other bytes came back than were put"));
        }
    }
    let segments = [&b"one"[..], b"", b"two", b"3"]
        .map(Bytes::from_static)
        .to_vec();
    let blob = name("segments")?;
    good(
        "put in segments",
        provider.put(&blob, Payload::from(segments)).await,
    )?;
    let got = good("get", provider.get(&blob, 0..7).await)?;
    equal("segments", got, Bytes::from_static(b"onetwo3"))
}

pub(super) async fn ranges_are_exact(provider: Arc<dyn Provider>) -> Outcome {
    let body = bytes(100_000);
    put(&provider, "r/blob", body.clone()).await?;
    put(&provider, "r/empty", Vec::new()).await?;
    let blob = name("r/blob")?;
    for range in [
        0..64,
        0..100_000,
        99_999..100_000,
        65_535..65_537,
        7..7,
        100_000..100_000,
    ] {
        let want = &body[range.start as usize..range.end as usize];
        let got = good("get", provider.get(&blob, range.clone()).await)?;
        if got != want {
            return Err(format!(
                "range {range:?} returned {} other bytes",
                got.len()
            ));
        }
    }
    for range in [
        99_999..100_001,
        100_000..100_001,
        200_000..200_001,
        0..u64::MAX >> 1,
    ] {
        let got = provider.get(&blob, range.clone()).await;
        fails(&format!("get of {range:?}"), got, ErrorKind::Invalid)?;
    }
    let empty = name("r/empty")?;
    let got = good("get of nothing", provider.get(&empty, 0..0).await)?;
    equal("empty blob", got.len(), 0)?;
    fails(
        "get past an empty blob",
        provider.get(&empty, 0..1).await,
        ErrorKind::Invalid,
    )
}

/// `bytes=0-0`, which servers take for a missing end when they are careless with zero.
pub(super) async fn the_first_byte_alone(provider: Arc<dyn Provider>) -> Outcome {
    put(&provider, "r/blob", b"abc".to_vec()).await?;
    let got = good("get", provider.get(&name("r/blob")?, 0..1).await)?;
    equal("first byte", got, Bytes::from_static(b"a"))
}

pub(super) async fn missing_blobs_are_not_found(provider: Arc<dyn Provider>) -> Outcome {
    put(&provider, "there/blob", bytes(10)).await?;
    for text in [
        "no",
        "there/no",
        "there",
        "there/blob.1",
        "no/such/dir/blob",
    ] {
        let blob = name(text)?;
        fails("get", provider.get(&blob, 0..1).await, ErrorKind::NotFound)?;
        fails(
            "empty get",
            provider.get(&blob, 0..0).await,
            ErrorKind::NotFound,
        )?;
        fails("head", provider.head(&blob).await, ErrorKind::NotFound)?;
    }
    Ok(())
}

pub(super) async fn a_name_is_put_once(provider: Arc<dyn Provider>) -> Outcome {
    put(&provider, "once/a", b"first".to_vec()).await?;
    let blob = name("once/a")?;
    for other in [&b"other"[..], b"first", b""] {
        let again = provider.put(&blob, Payload::from(other.to_vec())).await;
        fails("second put", again, ErrorKind::AlreadyExists)?;
    }
    let got = good("get", provider.get(&blob, 0..5).await)?;
    equal("the first put", got, Bytes::from_static(b"first"))
}

pub(super) async fn of_many_puts_one_wins(provider: Arc<dyn Provider>) -> Outcome {
    let blob = name("race/one")?;
    let puts = (0..RIVALS).map(|rival| {
        let body = Payload::from(vec![rival; 4096]);
        let (provider, blob) = (&provider, &blob);
        async move { (rival, provider.put(blob, body).await) }
    });
    let mut winners = Vec::new();
    for (rival, result) in join_all(puts).await {
        match result {
            Ok(()) => winners.push(rival),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("a losing put failed with {error}")),
        }
    }
    let got = good("get", provider.get(&blob, 0..4096).await)?;
    let kept = got.first().copied().unwrap_or(RIVALS);
    if got != vec![kept; 4096] {
        return Err("the blob mixes several puts".to_owned());
    }
    if winners.is_empty() {
        return Err("no put won".to_owned());
    }
    if provider.capabilities().atomic_put_if_absent {
        equal("winners", winners, vec![kept])?;
    }
    Ok(())
}

pub(super) async fn delete_is_idempotent(provider: Arc<dyn Provider>) -> Outcome {
    put(&provider, "d/a", bytes(10)).await?;
    put(&provider, "d/ab", bytes(10)).await?;
    let blob = name("d/a")?;
    for _ in 0..2 {
        good("delete", provider.delete(&blob).await)?;
        fails("head", provider.head(&blob).await, ErrorKind::NotFound)?;
    }
    good(
        "delete of what never was",
        provider.delete(&name("never/was")?).await,
    )?;
    good("head of the neighbour", provider.head(&name("d/ab")?).await)?;
    put(&provider, "d/a", bytes(3)).await?;
    equal(
        "length after a new put",
        good("head", provider.head(&blob).await)?.len,
        3,
    )
}

pub(super) async fn several_are_removed_together(provider: Arc<dyn Provider>) -> Outcome {
    let texts = ["many/a/1", "many/a/2", "many/b/1"];
    for text in texts {
        put(&provider, text, vec![1; 10]).await?;
    }
    put(&provider, "many/b/2", vec![1; 10]).await?;
    let mut names = vec![name("many/never/was")?];
    for text in texts {
        names.push(name(text)?);
    }
    good("delete of several", provider.delete_all(&names).await)?;
    for name in &names {
        fails("head", provider.head(name).await, ErrorKind::NotFound)?;
    }
    let kept = provider.head(&name("many/b/2")?).await;
    good("head of what was not named", kept).map(drop)
}

pub(super) async fn prepare_is_idempotent(provider: Arc<dyn Provider>) -> Outcome {
    put(&provider, "kept", bytes(10)).await?;
    good("second prepare", provider.prepare().await)?;
    equal(
        "length",
        good("head", provider.head(&name("kept")?).await)?.len,
        10,
    )
}
