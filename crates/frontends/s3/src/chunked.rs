//! A guard in front of the aws-chunked decoder of `s3s`.
//!
//! That decoder keeps a whole chunk in memory before it gives the first byte of it, and some SDKs send
//! a body of gigabytes as one chunk. The guard parses the framing first. Unsigned chunks are cut into
//! chunks of the size of what the network delivers, without copying a byte; signed ones, whose signature
//! covers the whole chunk, are passed on as they are when they are small enough.
//! Promises: bounded memory; the sizes add up to `x-amz-decoded-content-length`; a body that ends
//! without its last chunk is an error.
//! Does not: verify signatures or read trailers, `s3s` does.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{Body, S3ErrorCode, StdError};

use crate::verdict::Verdict;

/// The largest signed chunk. `s3s` holds one in memory to verify it; SDKs send 64 KiB to 1 MiB.
pub(crate) const SIGNED_CHUNK_LEN_MAX: u64 = 4 << 20;
/// The longest line in front of a chunk: a size and an extension with a signature take about 100.
const CHUNK_LINE_LEN_MAX: usize = 1024;
/// The most that may follow the last chunk: a few trailers and their signature.
const TRAILER_LEN_MAX: usize = 16 << 10;

/// How the chunks of a body are secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// Each carries a signature over all of it.
    Signed,
    /// None does; the trailer may carry a checksum.
    Unsigned,
}

#[derive(Debug)]
enum State {
    Line(BytesMut),
    Data { left: u64 },
    AfterData { seen: u8 },
    Trailer { len: usize },
    Ended,
}

/// The guarded body.
pub(crate) struct Guarded {
    inner: Body,
    chunks: Chunks,
    state: State,
    announced: u64,
    total: u64,
    ready: VecDeque<Bytes>,
    verdict: Verdict,
}

impl Guarded {
    /// Guards a body whose decoded length was announced.
    pub(crate) fn new(inner: Body, chunks: Chunks, announced: u64, verdict: Verdict) -> Self {
        let state = State::Line(BytesMut::new());
        Self {
            inner,
            chunks,
            state,
            announced,
            total: 0,
            ready: VecDeque::new(),
            verdict,
        }
    }

    fn stop(&mut self, code: S3ErrorCode, message: &'static str) -> StdError {
        self.state = State::Ended;
        self.ready.clear();
        self.verdict.set(code, message);
        StdError::from(message)
    }

    fn malformed(&mut self) -> StdError {
        self.stop(
            S3ErrorCode::InvalidRequest,
            "The chunked encoding of the body is malformed.",
        )
    }

    fn wrong_length(&mut self) -> StdError {
        self.stop(
            S3ErrorCode::IncompleteBody,
            "The body does not have the length that x-amz-decoded-content-length announces.",
        )
    }

    /// Takes what the network delivered apart and queues what goes on.
    fn take(&mut self, mut input: Bytes) -> Result<(), StdError> {
        while !input.is_empty() {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Line(line) => self.take_line(line, &mut input)?,
                State::Data { left } => self.take_data(left, &mut input),
                State::AfterData { seen } => self.take_after_data(seen, &mut input)?,
                State::Trailer { len } => {
                    let len = len + input.len();
                    if len > TRAILER_LEN_MAX {
                        return Err(self.malformed());
                    }
                    self.state = State::Trailer { len };
                    self.ready.push_back(std::mem::take(&mut input));
                }
                State::Ended => return Err(self.malformed()),
            }
        }
        Ok(())
    }

    fn take_line(&mut self, mut line: BytesMut, input: &mut Bytes) -> Result<(), StdError> {
        let end = input
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| at + 1);
        let piece = input.split_to(end.unwrap_or(input.len()));
        if line.len() + piece.len() > CHUNK_LINE_LEN_MAX {
            return Err(self.malformed());
        }
        line.extend_from_slice(&piece);
        if end.is_none() {
            self.state = State::Line(line);
            return Ok(());
        }
        let Some(size) = parse_line(&line) else {
            return Err(self.malformed());
        };
        self.begin_chunk(size, line.freeze())
    }

    fn begin_chunk(&mut self, size: u64, line: Bytes) -> Result<(), StdError> {
        if self.chunks == Chunks::Signed && size > SIGNED_CHUNK_LEN_MAX {
            return Err(self.stop(
                S3ErrorCode::InvalidRequest,
                "A signed chunk is larger than 4 MiB; send smaller chunks.",
            ));
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.announced || (size == 0 && self.total != self.announced) {
            return Err(self.wrong_length());
        }
        if size == 0 || self.chunks == Chunks::Signed {
            self.ready.push_back(line);
        }
        self.state = if size == 0 {
            State::Trailer { len: 0 }
        } else {
            State::Data { left: size }
        };
        Ok(())
    }

    fn take_data(&mut self, left: u64, input: &mut Bytes) {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let piece = input.split_to(len);
        let left = left - len as u64;
        match self.chunks {
            Chunks::Signed => self.ready.push_back(piece),
            Chunks::Unsigned => {
                self.ready.push_back(Bytes::from(format!("{len:x}\r\n")));
                self.ready.push_back(piece);
                self.ready.push_back(Bytes::from_static(b"\r\n"));
            }
        }
        self.state = if left == 0 {
            State::AfterData { seen: 0 }
        } else {
            State::Data { left }
        };
    }

    fn take_after_data(&mut self, seen: u8, input: &mut Bytes) -> Result<(), StdError> {
        let expected = if seen == 0 { b'\r' } else { b'\n' };
        let byte = input.split_to(1);
        if byte[0] != expected {
            return Err(self.malformed());
        }
        if self.chunks == Chunks::Signed {
            self.ready.push_back(byte);
        }
        self.state = if seen == 0 {
            State::AfterData { seen: 1 }
        } else {
            State::Line(BytesMut::new())
        };
        Ok(())
    }
}

impl Stream for Guarded {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(bytes)) => {
                    if let Err(error) = self.take(bytes) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    if matches!(self.state, State::Trailer { .. } | State::Ended) {
                        return Poll::Ready(None);
                    }
                    let message = "The body ended before its last chunk.";
                    let error = self.stop(S3ErrorCode::IncompleteBody, message);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl ByteStream for Guarded {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::unknown()
    }
}

/// The size in a chunk's line: hexadecimal, up to `;` or the end of the line.
fn parse_line(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.split(|byte| *byte == b';').next()?;
    let plain =
        !digits.is_empty() && digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit);
    let text = plain.then(|| std::str::from_utf8(digits).ok())??;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use proptest::prelude::*;

    use super::*;

    /// Feeds `wire` in pieces of `step` bytes; gives what comes out and the verdict's code.
    fn run(wire: &[u8], step: usize, chunks: Chunks, announced: u64) -> Result<Vec<u8>, String> {
        let pieces: Vec<Bytes> = wire.chunks(step).map(Bytes::copy_from_slice).collect();
        let frames = futures::stream::iter(
            pieces
                .into_iter()
                .map(|bytes| Ok::<_, StdError>(http_body::Frame::data(bytes))),
        );
        let body = Body::http_body_unsync(http_body_util::StreamBody::new(frames));
        let verdict = Verdict::default();
        let mut guarded = Guarded::new(body, chunks, announced, verdict.clone());
        futures::executor::block_on(async {
            let mut out = Vec::new();
            while let Some(item) = guarded.next().await {
                match item {
                    Ok(bytes) => out.extend_from_slice(&bytes),
                    Err(_) => {
                        let code = verdict.read().map(|found| found.0.as_str().to_owned());
                        return Err(code.unwrap_or_default());
                    }
                }
            }
            Ok(out)
        })
    }

    /// Decodes plain chunks, as an independent reader would.
    fn decode(mut wire: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let end = wire.windows(2).position(|pair| pair == b"\r\n").unwrap();
            let size =
                usize::from_str_radix(std::str::from_utf8(&wire[..end]).unwrap(), 16).unwrap();
            wire = &wire[end + 2..];
            if size == 0 {
                return out;
            }
            out.extend_from_slice(&wire[..size]);
            wire = &wire[size + 2..];
        }
    }

    proptest! {
        #[test]
        fn unsigned_bodies_come_out_the_same_in_small_chunks(
            body in prop::collection::vec(any::<u8>(), 1..500), cut in 1usize..200, step in 1usize..64,
        ) {
            let mut wire = Vec::new();
            for piece in body.chunks(cut) {
                wire.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
                wire.extend_from_slice(piece);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
            let out = run(&wire, step, Chunks::Unsigned, body.len() as u64).unwrap();
            prop_assert!(out.ends_with(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"));
            prop_assert_eq!(decode(&out), body);
        }

        #[test]
        fn hostile_bytes_end_in_an_answer(wire in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..64) {
            let _ = run(&wire, step, Chunks::Unsigned, 100);
            let _ = run(&wire, step, Chunks::Signed, 100);
        }
    }

    #[test]
    fn signed_chunks_pass_unaltered() {
        let wire = b"3;chunk-signature=ab\r\nxyz\r\n0;chunk-signature=cd\r\n\r\n";
        for step in [1, 7, 100] {
            assert_eq!(run(wire, step, Chunks::Signed, 3).unwrap(), wire);
        }
    }

    #[test]
    fn lies_and_truncation() {
        let cases: [(&[u8], u64, &str); 8] = [
            (b"3\r\nxyz\r\n0\r\n\r\n", 4, "IncompleteBody"),
            (b"3\r\nxyz\r\n0\r\n\r\n", 2, "IncompleteBody"),
            (b"3\r\nxyz\r\n", 3, "IncompleteBody"),
            (b"3\r\nxy", 3, "IncompleteBody"),
            (b"3\r\nxyzz\r\n", 3, "InvalidRequest"),
            (b"-3\r\nxyz\r\n", 3, "InvalidRequest"),
            (b"fffffffffffffffff\r\n", 3, "InvalidRequest"),
            (b"ffffffffffffffff\r\n", 3, "IncompleteBody"),
        ];
        for (wire, announced, code) in cases {
            assert_eq!(
                run(wire, 2, Chunks::Unsigned, announced),
                Err(code.into()),
                "{wire:?}"
            );
        }
        let long = vec![b'1'; CHUNK_LINE_LEN_MAX + 1];
        assert_eq!(
            run(&long, 100, Chunks::Unsigned, 3),
            Err("InvalidRequest".into())
        );
        let huge = b"400001;chunk-signature=ab\r\n";
        assert_eq!(
            run(huge, 100, Chunks::Signed, 1 << 30),
            Err("InvalidRequest".into())
        );
    }
}
