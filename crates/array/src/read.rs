//! Reading a range of a blob: from the shards that hold it, or rebuilt from others.
//!
//! Promises: each touched shard is asked once, for the chunks that hold the range; every byte of
//! [`Array::read`] is verified before it is returned; a shard that fails, is damaged, or is slower than usual is
//! rebuilt from the same chunks of `k` others, and the first good answer wins. Members that are being
//! left alone are asked all the same before a read fails for want of them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, Shared, TryFutureExt, try_join_all};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::array::Inner;
use crate::chunks::{Check, Shard};
use crate::member::Urgency;
use crate::shard::{BlobTag, CHUNK_LEN, Code, Column, Geometry, Part};
use crate::{Array, Error, ErrorKind, Result, StoredBlob};

/// Why a shard did not give its chunks. Shared by all that wait for them.
type Fault = Arc<Error>;
type Fetch = Shared<BoxFuture<'static, std::result::Result<Column, Fault>>>;

/// One read under way.
struct Reading {
    inner: Arc<Inner>,
    check: Check,
    blob: StoredBlob,
    geometry: Geometry,
    tag: BlobTag,
    /// Some of its bytes have to be rebuilt: what is read of it is worth keeping for a while.
    is_degraded: AtomicBool,
    /// Requests of this read, so that none is made twice: a rebuild uses what was read anyway.
    fetches: Mutex<HashMap<(u8, Range<u64>), Fetch>>,
}

impl Array {
    /// Returns the bytes of a range of a blob; `Invalid` when it passes the end.
    pub async fn read(&self, blob: &StoredBlob, range: Range<u64>) -> Result<Bytes> {
        let mut bytes = Vec::new();
        self.read_with(Check::Checksums, blob, range, &mut bytes)
            .await?;
        Ok(bytes.into())
    }

    /// As [`read`](Self::read), for a caller that authenticates the bytes by itself: checksums are not
    /// computed, so what a member made up comes back as it is. Who finds the bytes wrong calls `read`,
    /// which tells the liar and rebuilds them.
    /// The bytes come behind what `into` holds; when that fails nothing of it is to be used.
    pub async fn read_unverified(
        &self,
        blob: &StoredBlob,
        range: Range<u64>,
        into: &mut Vec<u8>,
    ) -> Result<()> {
        self.read_with(Check::Length, blob, range, into).await
    }

    async fn read_with(
        &self,
        check: Check,
        blob: &StoredBlob,
        range: Range<u64>,
        into: &mut Vec<u8>,
    ) -> Result<()> {
        if range.start > range.end || range.end > blob.len {
            let why = format!("{}: range {range:?} of {} bytes", blob.id, blob.len);
            return Err(Error::new(ErrorKind::Invalid, "read", why));
        }
        let geometry = Geometry {
            layout: blob.layout.validated()?,
            blob_len: blob.len,
        };
        let tag = self.inner.keys.blob_tag(&blob.id);
        let reading = Reading {
            inner: Arc::clone(&self.inner),
            check,
            blob: blob.clone(),
            geometry,
            tag,
            is_degraded: self.inner.is_degraded(blob, &tag).into(),
            fetches: Mutex::default(),
        };
        let parts = geometry.parts(&range);
        let pieces = match &parts[..] {
            [only] => vec![reading.part(only).await?],
            parts => try_join_all(parts.iter().map(|part| reading.part(part))).await?,
        };
        into.reserve((range.end - range.start) as usize);
        reading.join(pieces, into).await
    }
}

/// What there is of a data shard's part.
enum Piece {
    /// The bytes.
    Given(Column),
    /// The same bytes of `k` others, to compute those of this shard from.
    Missing {
        index: u8,
        others: Vec<(u8, Column)>,
    },
}

impl Piece {
    fn columns(&mut self) -> impl Iterator<Item = &mut Column> {
        let (given, others) = match self {
            Self::Given(column) => (Some(column), [].iter_mut()),
            Self::Missing { others, .. } => (None, others.iter_mut()),
        };
        given.into_iter().chain(others.map(|(_, column)| column))
    }

    /// Puts the bytes behind what `into` holds.
    fn append(&self, code: &Code, into: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Given(column) => {
                column
                    .iter()
                    .for_each(|bytes| into.extend_from_slice(bytes));
                Ok(())
            }
            Self::Missing { index, others } => code.rebuild_into(*index, others, into),
        }
    }
}

impl Reading {
    /// The bytes of a part, or what they are computed from.
    async fn part(&self, part: &Part) -> Result<Piece> {
        let chunks = self.geometry.chunks_of(&part.range);
        let mut piece = self.column(part.index, chunks.clone()).await?;
        let base = chunks.start * CHUNK_LEN;
        let cut = (part.range.start - base) as usize;
        let past = (part.range.end - (chunks.end - 1) * CHUNK_LEN) as usize;
        for column in piece.columns() {
            if let Some(last) = column.last_mut() {
                last.truncate(past);
            }
            if let Some(first) = column.first_mut() {
                *first = first.slice(cut..);
            }
        }
        Ok(piece)
    }

    /// Puts the parts one behind the other, computing what is missing in its place.
    async fn join(&self, pieces: Vec<Piece>, into: &mut Vec<u8>) -> Result<()> {
        let code = self
            .inner
            .codes
            .of(self.geometry.layout, self.blob.coding)?;
        let is_given = |piece: &Piece| matches!(piece, Piece::Given(_));
        let all_given = pieces.iter().all(is_given);
        let append = move |into: &mut Vec<u8>| {
            let mut pieces = pieces.iter();
            pieces.try_for_each(|piece| piece.append(&code, into))
        };
        if all_given {
            return append(into);
        }
        let mut taken = std::mem::take(into);
        let work = move || append(&mut taken).map(|()| taken);
        let done = tokio::task::spawn_blocking(work).await;
        let stopped = |source| {
            let error = Error::new(ErrorKind::Unexpected, "read", "the coding thread stopped");
            error.with_source(source)
        };
        *into = done.map_err(stopped)??;
        Ok(())
    }

    /// The chunks of a data shard, at the last resort from members that are being left alone.
    async fn column(&self, index: u8, chunks: Range<u64>) -> Result<Piece> {
        let outcome = self.column_with(Urgency::Normal, index, &chunks).await;
        match outcome {
            Err(_) if self.somebody_was_left_alone(&chunks) => {
                self.column_with(Urgency::LastResort, index, &chunks).await
            }
            outcome => outcome,
        }
    }

    /// The chunks of a data shard, from itself or from others.
    async fn column_with(&self, urgency: Urgency, index: u8, chunks: &Range<u64>) -> Result<Piece> {
        let mut direct = self.fetch(urgency, index, chunks);
        let member = self.blob.placement.get(index);
        let peer = member.and_then(|member| self.inner.peer(member));
        let patience = peer.as_ref().map_or(Duration::ZERO, |peer| {
            peer.patience(chunks.end - chunks.start)
        });
        if self.geometry.layout.parity() == 0 {
            let column = direct.await.map_err(|fault| self.lost(&[fault]))?;
            return Ok(Piece::Given(column));
        }
        match tokio::time::timeout(patience, direct.clone()).await {
            Ok(Ok(column)) => return Ok(Piece::Given(column)),
            Ok(Err(fault)) => return self.stand_ins(urgency, index, chunks, vec![fault]).await,
            Err(_) => {}
        }
        let rebuilt = self.stand_ins(urgency, index, chunks, Vec::new());
        tokio::pin!(rebuilt);
        tokio::select! {
            column = &mut direct => match column {
                Ok(column) => Ok(Piece::Given(column)),
                Err(_) => rebuilt.await,
            },
            piece = &mut rebuilt => match piece {
                Ok(piece) => {
                    if let Some(peer) = &peer {
                        peer.note_slow("get");
                    }
                    Ok(piece)
                }
                Err(error) => direct.await.map(Piece::Given).map_err(|_| error),
            },
        }
    }

    /// The same chunks of the first `k` others that give theirs.
    async fn stand_ins(
        &self,
        urgency: Urgency,
        index: u8,
        chunks: &Range<u64>,
        mut faults: Vec<Fault>,
    ) -> Result<Piece> {
        self.is_degraded.store(true, Ordering::Relaxed);
        let enough = usize::from(self.geometry.layout.data());
        let mut candidates = self.candidates(index, chunks).into_iter();
        let mut running = FuturesUnordered::new();
        let fetch = |other: u8| {
            let fetch = self.fetch(urgency, other, chunks);
            async move { (other, fetch.await) }
        };
        running.extend(candidates.by_ref().take(enough).map(fetch));
        let mut others = Vec::with_capacity(enough);
        while others.len() < enough {
            let patience = self.patience(chunks);
            tokio::select! {
                next = running.next() => match next {
                    None => return Err(self.lost(&faults)),
                    Some((other, Ok(column))) => others.push((other, column)),
                    Some((_, Err(fault))) => {
                        faults.push(fault);
                        running.extend(candidates.next().map(fetch));
                    }
                },
                // One of the others is slow too: ask one more.
                () = tokio::time::sleep(patience), if candidates.len() > 0 => {
                    running.extend(candidates.next().map(fetch));
                }
            }
        }
        Ok(Piece::Missing { index, others })
    }

    /// The other shards, those first that this read has asked anyway and that are likely to answer.
    fn candidates(&self, index: u8, chunks: &Range<u64>) -> Vec<u8> {
        let fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = |other: u8| {
            let member = self.blob.placement.get(other);
            let peer = member.and_then(|member| self.inner.peer(member));
            let available = peer.is_some_and(|peer| peer.is_available());
            (
                !available,
                !fetches.contains_key(&(other, chunks.clone())),
                other,
            )
        };
        let mut others: Vec<u8> = (0..self.geometry.layout.shards())
            .filter(|&other| other != index)
            .collect();
        others.sort_by_key(|&other| cost(other));
        others
    }

    /// How long the others may take: as long as the slowest of them usually does.
    fn patience(&self, chunks: &Range<u64>) -> Duration {
        let count = chunks.end - chunks.start;
        let now = self.inner.now();
        let peers = now.peers.iter().filter(|peer| peer.is_available());
        peers
            .map(|peer| peer.patience(count))
            .max()
            .unwrap_or_default()
    }

    /// True when a member was not asked for its chunks because it is being left alone.
    fn somebody_was_left_alone(&self, chunks: &Range<u64>) -> bool {
        let fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        (0..self.geometry.layout.shards())
            .filter_map(|index| fetches.get(&(index, chunks.clone())))
            .any(was_left_alone)
    }

    /// The request for chunks of a shard: the one under way, or a new one. At the last resort a
    /// request that was not made is made.
    fn fetch(&self, urgency: Urgency, index: u8, chunks: &Range<u64>) -> Fetch {
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (index, chunks.clone());
        if urgency == Urgency::LastResort && fetches.get(&key).is_some_and(was_left_alone) {
            fetches.remove(&key);
        }
        let fetch = fetches.entry(key).or_insert_with(|| {
            let inner = Arc::clone(&self.inner);
            let shard = Shard {
                id: self.blob.id.clone(),
                index,
                geometry: self.geometry,
                tag: self.tag,
            };
            let member = self.blob.placement.get(index);
            let (check, chunks) = (self.check, chunks.clone());
            let is_degraded = self.is_degraded.load(Ordering::Relaxed);
            // Nobody wants parity for itself, and a copy is no more than what it stands in for.
            let data = self.geometry.layout.data();
            let is_shared = is_degraded && data > 1 && index < data;
            let fetch = async move {
                if member.is_none()
                    && let Some(column) = inner.kept_chunks(&shard, &chunks).await
                {
                    return Ok(column);
                }
                let peer = member.and_then(|member| inner.peer(member));
                let peer = peer.ok_or_else(|| {
                    let why = format!("shard {index} of {} has no member", shard.id);
                    Error::new(ErrorKind::NotFound, "read", why)
                })?;
                let want = (urgency, check);
                match is_shared {
                    true => inner.get_new_chunks(want, &peer, &shard, &chunks).await,
                    false => inner.get_chunks(want, &peer, &shard, &chunks).await,
                }
            };
            fetch.map_err(Arc::new).boxed().shared()
        });
        fetch.clone()
    }

    /// Too few shards answered.
    fn lost(&self, faults: &[Fault]) -> Error {
        let status = faults
            .iter()
            .find(|fault| fault.kind() == ErrorKind::Unavailable);
        let kind = status
            .or(faults.first())
            .map_or(ErrorKind::Unavailable, |fault| fault.kind());
        let why: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let needed = self.geometry.layout.data();
        let why = format!(
            "{}: fewer than {needed} good shards: {}",
            self.blob.id,
            why.join("; ")
        );
        Error::new(kind, "read", why)
    }
}

fn was_left_alone(fetch: &Fetch) -> bool {
    matches!(fetch.peek(), Some(Err(fault)) if fault.is_left_alone())
}
