//! Long blobs, written past the page cache.
//!
//! A pack is written once and seldom read soon. Through the page cache each of its bytes is copied into
//! a fresh page, the pages push out what is read, and the sync that follows writes them out at once;
//! past it the disk takes them from one small buffer that is used again and again.
//!
//! Promises: what a file system cannot do is done in the usual way; memory is one stage for each blob
//! being written.
//! Does not: sync; the caller does.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::write::write_all;
use crate::Payload;

/// Blobs from this length on are written past the page cache.
const LEN_MIN: u64 = 1 << 20;
/// Bytes of one write.
const STAGE_LEN: usize = 1 << 20;
/// What addresses, offsets and lengths must be multiples of: the largest block that disks have.
const ALIGN: usize = 4096;
/// Idle stages kept.
const STAGES_MAX: usize = 4;

/// Stages that no write uses now.
static STAGES: Mutex<Vec<Stage>> = Mutex::new(Vec::new());

/// Memory that a disk can read from by itself.
struct Stage {
    memory: Vec<u8>,
    /// Where the aligned part begins.
    start: usize,
    filled: usize,
}

impl Stage {
    fn new() -> Self {
        let memory = vec![0; STAGE_LEN + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN);
        Self {
            memory,
            start,
            filled: 0,
        }
    }

    fn take() -> Self {
        let mut stages = STAGES.lock().unwrap_or_else(PoisonError::into_inner);
        stages.pop().unwrap_or_else(Self::new)
    }

    fn give_back(mut self) {
        self.filled = 0;
        let mut stages = STAGES.lock().unwrap_or_else(PoisonError::into_inner);
        if stages.len() < STAGES_MAX {
            stages.push(self);
        }
    }

    /// Takes as many of these bytes as there is room for, and returns how many.
    fn fill(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(STAGE_LEN - self.filled);
        let at = self.start + self.filled;
        self.memory[at..at + len].copy_from_slice(&bytes[..len]);
        self.filled += len;
        len
    }

    fn is_full(&self) -> bool {
        self.filled == STAGE_LEN
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.filled]
    }
}

/// Writes a whole blob into an empty file.
pub(super) fn write(file: &mut File, body: &Payload) -> io::Result<()> {
    if body.len() < LEN_MIN || !set_direct(file, true) {
        return write_all(file, body.segments());
    }
    let mut stage = Stage::take();
    let written = write_staged(file, body, &mut stage);
    stage.give_back();
    written
}

fn write_staged(file: &mut File, body: &Payload, stage: &mut Stage) -> io::Result<()> {
    let mut is_first = true;
    for segment in body.segments() {
        let mut rest = &segment[..];
        while !rest.is_empty() {
            let taken = stage.fill(rest);
            rest = &rest[taken..];
            if stage.is_full() {
                match file.write_all(stage.bytes()) {
                    // The file system took the flag and does not take the bytes.
                    Err(error) if is_first && error.kind() == io::ErrorKind::InvalidInput => {
                        set_direct(file, false);
                        return write_all(file, body.segments());
                    }
                    written => written?,
                }
                is_first = false;
                stage.filled = 0;
            }
        }
    }
    // The end has any length.
    set_direct(file, false);
    if stage.filled == 0 {
        return Ok(());
    }
    write_all(file, &[Bytes::copy_from_slice(stage.bytes())])
}

/// Sets whether writes go past the page cache; false when the file system cannot.
fn set_direct(file: &File, direct: bool) -> bool {
    let set = fcntl_getfl(file).and_then(|mut flags| {
        flags.set(OFlags::DIRECT, direct);
        fcntl_setfl(file, flags)
    });
    set.is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom};

    use super::*;

    #[test]
    fn any_length_and_any_segments_come_back() {
        for len in [
            0,
            1,
            4095,
            STAGE_LEN - 1,
            STAGE_LEN,
            STAGE_LEN + 1,
            3 * STAGE_LEN + 777,
        ] {
            let body: Bytes = (0..len).map(|at| (at * 7 % 251) as u8).collect();
            for step in [4096, 100_003, 5_000_000] {
                let pieces = (0..len).step_by(step);
                let pieces = pieces.map(|at| body.slice(at..len.min(at + step)));
                let payload = Payload::from(pieces.collect::<Vec<_>>());
                let mut file = tempfile::tempfile().unwrap();
                write(&mut file, &payload).unwrap();
                file.seek(SeekFrom::Start(0)).unwrap();
                let mut read = Vec::new();
                file.read_to_end(&mut read).unwrap();
                assert_eq!(read, body, "{len} bytes in segments of {step}");
            }
        }
    }
}
