//! The parts of a form's body, one after the other as they arrive.
//!
//! Promises: no more than one frame of the body and the length of the boundary is held; a part ends where
//! its boundary stands and nowhere else, however the body is cut into frames.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use memchr::memmem;

use super::head::Head;
use crate::body::{Body, BoxError};

/// The longest boundary: MIME allows 70 characters.
const BOUNDARY_LEN_MAX: usize = 200;
/// The longest head of a part: the names in it are a few hundred bytes.
const HEAD_LEN_MAX: usize = 8 << 10;

/// Why a body is no form.
#[derive(Debug)]
pub(super) enum Broken {
    /// The bytes are not those of a form.
    Malformed(&'static str),
    /// The client broke off.
    Body(BoxError),
}

/// A body, read part by part.
pub(super) struct Parts {
    body: Body,
    buffer: BytesMut,
    /// What stands between parts, with the line break before it.
    delimiter: Vec<u8>,
    ended: bool,
    /// Whether the bytes of the present part are all read.
    at_delimiter: bool,
}

impl Parts {
    /// A body with this boundary.
    pub(super) fn new(body: Body, boundary: &str) -> Result<Self, Broken> {
        if boundary.is_empty() || boundary.len() > BOUNDARY_LEN_MAX {
            return Err(Broken::Malformed("invalid boundary"));
        }
        Ok(Self {
            body,
            // The first boundary has no line break before it.
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            ended: false,
            at_delimiter: false,
        })
    }

    /// Reads on; false at the end of the body.
    async fn fill(&mut self) -> Result<bool, Broken> {
        loop {
            let Some(frame) = self.body.frame().await else {
                self.ended = true;
                return Ok(false);
            };
            if let Ok(data) = frame.map_err(Broken::Body)?.into_data()
                && !data.is_empty()
            {
                self.buffer.extend_from_slice(&data);
                return Ok(true);
            }
        }
    }

    async fn hold(&mut self, len: usize) -> Result<(), Broken> {
        while self.buffer.len() < len {
            if !self.fill().await? {
                return Err(Broken::Malformed("the form ends within a part"));
            }
        }
        Ok(())
    }

    /// Goes to the first part.
    pub(super) async fn begin(&mut self) -> Result<(), Broken> {
        let len = self.delimiter.len();
        self.hold(len).await?;
        // Some clients begin with an empty line.
        while self.buffer.len() > len && self.buffer.starts_with(b"\r\n\r\n") {
            let _ = self.buffer.split_to(2);
            self.hold(len).await?;
        }
        if !self.buffer.starts_with(&self.delimiter) {
            return Err(Broken::Malformed("invalid starting boundary"));
        }
        self.at_delimiter = true;
        Ok(())
    }

    /// The head of the next part, with what is left of the present one skipped; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Head>, Broken> {
        while self.chunk().await?.is_some() {}
        let _ = self.buffer.split_to(self.delimiter.len());
        self.hold(2).await?;
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        // Blanks may stand behind a boundary; the line break before the head stays, for a head of no lines.
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD_LEN_MAX {
                return Err(Broken::Malformed("the head of a part is too long"));
            }
            self.hold(self.buffer.len() + 1).await?;
        };
        if end > HEAD_LEN_MAX {
            return Err(Broken::Malformed("the head of a part is too long"));
        }
        let head = self.buffer.split_to(end);
        // The line break behind the head stays: an empty part's boundary begins with it.
        let _ = self.buffer.split_to(2);
        self.at_delimiter = false;
        let lines = head.iter().position(|byte| *byte == b'\n');
        let lines = lines.map_or(&[][..], |at| &head[at + 1..]);
        let parsed = Head::parse(lines).ok_or(Broken::Malformed("a part has no head"))?;
        self.skip_line_break().await?;
        Ok(Some(parsed))
    }

    /// Drops the line break behind a head, unless it is already the one of the next boundary.
    async fn skip_line_break(&mut self) -> Result<(), Broken> {
        self.hold(2).await?;
        let len = self.delimiter.len();
        while self.buffer.len() < len && self.delimiter.starts_with(&self.buffer) {
            self.hold(self.buffer.len() + 1).await?;
        }
        if self.buffer.starts_with(&self.delimiter) {
            self.at_delimiter = true;
        } else {
            let _ = self.buffer.split_to(2);
        }
        Ok(())
    }

    /// The next bytes of the present part; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if self.at_delimiter {
                return Ok(None);
            }
            if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
                self.at_delimiter = true;
                if at == 0 {
                    return Ok(None);
                }
                return Ok(Some(self.buffer.split_to(at).freeze()));
            }
            // The end may be the beginning of a boundary.
            let safe = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            if self.ended || !self.fill().await? {
                return Err(Broken::Malformed("the form ends within a part"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, executor::block_on, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use proptest::prelude::*;

    use super::*;

    fn body(bytes: &[u8], cut: usize) -> Body {
        let frames: Vec<Result<Frame<Bytes>, BoxError>> = bytes
            .chunks(cut.max(1))
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        BodyExt::boxed_unsync(StreamBody::new(stream::iter(frames).boxed()))
    }

    /// All parts: the name and the bytes of each.
    fn read(bytes: &[u8], boundary: &str, cut: usize) -> Result<Vec<(String, Vec<u8>)>, Broken> {
        block_on(async {
            let mut parts = Parts::new(body(bytes, cut), boundary)?;
            parts.begin().await?;
            let mut found = Vec::new();
            while let Some(head) = parts.next().await? {
                let mut content = Vec::new();
                while let Some(chunk) = parts.chunk().await? {
                    content.extend_from_slice(&chunk);
                }
                found.push((head.name.unwrap_or_default(), content));
            }
            Ok(found)
        })
    }

    fn write(parts: &[(String, Vec<u8>)], boundary: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in parts {
            let head =
                format!("--{boundary}\r\nContent-Disposition: form-data; name={name}\r\n\r\n");
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(content);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        out
    }

    #[test]
    fn an_empty_part_and_one_that_looks_like_a_boundary() {
        let parts = vec![
            ("a".to_owned(), Vec::new()),
            ("b".to_owned(), b"\r\n--xy\r\n-\r\n--".to_vec()),
            ("c".to_owned(), b"\r\n".to_vec()),
        ];
        for cut in [1, 2, 3, 7, 1000] {
            assert_eq!(
                read(&write(&parts, "xyz"), "xyz", cut).unwrap(),
                parts,
                "{cut}"
            );
        }
    }

    #[test]
    fn what_is_no_form() {
        for bad in [
            &b""[..],
            b"--xyz",
            b"--xy\r\n",
            b"junk--xyz\r\n\r\n",
            b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nbytes",
            b"--xyz\r\nno head\r\n\r\n\r\n--xyz--",
        ] {
            assert!(read(bad, "xyz", 5).is_err(), "{bad:?}");
        }
        let long = [b"--xyz\r\nx: ", "x".repeat(20_000).as_bytes()].concat();
        assert!(read(&long, "xyz", 4096).is_err());
        assert!(read(b"----", "", 4).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            contents in prop::collection::vec(prop::collection::vec(prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'b'), any::<u8>()], 0..60), 0..5),
            cut in 1usize..40,
        ) {
            // A boundary does not stand in the parts it separates.
            let boundary = "bound-ary-0123456789";
            let parts: Vec<_> = contents.into_iter().enumerate().map(|(n, c)| (format!("p{n}"), c)).collect();
            prop_assume!(parts.iter().all(|(_, c)| memmem::find(c, boundary.as_bytes()).is_none()));
            prop_assert_eq!(read(&write(&parts, boundary), boundary, cut).unwrap(), parts);
        }

        #[test]
        fn any_bytes_end_somehow(
            bytes in prop::collection::vec(prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'x'), Just(b':'), any::<u8>()], 0..200),
            cut in 1usize..20,
        ) {
            let _ = read(&bytes, "x", cut);
            let _ = read(&[b"--x\r\n", bytes.as_slice()].concat(), "x", cut);
        }
    }
}
