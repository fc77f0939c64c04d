//! The XML documents that some requests carry.
//!
//! They are small, so they are read whole, and what the client claims of them (SHA-256, MD5, checksum)
//! is verified here: `s3s` verifies only SHA-256 and answers a mismatch as its own failure.
//! Promises: at most [`DOCUMENT_LEN_MAX`] bytes in memory; no document with a DTD, an entity definition
//! or a CDATA section (which the parser would skip) gets through.
//! Does not: parse XML.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use dolium_store::{DigestSet, Digester};
use futures::Stream;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{Body, S3ErrorCode, StdError};

use crate::checksum::{Algorithm, mismatch};
use crate::error::unnamed;
use crate::verdict::Verdict;

/// The largest document: 10,000 parts with checksums, or 1,000 long keys, take less.
pub(crate) const DOCUMENT_LEN_MAX: usize = 2 << 20;
/// The deepest nesting; no document of S3 that is read here has more than four levels.
const DOCUMENT_DEPTH_MAX: usize = 16;

/// What the headers claim of a document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// The hexadecimal `x-amz-content-sha256`.
    pub(crate) sha256: Option<String>,
    /// The decoded `Content-MD5`.
    pub(crate) md5: Option<Vec<u8>>,
    /// An `x-amz-checksum-…` header.
    pub(crate) checksum: Option<(Algorithm, Vec<u8>)>,
}

/// A body that is read whole, verified, and given on in one piece.
pub(crate) struct Document {
    inner: Body,
    claims: Claims,
    bytes: BytesMut,
    ended: bool,
    verdict: Verdict,
}

impl Document {
    /// Wraps a body.
    pub(crate) fn new(inner: Body, claims: Claims, verdict: Verdict) -> Self {
        Self {
            inner,
            claims,
            bytes: BytesMut::new(),
            ended: false,
            verdict,
        }
    }

    fn stop(&mut self, code: S3ErrorCode, message: &str) -> StdError {
        self.ended = true;
        self.verdict.set(code, message);
        StdError::from(message.to_owned())
    }

    fn finish(&mut self) -> Result<Bytes, StdError> {
        self.ended = true;
        let bytes = std::mem::take(&mut self.bytes).freeze();
        if let Err((code, message)) = verify(&self.claims, &bytes) {
            return Err(self.stop(code, &message));
        }
        if let Err(message) = inspect(&bytes) {
            return Err(self.stop(S3ErrorCode::MalformedXML, message));
        }
        Ok(bytes)
    }
}

impl Stream for Document {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(bytes)) => {
                    if self.bytes.len() + bytes.len() > DOCUMENT_LEN_MAX {
                        let message = "The XML you provided is larger than 2 MiB.";
                        let error = self.stop(S3ErrorCode::MalformedXML, message);
                        return Poll::Ready(Some(Err(error)));
                    }
                    self.bytes.extend_from_slice(&bytes);
                }
                Some(Err(error)) => {
                    self.ended = true;
                    self.verdict.judge_stream(&error);
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    let result = self.finish();
                    return Poll::Ready(match result {
                        Ok(bytes) if bytes.is_empty() => None,
                        result => Some(result),
                    });
                }
            }
        }
    }
}

impl ByteStream for Document {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::unknown()
    }
}

fn verify(claims: &Claims, bytes: &[u8]) -> Result<(), (S3ErrorCode, String)> {
    let mut set = DigestSet {
        md5: claims.md5.is_some(),
        sha256: claims.sha256.is_some(),
        ..DigestSet::default()
    };
    if let Some((algorithm, _)) = &claims.checksum {
        algorithm.add_to(&mut set);
    }
    let mut digester = Digester::new(set);
    digester.update(bytes);
    let digests = digester.finish();
    if let (Some(claimed), Some(sha256)) = (&claims.sha256, digests.sha256)
        && !hex::encode(sha256).eq_ignore_ascii_case(claimed)
    {
        let message =
            "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err((unnamed("XAmzContentSHA256Mismatch"), message.to_owned()));
    }
    if let (Some(claimed), Some(md5)) = (&claims.md5, digests.md5)
        && *claimed != md5
    {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err((S3ErrorCode::BadDigest, message.to_owned()));
    }
    if let Some((algorithm, claimed)) = &claims.checksum
        && algorithm.of(&digests) != Some(claimed.as_slice())
    {
        let message = mismatch(*algorithm)
            .message()
            .unwrap_or_default()
            .to_owned();
        return Err((S3ErrorCode::BadDigest, message));
    }
    Ok(())
}

/// Refuses what no S3 client writes and what costs or confuses a parser.
pub(crate) fn inspect(bytes: &[u8]) -> Result<(), &'static str> {
    let mut depth = 0usize;
    let mut opening = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => match bytes.get(at + 1) {
                Some(b'!') if !bytes[at + 2..].starts_with(b"--") => {
                    return Err("The XML you provided holds a document type or CDATA.");
                }
                Some(b'!' | b'?') => opening = false,
                Some(b'/') => (opening, depth) = (false, depth.saturating_sub(1)),
                _ => opening = true,
            },
            b'>' if opening => {
                opening = false;
                depth += usize::from(bytes[at - 1] != b'/');
            }
            _ => {}
        }
        if depth > DOCUMENT_DEPTH_MAX {
            return Err("The XML you provided is nested too deeply.");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn run(bytes: &[u8], claims: Claims) -> Result<Vec<u8>, String> {
        let verdict = Verdict::default();
        let body = Body::from(Bytes::copy_from_slice(bytes));
        let mut document = Document::new(body, claims, verdict.clone());
        match futures::executor::block_on(document.next()) {
            None => Ok(Vec::new()),
            Some(Ok(bytes)) => Ok(bytes.to_vec()),
            Some(Err(_)) => Err(verdict.read().unwrap().0.as_str().to_owned()),
        }
    }

    #[test]
    fn plain_documents_pass() {
        for text in [
            "",
            "<a/>",
            "<?xml version=\"1.0\"?><!-- c --><a><b>1 &lt; 2</b><c/></a>",
        ] {
            assert_eq!(
                run(text.as_bytes(), Claims::default()).unwrap(),
                text.as_bytes()
            );
        }
    }

    #[test]
    fn bombs_do_not() {
        let entity = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned();
        let cdata = "<Key>a<![CDATA[b]]>c</Key>".to_owned();
        let deep = "<a>".repeat(DOCUMENT_DEPTH_MAX + 1);
        let large = "x".repeat(DOCUMENT_LEN_MAX + 1);
        for text in [entity, cdata, deep, large] {
            assert_eq!(
                run(text.as_bytes(), Claims::default()),
                Err("MalformedXML".into())
            );
        }
    }

    #[test]
    fn claims_are_verified() {
        let zero = |len| vec![0; len];
        let cases = [
            (
                Claims {
                    sha256: Some("00".repeat(32)),
                    ..Claims::default()
                },
                "XAmzContentSHA256Mismatch",
            ),
            (
                Claims {
                    md5: Some(zero(16)),
                    ..Claims::default()
                },
                "BadDigest",
            ),
            (
                Claims {
                    checksum: Some((Algorithm::Crc32, zero(4))),
                    ..Claims::default()
                },
                "BadDigest",
            ),
        ];
        for (claims, code) in cases {
            assert_eq!(run(b"<a/>", claims), Err(code.into()));
        }
    }
}
