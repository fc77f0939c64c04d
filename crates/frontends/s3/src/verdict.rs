//! What the front end itself found wrong while a body passed.
//!
//! A body is checked in three places (the chunk guard before `s3s`, `s3s` itself, the finish hook) and
//! each can only fail the stream with an opaque error. The verdict is the side channel by which the
//! first finding reaches the answer with its right code.
//! Promises: the first finding stands.
//! Does not: hold more than one finding.

use std::sync::{Arc, OnceLock};

use dolium_store::{Error, ErrorKind, Reason};
use s3s::{S3ErrorCode, StdError};

use crate::error::unnamed;

/// The first finding against the body of one request, shared by all that look at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict(Arc<OnceLock<(S3ErrorCode, String)>>);

impl Verdict {
    /// Records a finding; later ones are ignored.
    pub(crate) fn set(&self, code: S3ErrorCode, message: impl Into<String>) {
        // A finding after the first says nothing new about the request: it is refused already.
        let _ = self.0.set((code, message.into()));
    }

    /// The finding, if there is one.
    pub(crate) fn read(&self) -> Option<&(S3ErrorCode, String)> {
        self.0.get()
    }

    /// Records a finding and gives the error that ends a write.
    pub(crate) fn stop(
        &self,
        code: S3ErrorCode,
        reason: Reason,
        message: impl Into<String>,
    ) -> Error {
        let message = message.into();
        self.set(code, message.clone());
        Error::because(ErrorKind::Invalid, reason, message)
    }

    /// Judges an error of the incoming stream. The types of `s3s` behind it are private, their
    /// `Display` names the case; anything unknown is a connection that broke.
    pub(crate) fn judge_stream(&self, error: &StdError) -> Error {
        let text = error.to_string();
        let (code, message) = if text.contains("Sha256Mismatch") {
            (
                unnamed("XAmzContentSHA256Mismatch"),
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        } else if text.contains("SignatureMismatch") {
            (
                S3ErrorCode::SignatureDoesNotMatch,
                "The signature of a chunk does not match.",
            )
        } else if text.contains("FormatError") || text.contains("TooLarge") {
            (
                S3ErrorCode::InvalidRequest,
                "The chunked encoding of the body is malformed.",
            )
        } else {
            (
                S3ErrorCode::IncompleteBody,
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            )
        };
        self.stop(code, Reason::BodyFailed, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_errors_are_told_apart() {
        let cases = [
            (
                "UploadStreamError: Sha256Mismatch",
                "XAmzContentSHA256Mismatch",
            ),
            (
                "AwsChunkedStreamError: SignatureMismatch",
                "SignatureDoesNotMatch",
            ),
            ("AwsChunkedStreamError: FormatError", "InvalidRequest"),
            ("AwsChunkedStreamError: Incomplete", "IncompleteBody"),
            ("connection reset", "IncompleteBody"),
        ];
        for (text, code) in cases {
            let verdict = Verdict::default();
            verdict.judge_stream(&StdError::from(text));
            assert_eq!(verdict.read().unwrap().0.as_str(), code);
        }
    }

    #[test]
    fn the_first_finding_stands() {
        let verdict = Verdict::default();
        verdict.set(S3ErrorCode::BadDigest, "first");
        verdict.set(S3ErrorCode::InternalError, "second");
        assert_eq!(verdict.read().unwrap().1, "first");
    }
}
