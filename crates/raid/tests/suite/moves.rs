//! Writing to services that fail, and reading from them.

use std::io::{self, Cursor};

use async_trait::async_trait;
use bytes::Bytes;
use dolium_raid::{ErrorKind, Raid, Sink, Stored};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use crate::suite::shelf::{Nobody, array, key};

/// What was read; a pipe cannot be begun anew.
struct Collected {
    bytes: Vec<u8>,
    pipe: bool,
}

#[async_trait]
impl Sink for Collected {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<bool> {
        if !self.pipe {
            self.bytes.clear();
        }
        Ok(!self.pipe)
    }
}

fn content() -> Vec<u8> {
    (0..2_000_000_u32).map(|at| (at % 251) as u8).collect()
}

async fn put(
    raid: &Raid,
    source: impl AsyncRead + Send + Unpin + 'static,
) -> dolium_raid::Result<Stored> {
    raid.put(&key("k"), None, source, &Nobody, &CancellationToken::new())
        .await
}

async fn get(raid: &Raid, pipe: bool) -> (dolium_raid::Result<dolium_raid::Got>, Vec<u8>) {
    let mut sink = Collected {
        bytes: Vec::new(),
        pipe,
    };
    let got = raid
        .get(
            &key("k"),
            None,
            &mut sink,
            &Nobody,
            &CancellationToken::new(),
        )
        .await;
    (got, sink.bytes)
}

#[tokio::test]
async fn a_service_that_fails_in_the_middle_does_not_stop_the_others() {
    let (raid, shelves) = array(3);
    shelves[1].fault(|faults| faults.full_after = Some(700_000));
    let stored = put(&raid, Cursor::new(content())).await.unwrap();
    assert_eq!((stored.kept(), stored.len), (2, Some(2_000_000)));
    assert!(stored.outcomes[1].result.is_err());
    assert_eq!(shelves[0].content("k"), Some(content()));
    assert_eq!(shelves[1].content("k"), None);
    // None takes it: each has told why.
    shelves
        .iter()
        .for_each(|shelf| shelf.fault(|faults| faults.full_after = Some(1)));
    let stored = put(&raid, Cursor::new(content())).await.unwrap();
    assert_eq!((stored.kept(), stored.outcomes.len()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_is_given_up() {
    let (raid, shelves) = array(2);
    shelves[0].fault(|faults| faults.hangs_on_put = true);
    let stored = put(
        &raid,
        Cursor::new([content(), content(), content()].concat()),
    )
    .await
    .unwrap();
    assert_eq!(stored.kept(), 1);
    assert_eq!(shelves[1].content("k").unwrap().len(), 6_000_000);
}

/// A source that breaks off.
fn broken() -> impl AsyncRead + Send + Unpin + 'static {
    struct Broken;
    impl AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Err(io::Error::other("the disk is gone")))
        }
    }
    Cursor::new(content()).chain(Broken)
}

#[tokio::test]
async fn a_source_that_fails_is_committed_nowhere() {
    let (raid, shelves) = array(2);
    shelves.iter().for_each(|shelf| shelf.keep("k", b"old", 1));
    assert_eq!(
        put(&raid, broken()).await.unwrap_err().kind(),
        ErrorKind::Local
    );
    let stop = CancellationToken::new();
    stop.cancel();
    let source = Cursor::new(content());
    let stopped = raid.put(&key("k"), None, source, &Nobody, &stop).await;
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Stopped);
    // A file that shrank is no whole file.
    let source = Cursor::new(content());
    let shrunk = raid
        .put(
            &key("k"),
            Some(3_000_000),
            source,
            &Nobody,
            &CancellationToken::new(),
        )
        .await;
    assert_eq!(shrunk.unwrap_err().kind(), ErrorKind::Local);
    for shelf in &shelves {
        assert_eq!(shelf.content("k").unwrap(), b"old");
    }
}

#[tokio::test]
async fn reading_goes_on_where_another_broke_off() {
    let (raid, shelves) = array(3);
    for (shelf, breaks) in shelves.iter().zip([Some(15), Some(15), None]) {
        shelf.keep("k", b"a content of some forty bytes, read in two", 1);
        shelf.fault(|faults| faults.breaks_after = breaks);
    }
    let (got, bytes) = get(&raid, true).await;
    let got = got.unwrap();
    assert_eq!(bytes, b"a content of some forty bytes, read in two");
    assert!(got.verified && got.from.last() == Some(&2));
    // All break off, but none at the same place: together they have it all.
    shelves[2].fault(|faults| faults.breaks_after = Some(20));
    assert_eq!(get(&raid, true).await.0.unwrap().faults.len(), 2);
    shelves
        .iter()
        .for_each(|shelf| shelf.fault(|faults| faults.breaks_after = Some(5)));
    assert_eq!(
        get(&raid, true).await.0.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
}

#[tokio::test]
async fn wrong_bytes_are_found_and_another_service_is_asked() {
    let (raid, shelves) = array(2);
    shelves
        .iter()
        .for_each(|shelf| shelf.keep("k", b"right", 1));
    shelves[0].rot("k", b"wrong");
    let (got, bytes) = get(&raid, false).await;
    assert!(got.unwrap().verified);
    assert_eq!(bytes, b"right");
    shelves[1].rot("k", b"wrong");
    assert_eq!(
        get(&raid, false).await.0.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn the_newest_is_read_and_a_tie_is_not() {
    let (raid, shelves) = array(2);
    shelves[0].keep("k", b"old", 100);
    shelves[1].keep("k", b"new", 200);
    assert_eq!(get(&raid, false).await.1, b"new");
    shelves[0].keep("k", b"old", 200);
    assert_eq!(
        get(&raid, false).await.0.unwrap_err().kind(),
        ErrorKind::Tie
    );
    shelves[0].fault(|faults| faults.down = true);
    let (got, bytes) = get(&raid, false).await;
    assert_eq!(
        (bytes.as_slice(), got.unwrap().unknown),
        (&b"new"[..], vec![0])
    );
    shelves[1].fault(|faults| faults.down = true);
    assert_eq!(
        get(&raid, false).await.0.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
}
