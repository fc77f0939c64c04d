//! Objects that consist of others, and are read as one.

pub(crate) mod dlo;
pub(super) mod slo;

use std::ops::Range;

use bytes::Bytes;
use dolium_store::{Caller, Source, Store};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;

use crate::body::Bytestream;
use crate::error::{Refusal, Result, of_store};
use crate::plain::symlink::follow_part;

/// How many large objects may lie in each other, the outermost among them.
const DEPTH_MAX: u8 = 10;

/// What a piece of a large object is.
#[derive(Clone, Debug)]
pub(in crate::plain) enum Part {
    /// An object that must have this tag.
    Object(Box<Source>, String),
    /// A static large object whose whole must have this tag.
    Large(Box<Source>, String),
    /// Bytes that stand in the manifest itself.
    Inline(Bytes),
}

/// A part, and its bytes that belong to the whole.
#[derive(Clone, Debug)]
pub(in crate::plain) struct Piece {
    /// The part.
    pub(in crate::plain) part: Part,
    /// The bytes of it.
    pub(in crate::plain) range: Range<u64>,
}

impl Piece {
    /// How many bytes that is.
    pub(in crate::plain) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// A large object, of one moment.
pub(crate) struct Assembly {
    store: Store,
    caller: Caller,
    /// Its pieces, in order.
    pub(in crate::plain) pieces: Vec<Piece>,
    /// Its tag, without quotes.
    pub(in crate::plain) etag: String,
    depth: u8,
}

impl Assembly {
    /// The whole of these.
    pub(in crate::plain) fn new(
        store: Store,
        caller: Caller,
        pieces: Vec<Piece>,
        etag: String,
    ) -> Self {
        Self {
            store,
            caller,
            pieces,
            etag,
            depth: 0,
        }
    }

    /// Its length.
    pub(crate) fn size(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// The bytes of a range. The first piece is opened before anything is answered.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytestream> {
        self.stream(range).await.map_err(|error| {
            let refusal = of_store(error);
            match refusal.status.is_client_error() {
                true => Refusal::of(StatusCode::CONFLICT),
                false => refusal,
            }
        })
    }

    async fn stream(&self, range: Range<u64>) -> dolium_store::Result<Bytestream> {
        let mut wanted = Vec::new();
        let mut at = 0;
        for piece in &self.pieces {
            let (start, end) = (at, at + piece.len());
            at = end;
            let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
            if from < to {
                let begin = piece.range.start;
                wanted.push(Piece {
                    range: begin + (from - start)..begin + (to - start),
                    part: piece.part.clone(),
                });
            }
        }
        let mut wanted = wanted.into_iter();
        let Some(first) = wanted.next() else {
            return Ok(stream::empty().boxed());
        };
        let (store, caller, depth) = (self.store.clone(), self.caller.clone(), self.depth);
        let first = open(store.clone(), caller.clone(), first, depth).await?;
        let rest = stream::iter(wanted)
            .then(move |piece| open(store.clone(), caller.clone(), piece, depth));
        Ok(first.chain(rest.try_flatten()).boxed())
    }
}

fn changed() -> dolium_store::Error {
    let context = "a part of the object changed meanwhile";
    dolium_store::Error::new(dolium_store::ErrorKind::Conflict, context)
}

fn open(
    store: Store,
    caller: Caller,
    piece: Piece,
    depth: u8,
) -> BoxFuture<'static, dolium_store::Result<Bytestream>> {
    Box::pin(async move {
        let (range, part) = (piece.range, piece.part);
        match part {
            Part::Object(source, etag) => {
                let opened = follow_part(&store, &caller, &source).await?.opened;
                if opened.version().etag != etag {
                    return Err(changed());
                }
                opened.read(range)
            }
            Part::Large(source, etag) => {
                let followed = follow_part(&store, &caller, &source).await?;
                let (opened, source) = (followed.opened, followed.source);
                if depth + 1 >= DEPTH_MAX || slo::etag_of(opened.version()) != Some(etag.as_str()) {
                    return Err(changed());
                }
                let mut within = slo::assemble(&store, &caller, &source, &opened).await?;
                within.depth = depth + 1;
                within.stream(range).await
            }
            Part::Inline(bytes) => {
                let (start, end) = (range.start as usize, range.end as usize);
                let bytes = bytes.get(start..end).map(Bytes::copy_from_slice);
                let bytes = bytes.ok_or_else(changed);
                Ok(stream::once(async move { bytes }).boxed())
            }
        }
    })
}
