//! The body of a browser's form (`multipart/form-data`), read while it arrives.
//!
//! Fields come first and are kept, the file comes last and streams; what follows it is not read.
//! Promises: bounded memory for any bytes; a file whose end does not arrive is an error and not a short
//! file.
//! Does not: know what fields mean, or care for parts within parts.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use memchr::memmem;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{Body, S3Error, S3ErrorCode, S3Result, StdError};

use super::fields::{BadFields, Fields};
use crate::error::refuse;
use crate::verdict::Verdict;

/// The longest boundary that RFC 2046 allows.
const BOUNDARY_LEN_MAX: usize = 70;
/// The most in front of the first part; browsers send nothing.
const PREAMBLE_LEN_MAX: usize = 1024;
/// The longest head of a part: a disposition with a long file name, and a type.
const HEAD_LEN_MAX: usize = 8 << 10;
/// The field that is the file.
const FILE: &str = "file";

/// A form whose fields are read and whose file is about to come.
pub(crate) struct Form {
    /// The fields in front of the file.
    pub(crate) fields: Fields,
    /// The name of the file on the user's machine, without its folders.
    pub(crate) file_name: Option<String>,
    /// The bytes of the file.
    pub(crate) file: FileBody,
}

/// The boundary that a `Content-Type` names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (_, parameters) = content_type.split_once(';')?;
    let value = parameter(parameters, "boundary")?;
    let good = (1..=BOUNDARY_LEN_MAX).contains(&value.len())
        && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && !value.ends_with(' ');
    good.then_some(value)
}

/// Reads a form up to the first byte of its file.
pub(crate) async fn read(body: Body, boundary: &str, verdict: Verdict) -> S3Result<Form> {
    let mut reader = Reader {
        inner: body,
        buffer: BytesMut::new(),
        delimiter: format!("\r\n--{boundary}").into_bytes(),
    };
    reader.skip_preamble().await?;
    let mut fields = Fields::default();
    loop {
        if reader.at_end().await? {
            let message = "POST requires exactly one file upload per request.";
            return Err(refuse(
                S3ErrorCode::IncorrectNumberOfFilesInPostRequest,
                message,
            ));
        }
        let head = reader.head().await?;
        let (name, file_name) = disposition(&head).ok_or_else(malformed)?;
        if name.eq_ignore_ascii_case(FILE) {
            return Ok(Form {
                fields,
                file_name: file_name.map(|name| base_name(&name).to_owned()),
                file: FileBody {
                    reader,
                    ended: false,
                    verdict,
                },
            });
        }
        let value = reader.value(fields.room()).await?;
        fields.add(&name, value).map_err(bad_fields)?;
    }
}

fn malformed() -> S3Error {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    refuse(S3ErrorCode::MalformedPOSTRequest, message)
}

fn bad_fields(error: BadFields) -> S3Error {
    match error {
        BadFields::TooLarge => too_large(),
        BadFields::Twice(name) => {
            let message = format!("The form field {name} must be there once");
            refuse(S3ErrorCode::InvalidArgument, message)
        }
    }
}

fn too_large() -> S3Error {
    let message = "Your POST request fields preceding the upload file were too large.";
    refuse(S3ErrorCode::MaxPostPreDataLengthExceededError, message)
}

/// What has arrived and was not taken yet.
struct Reader {
    inner: Body,
    buffer: BytesMut,
    /// The line end and the boundary, as they stand behind each part.
    delimiter: Vec<u8>,
}

impl Reader {
    /// Waits for more bytes; the end of the body is an error, for parts always end before it.
    async fn more(&mut self) -> S3Result<()> {
        match self.inner.next().await {
            Some(Ok(bytes)) => {
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Err(_)) => {
                let message = "The body of your POST request broke off.";
                Err(refuse(S3ErrorCode::IncompleteBody, message))
            }
            None => Err(malformed()),
        }
    }

    /// Takes what stands before a pattern, and the pattern; `None` when more than `max` stand before it.
    async fn take_until(&mut self, pattern: &[u8], max: usize) -> S3Result<Option<BytesMut>> {
        let mut searched = 0;
        loop {
            if let Some(at) = memmem::find(&self.buffer[searched..], pattern) {
                let at = searched + at;
                if at > max {
                    return Ok(None);
                }
                let taken = self.buffer.split_to(at);
                drop(self.buffer.split_to(pattern.len()));
                return Ok(Some(taken));
            }
            // The pattern may lie across what is here and what comes.
            searched = (self.buffer.len() + 1).saturating_sub(pattern.len());
            if searched > max {
                return Ok(None);
            }
            self.more().await?;
        }
    }

    /// Goes behind the first boundary, which has no line end in front of it when nothing precedes it.
    async fn skip_preamble(&mut self) -> S3Result<()> {
        let bare = self.delimiter[2..].to_vec();
        while self.buffer.len() < bare.len() {
            self.more().await?;
        }
        if self.buffer.starts_with(&bare) {
            drop(self.buffer.split_to(bare.len()));
            return Ok(());
        }
        let delimiter = self.delimiter.clone();
        let found = self.take_until(&delimiter, PREAMBLE_LEN_MAX).await?;
        found.map(drop).ok_or_else(malformed)
    }

    /// Behind a boundary: whether it was the last one. Otherwise goes behind its line.
    async fn at_end(&mut self) -> S3Result<bool> {
        while self.buffer.len() < 2 {
            self.more().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(true);
        }
        // Blanks may stand between a boundary and the end of its line.
        let padding = self.take_until(b"\r\n", PREAMBLE_LEN_MAX).await?;
        let padding = padding.ok_or_else(malformed)?;
        if padding.iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
            return Err(malformed());
        }
        Ok(false)
    }

    /// The head of a part, without the empty line that ends it.
    async fn head(&mut self) -> S3Result<String> {
        while self.buffer.len() < 2 {
            self.more().await?;
        }
        if self.buffer.starts_with(b"\r\n") {
            return Err(malformed());
        }
        let head = self.take_until(b"\r\n\r\n", HEAD_LEN_MAX).await?;
        let head = head.ok_or_else(malformed)?;
        String::from_utf8(head.to_vec()).map_err(|_| malformed())
    }

    /// The value of a field.
    async fn value(&mut self, max: usize) -> S3Result<String> {
        let delimiter = self.delimiter.clone();
        let value = self.take_until(&delimiter, max).await?;
        let value = value.ok_or_else(too_large)?;
        String::from_utf8(value.to_vec()).map_err(|_| malformed())
    }
}

/// The bytes of the file, up to the boundary behind it.
pub(crate) struct FileBody {
    reader: Reader,
    ended: bool,
    verdict: Verdict,
}

impl FileBody {
    /// Bytes that surely belong to the file; `None` when more must arrive to tell.
    fn certain(&mut self) -> Option<Bytes> {
        let Reader {
            buffer, delimiter, ..
        } = &mut self.reader;
        if let Some(at) = memmem::find(buffer, delimiter) {
            self.ended = true;
            return Some(buffer.split_to(at).freeze());
        }
        let sure = (buffer.len() + 1).saturating_sub(delimiter.len());
        (sure > 0).then(|| buffer.split_to(sure).freeze())
    }

    fn broken(&mut self) -> StdError {
        self.ended = true;
        let message = "The body of your POST request ended within its file.";
        self.verdict.set(S3ErrorCode::IncompleteBody, message);
        StdError::from(message)
    }
}

impl Stream for FileBody {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(bytes) = self.certain() {
                if bytes.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            match ready!(Pin::new(&mut self.reader.inner).poll_next(cx)) {
                Some(Ok(bytes)) => self.reader.buffer.extend_from_slice(&bytes),
                Some(Err(_)) | None => return Poll::Ready(Some(Err(self.broken()))),
            }
        }
    }
}

impl ByteStream for FileBody {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::unknown()
    }
}

/// The names of a part and of its file in a part's head.
fn disposition(head: &str) -> Option<(String, Option<String>)> {
    let mut found = None;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        if name.trim().eq_ignore_ascii_case("content-disposition")
            && found.replace(value.trim()).is_some()
        {
            return None;
        }
    }
    let (kind, parameters) = found?.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let name = parameter(parameters, "name")?;
    Some((name, parameter(parameters, "filename")))
}

/// A parameter of a header. Within quotes only `\"` is an escape: browsers of old sent whole paths with
/// their backslashes.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, tail) = rest.split_once('=')?;
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = tail.find(';').unwrap_or(tail.len());
                (tail[..end].trim().to_owned(), &tail[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = tail;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let at = rest.find('"')?;
        let before = &rest[..at];
        rest = &rest[at + 1..];
        match before.strip_suffix('\\') {
            // A backslash in front of the last quote is the end of a folder's name.
            Some(before) if rest.contains('"') => {
                value.push_str(before);
                value.push('"');
            }
            _ => {
                value.push_str(before);
                return Some((value, rest));
            }
        }
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
