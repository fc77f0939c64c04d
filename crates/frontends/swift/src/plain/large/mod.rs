//! Objects that consist of others, and are read as one.

pub(super) mod dlo;

use std::ops::Range;

use dolium_store::{Caller, Source, Store};
use futures::{StreamExt, TryStreamExt, stream};

use crate::body::Bytestream;
use crate::error::{Result, of_store};

/// One object, or a range of it, within a large one.
#[derive(Clone, Debug)]
pub(in crate::plain) struct Piece {
    /// The object.
    pub(in crate::plain) source: Source,
    /// The tag that it must have.
    pub(in crate::plain) etag: String,
    /// Its bytes that belong to the whole.
    pub(in crate::plain) range: Range<u64>,
}

/// A large object, of one moment.
pub(in crate::plain) struct Assembly {
    store: Store,
    caller: Caller,
    pieces: Vec<Piece>,
    /// Its tag, without quotes.
    pub(in crate::plain) etag: String,
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
        }
    }

    /// Its length.
    pub(in crate::plain) fn size(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// The bytes of a range. The first piece is opened before anything is answered.
    pub(in crate::plain) async fn read(&self, range: Range<u64>) -> Result<Bytestream> {
        let mut wanted = Vec::new();
        let mut at = 0;
        for piece in &self.pieces {
            let (start, end) = (at, at + piece.len());
            at = end;
            let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
            if from < to {
                let begin = piece.range.start;
                let range = begin + (from - start)..begin + (to - start);
                wanted.push(Piece {
                    range,
                    ..piece.clone()
                });
            }
        }
        let mut wanted = wanted.into_iter();
        let Some(first) = wanted.next() else {
            return Ok(stream::empty().boxed());
        };
        let (store, caller) = (self.store.clone(), self.caller.clone());
        let first = open(&store, &caller, &first).await.map_err(of_store)?;
        let rest = stream::iter(wanted).then(move |piece| {
            let (store, caller) = (store.clone(), caller.clone());
            async move { open(&store, &caller, &piece).await }
        });
        Ok(first.chain(rest.try_flatten()).boxed())
    }
}

impl Piece {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

async fn open(store: &Store, caller: &Caller, piece: &Piece) -> dolium_store::Result<Bytestream> {
    let opened = store.open_object(caller, &piece.source).await?;
    if opened.version().etag != piece.etag {
        let context = "a part of the object changed meanwhile";
        let kind = dolium_store::ErrorKind::Conflict;
        return Err(dolium_store::Error::new(kind, context));
    }
    opened.read(piece.range.clone())
}
