//! Chunking: cutting a stream into blocks, at fixed offsets or where the content says so.
//!
//! `fixed` keeps random writes cheap; `cdc` (FastCDC, 2020 variant) lets an insertion move only the
//! blocks it touches. Boundaries are part of what is stored: the crate's version is pinned and golden
//! tests hold it.
//!
//! Promises: holds at most one block and the bytes it was given last.

use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};
use fastcdc::v2020::FastCDC;

use crate::id::MAX_BLOCK_LEN;
use crate::{Error, Result};

const FIXED_MIN: u32 = 512;
const CDC_AVERAGE_MIN: u32 = 64 << 10;
const CDC_AVERAGE_MAX: u32 = 1 << 20;

/// Streams of this length are expected to fill a block.
const GROWN_LEN_MIN: usize = 256 << 10;

/// A container's way of cutting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// Blocks of this many bytes, the last one shorter.
    Fixed(u32),
    /// Content-defined blocks of this average length.
    Cdc(u32),
}

impl Default for Chunking {
    fn default() -> Self {
        Self::Fixed(MAX_BLOCK_LEN as u32)
    }
}

impl Chunking {
    /// Fixed blocks of `len` bytes, 512 to 4 MiB.
    pub fn fixed(len: u32) -> Result<Self> {
        if (FIXED_MIN..=MAX_BLOCK_LEN as u32).contains(&len) {
            Ok(Self::Fixed(len))
        } else {
            Err(Error::malformed(
                "chunking",
                "fixed blocks have 512 bytes to 4 MiB",
            ))
        }
    }

    /// Content-defined blocks of `average` bytes, a power of two from 64 KiB to 1 MiB.
    pub fn cdc(average: u32) -> Result<Self> {
        let allowed = (CDC_AVERAGE_MIN..=CDC_AVERAGE_MAX).contains(&average);
        if allowed && average.is_power_of_two() {
            Ok(Self::Cdc(average))
        } else {
            Err(Error::malformed(
                "chunking",
                "a cdc average is a power of two, 64 KiB to 1 MiB",
            ))
        }
    }

    /// The longest block this chunking makes, in bytes.
    pub fn block_len_max(self) -> usize {
        match self {
            Self::Fixed(len) => len as usize,
            Self::Cdc(average) => average as usize * 4,
        }
    }
}

impl fmt::Display for Chunking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(len) => write!(f, "fixed:{len}"),
            Self::Cdc(average) => write!(f, "cdc:{average}"),
        }
    }
}

impl FromStr for Chunking {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::malformed("chunking", "expected fixed:LENGTH or cdc:AVERAGE");
        let (kind, len) = text.split_once(':').ok_or_else(wrong)?;
        let len = len.parse().map_err(|_| wrong())?;
        match kind {
            "fixed" => Self::fixed(len),
            "cdc" => Self::cdc(len),
            _ => Err(wrong()),
        }
    }
}

/// Cuts one stream.
#[derive(Debug)]
pub struct Chunker {
    chunking: Chunking,
    buffer: BytesMut,
}

impl Chunker {
    /// Starts a stream.
    pub fn new(chunking: Chunking) -> Self {
        Self {
            chunking,
            buffer: BytesMut::new(),
        }
    }

    /// Takes the next bytes and appends the blocks that they complete to `out`.
    pub fn push(&mut self, mut bytes: Bytes, out: &mut Vec<Bytes>) {
        let block_len_max = self.chunking.block_len_max();
        while !bytes.is_empty() {
            if self.buffer.is_empty() && bytes.len() >= block_len_max {
                let len = self.cut(&bytes[..block_len_max]);
                out.push(bytes.split_to(len));
                continue;
            }
            let take = bytes.len().min(block_len_max - self.buffer.len());
            self.make_room(take);
            self.buffer.extend_from_slice(&bytes.split_to(take));
            if self.buffer.len() == block_len_max {
                let len = self.cut(&self.buffer);
                out.push(self.buffer.split_to(len).freeze());
            }
        }
    }

    /// Makes room for more bytes. A stream that has come this far gets room for a whole block at once:
    /// growing step by step would copy most of it again.
    fn make_room(&mut self, more: usize) {
        let needed = self.buffer.len() + more;
        if needed > self.buffer.capacity() && needed > GROWN_LEN_MIN {
            let room = self.chunking.block_len_max() - self.buffer.len();
            self.buffer.reserve(room);
        }
    }

    /// Ends the stream; what is left becomes the last blocks.
    pub fn finish(mut self, out: &mut Vec<Bytes>) {
        while !self.buffer.is_empty() {
            let len = self.cut(&self.buffer);
            out.push(self.buffer.split_to(len).freeze());
        }
    }

    /// Where the first block of `bytes` ends; `bytes` is as long as a block may be, or all there is.
    fn cut(&self, bytes: &[u8]) -> usize {
        match self.chunking {
            Chunking::Fixed(len) => bytes.len().min(len as usize),
            Chunking::Cdc(average) => {
                let average = average as usize;
                let cutter = FastCDC::new(bytes, average / 4, average, average * 4);
                let (_, end) = cutter.cut(0, bytes.len());
                if end == 0 { bytes.len() } else { end }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BlockId;

    fn chunks(chunking: Chunking, data: &[u8], step: usize) -> Vec<Bytes> {
        let mut chunker = Chunker::new(chunking);
        let mut out = Vec::new();
        for piece in data.chunks(step.max(1)) {
            chunker.push(Bytes::copy_from_slice(piece), &mut out);
        }
        chunker.finish(&mut out);
        out
    }

    /// Bytes that look random and are the same on every machine.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn nothing_is_lost_and_steps_do_not_matter(len in 0usize..600_000, step in 1usize..300_000) {
            let data = noise(len);
            for chunking in [Chunking::Fixed(65_536), Chunking::Cdc(65_536)] {
                let cut = chunks(chunking, &data, step);
                prop_assert_eq!(cut.concat(), &data[..]);
                prop_assert!(cut.iter().all(|c| !c.is_empty() && c.len() <= chunking.block_len_max()));
                prop_assert_eq!(cut, chunks(chunking, &data, data.len()));
            }
        }
    }

    #[test]
    fn cdc_boundaries_are_golden() {
        let lens: Vec<usize> = chunks(Chunking::Cdc(65_536), &noise(600_000), 4096)
            .iter()
            .map(Bytes::len)
            .collect();
        assert_eq!(lens, GOLDEN);
    }
    const GOLDEN: [usize; 7] = [96_993, 169_265, 45_787, 64_402, 66_790, 88_956, 67_807];

    #[test]
    fn an_insertion_moves_few_blocks() {
        let data = noise(4 << 20);
        let mut longer = data.clone();
        longer.splice(1_000_000..1_000_000, *b"inserted");
        let ids = |data: &[u8]| -> Vec<_> {
            chunks(Chunking::Cdc(65_536), data, 1 << 20)
                .iter()
                .map(|c| BlockId::of(c))
                .collect()
        };
        let before = ids(&data);
        let new = ids(&longer)
            .iter()
            .filter(|id| !before.contains(id))
            .count();
        assert!(new <= 3, "{new} new blocks of {}", before.len());
    }

    #[test]
    fn text_form() {
        assert_eq!("fixed:4194304".parse(), Ok(Chunking::default()));
        assert_eq!(
            Chunking::Cdc(65_536).to_string().parse(),
            Ok(Chunking::Cdc(65_536))
        );
        for wrong in [
            "",
            "fixed",
            "fixed:",
            "fixed:1",
            "cdc:70000",
            "lz:1",
            "fixed:9999999",
        ] {
            assert!(wrong.parse::<Chunking>().is_err(), "{wrong}");
        }
    }
}
