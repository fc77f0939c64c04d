//! Buffers of large blocks that are being read, used again and again.
//!
//! A block is read into one piece of memory, opened there and sent from there. Given back to the allocator, that memory
//! goes back to the system as soon as a read holds more for a moment, as one of a degraded blob does, and has to be
//! mapped and cleared for the next block: a sixth of what such a read costs.
//!
//! Promises: idle buffers hold `IDLE_BYTES_MAX` over all readers, and none is lent for a block that would leave half of
//! it empty, so that what a reader or a cache keeps is no more than twice what it counts.
//! Does not: clear them: each is filled up to its length before anybody reads it.

use std::sync::Arc;

use bytes::Bytes;
use dolium_block::MAX_BLOCK_LEN;
use parking_lot::Mutex;

/// Shorter blocks are the allocator's.
const LEN_MIN: usize = 1 << 20;
/// What idle buffers hold: those of a client that reads one block while the next is sent, and of a few others.
const IDLE_BYTES_MAX: usize = 4 * (MAX_BLOCK_LEN + (4 << 10));

/// The idle buffers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer for so many bytes.
    pub(crate) fn take(&self, len: usize) -> Vec<u8> {
        let mut idle = self.0.lock();
        let fits = |buffer: &Vec<u8>| (len..=len.saturating_mul(2)).contains(&buffer.capacity());
        match idle.iter().rposition(fits).filter(|_| len >= LEN_MIN) {
            Some(at) => idle.swap_remove(at),
            None => {
                drop(idle);
                Vec::with_capacity(len)
            }
        }
    }

    /// Bytes that lie in a buffer, which comes back when nobody holds them any more.
    pub(crate) fn lend(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < LEN_MIN {
            return bytes;
        }
        Bytes::from_owner(Lent {
            bytes,
            buffers: self.clone(),
        })
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut idle = self.0.lock();
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

    fn filled(buffers: &Buffers, len: usize) -> Bytes {
        let mut buffer = buffers.take(len);
        assert!(buffer.is_empty() && buffer.capacity() >= len);
        buffer.resize(len, 7);
        // As an opened block lies in it: without the seal's ends.
        buffers.lend(Bytes::from(buffer).slice(24..len - 16))
    }

    fn idle(buffers: &Buffers) -> Vec<usize> {
        buffers.0.lock().iter().map(Vec::capacity).collect()
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
    }

    #[test]
    fn none_is_lent_for_much_less_and_few_are_kept() {
        let buffers = Buffers::default();
        let many: Vec<Bytes> = (0..9).map(|_| filled(&buffers, MAX_BLOCK_LEN)).collect();
        drop(many);
        assert_eq!(idle(&buffers).len(), 4);
        let short = filled(&buffers, MAX_BLOCK_LEN / 2 - 1);
        assert_eq!(idle(&buffers).len(), 4);
        drop(short);
        assert_eq!(idle(&buffers).len(), 4);
        drop(filled(&buffers, LEN_MIN - 1));
        assert_eq!(idle(&buffers).len(), 4);
    }
}
