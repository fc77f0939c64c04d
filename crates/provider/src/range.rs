//! Ranges that remote services do not know how to refuse, or to answer.

use std::ops::Range;

use bytes::Bytes;

use crate::{BlobName, Error, ErrorKind, Provider, Result};

/// The refusal of a range that passes the end of a blob.
pub(crate) fn passes_end(name: &BlobName, range: &Range<u64>) -> Error {
    let why = format!("{name}: range {range:?} passes the end");
    Error::new(ErrorKind::Invalid, "get", why)
}

/// Answers a range of nothing: HTTP has none, so the blob is only looked at.
pub(crate) async fn nothing(
    provider: &dyn Provider,
    name: &BlobName,
    range: &Range<u64>,
) -> Result<Bytes> {
    let len = provider.head(name).await?.len;
    if range.start == range.end && range.end <= len {
        Ok(Bytes::new())
    } else {
        Err(passes_end(name, range))
    }
}
