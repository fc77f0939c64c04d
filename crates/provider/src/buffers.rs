//! Buffers for long reads, used again and again.
//!
//! Who reads megabytes at a time needs as much memory again and again. The allocator gives it back to the system
//! whenever a reader holds more for a moment, as one of a degraded blob does, and it has to be mapped and cleared for
//! the next read: a sixth of what such a read costs.
//!
//! Promises: the idle buffers of a process hold no more than `IDLE_BYTES_MAX`, and none is lent for bytes that would
//! leave a third of it empty, so that what a reader or a cache keeps is no more than half as much again as it counts.
//! Does not: clear them: each is filled up to its length before anybody reads it.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Shorter reads are the allocator's.
const LEN_MIN: usize = 1 << 20;
/// What idle buffers hold: eight blocks of 4 MiB with what belongs to them. One degraded read has as many, now and then.
const IDLE_BYTES_MAX: usize = 34 << 20;

/// The buffers of the process.
static SHARED: LazyLock<Buffers> = LazyLock::new(Buffers::default);

/// Idle buffers. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// Those that all readers of the process share.
    pub fn shared() -> Self {
        SHARED.clone()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty buffer for so many bytes.
    pub fn take(&self, len: usize) -> Vec<u8> {
        let mut idle = self.idle();
        let fits =
            |buffer: &Vec<u8>| (len..=len.saturating_add(len / 2)).contains(&buffer.capacity());
        match idle.iter().rposition(fits).filter(|_| len >= LEN_MIN) {
            Some(at) => idle.swap_remove(at),
            None => {
                drop(idle);
                Vec::with_capacity(len)
            }
        }
    }

    /// Bytes that lie in a buffer, which comes back when nobody holds them any more.
    pub fn lend(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < LEN_MIN {
            return bytes;
        }
        Bytes::from_owner(Lent {
            bytes,
            buffers: self.clone(),
        })
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut idle = self.idle();
        let held: usize = idle.iter().map(Vec::capacity).sum();
        if buffer.capacity() >= LEN_MIN && held + buffer.capacity() <= IDLE_BYTES_MAX {
            idle.push(buffer);
        }
    }
}

/// Bytes that somebody reads, in a buffer.
struct Lent {
    bytes: Bytes,
    buffers: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Whoever has a part of it keeps all of it: then it is the allocator's when they are done.
        if let Ok(mut bytes) = std::mem::take(&mut self.bytes).try_into_mut() {
            bytes.clear();
            self.buffers.give_back(bytes.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_BLOCK_LEN: usize = 4 << 20;

    fn filled(buffers: &Buffers, len: usize) -> Bytes {
        let mut buffer = buffers.take(len);
        assert!(buffer.is_empty() && buffer.capacity() >= len);
        buffer.resize(len, 7);
        // As an opened block lies in it: without the seal's ends.
        buffers.lend(Bytes::from(buffer).slice(24..len - 16))
    }

    fn idle(buffers: &Buffers) -> Vec<usize> {
        buffers.idle().iter().map(Vec::capacity).collect()
    }

    #[test]
    fn a_buffer_comes_back_with_the_last_reader_and_is_lent_again() {
        let buffers = Buffers::default();
        let bytes = filled(&buffers, MAX_BLOCK_LEN);
        let (at, part) = (bytes.as_ptr(), bytes.slice(5..9));
        drop(bytes);
        assert!(idle(&buffers).is_empty() && part == [7; 4][..]);
        drop(part);
        assert_eq!(idle(&buffers), [MAX_BLOCK_LEN]);
        let again = filled(&buffers, MAX_BLOCK_LEN - 100);
        assert_eq!(again.as_ptr(), at);
        assert_eq!(again.len(), MAX_BLOCK_LEN - 140);
        // One that is lent from end to end, too.
        drop(again);
        let mut whole = buffers.take(MAX_BLOCK_LEN);
        whole.resize(MAX_BLOCK_LEN, 7);
        drop(buffers.lend(whole.into()));
        assert_eq!(filled(&buffers, MAX_BLOCK_LEN).as_ptr(), at);
    }

    #[test]
    fn none_is_lent_for_much_less_and_few_are_kept() {
        let buffers = Buffers::default();
        let many: Vec<Bytes> = (0..9).map(|_| filled(&buffers, MAX_BLOCK_LEN)).collect();
        drop(many);
        assert_eq!(idle(&buffers).len(), 8);
        let short = filled(&buffers, MAX_BLOCK_LEN * 2 / 3 - 1);
        assert_eq!(idle(&buffers).len(), 8);
        drop(short);
        assert_eq!(idle(&buffers).len(), 8);
        drop(filled(&buffers, LEN_MIN - 1));
        assert_eq!(idle(&buffers).len(), 8);
    }
}
