//! Contents of objects: pseudo-random bytes that a seed names, so that nothing has to be kept to
//! compare what comes back.
//!
//! Promises: the bytes of two seeds differ in every block; any chunk can be made alone; incompressible.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes made at a time: bounds what a stream holds.
pub(crate) const CHUNK_LEN: usize = 64 << 10;

/// A stretch of the bytes that a seed names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    pub(crate) seed: u64,
    /// Where it begins; a multiple of [`CHUNK_LEN`].
    pub(crate) start: u64,
    pub(crate) len: u64,
}

impl Pattern {
    pub(crate) fn whole(seed: u64, len: u64) -> Self {
        Self {
            seed,
            start: 0,
            len,
        }
    }

    /// The next bytes, and the rest.
    fn next_chunk(&mut self) -> Vec<u8> {
        let len = self.len.min(CHUNK_LEN as u64) as usize;
        let mut chunk = vec![0; len];
        fill(self.seed, self.start / CHUNK_LEN as u64, &mut chunk);
        self.start += len as u64;
        self.len -= len as u64;
        chunk
    }
}

/// Mixes the bits of a number (the finalizer of SplitMix64).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// SplitMix64 from a start that the seed and the chunk's number give.
fn fill(seed: u64, number: u64, chunk: &mut [u8]) {
    let mut state = mix(seed ^ mix(number.wrapping_add(0x9E37_79B9_7F4A_7C15)));
    for word in chunk.chunks_mut(8) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        word.copy_from_slice(&mix(state).to_le_bytes()[..word.len()]);
    }
}

/// Compares a body with a pattern as it arrives.
pub(crate) struct Checker {
    rest: Pattern,
    expected: Vec<u8>,
    at: usize,
}

impl Checker {
    pub(crate) fn new(pattern: Pattern) -> Self {
        Self {
            rest: pattern,
            expected: Vec::new(),
            at: 0,
        }
    }

    /// Takes the next bytes of the body.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.at == self.expected.len() {
                ensure!(self.rest.len > 0, "the body is too long");
                self.expected = self.rest.next_chunk();
                self.at = 0;
            }
            let count = bytes.len().min(self.expected.len() - self.at);
            let same = bytes[..count] == self.expected[self.at..self.at + count];
            ensure!(same, "a body differs from what was written");
            bytes = &bytes[count..];
            self.at += count;
        }
        Ok(())
    }

    /// Nothing is missing.
    pub(crate) fn finish(self) -> Result<()> {
        let whole = self.rest.len == 0 && self.at == self.expected.len();
        ensure!(whole, "the body is too short");
        Ok(())
    }
}

/// A request's body: a pattern made as it is sent, or a few bytes of text.
pub(crate) enum Outgoing {
    Pattern(Pattern),
    Text(Bytes),
}

impl Outgoing {
    pub(crate) fn empty() -> Self {
        Self::Text(Bytes::new())
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Pattern(pattern) => pattern.len,
            Self::Text(text) => text.len() as u64,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let bytes = match &mut *self {
            Self::Pattern(pattern) => pattern.next_chunk().into(),
            Self::Text(text) => std::mem::take(text),
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(mut pattern: Pattern) -> Vec<u8> {
        let mut all = Vec::new();
        while pattern.len > 0 {
            all.extend(pattern.next_chunk());
        }
        all
    }

    #[test]
    fn a_part_is_what_the_whole_has_there() {
        let whole = bytes(Pattern::whole(7, 200_001));
        let part = Pattern {
            seed: 7,
            start: CHUNK_LEN as u64,
            len: 100_000,
        };
        assert_eq!(bytes(part), whole[CHUNK_LEN..CHUNK_LEN + 100_000]);
        assert_ne!(bytes(Pattern::whole(8, 64)), whole[..64]);
    }

    #[test]
    fn the_checker_sees_every_difference() {
        let pattern = Pattern::whole(7, 70_000);
        let check = |bytes: &[u8]| {
            let mut checker = Checker::new(pattern);
            for part in bytes.chunks(999) {
                checker.take(part)?;
            }
            checker.finish()
        };
        let good = bytes(pattern);
        check(&good).unwrap();
        assert!(check(&good[..69_999]).is_err());
        assert!(check(&[&good[..], b"x"].concat()).is_err());
        for at in [0, 65_535, 65_536, 69_999] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(check(&bad).is_err());
        }
    }
}
