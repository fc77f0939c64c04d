//! A connection whose HTTP library does not have the last word on requests that it cannot read.
//!
//! The library answers those with an empty 400 and closes the connection. Here that answer is replaced by
//! one that the front end on this listener words, given the first line of the request.
//!
//! Promises: nothing else is changed; holds one line of bounded length.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest beginning of a request that is kept.
const LINE_LEN_MAX: usize = 8 << 10;
/// How the library's own refusal begins.
const REFUSAL: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";

/// Words the answer to a request by its first line.
pub(super) type Wording = fn(&[u8]) -> Vec<u8>;

/// See the module.
pub(super) struct Rewording<IO> {
    io: IO,
    wording: Wording,
    line: Vec<u8>,
    line_is_whole: bool,
    /// Something was written since the line began.
    answered: bool,
    /// The other answer, and how much of it is written.
    replacement: Option<(Vec<u8>, usize)>,
}

impl<IO> Rewording<IO> {
    pub(super) fn new(io: IO, wording: Wording) -> Self {
        Self {
            io,
            wording,
            line: Vec::new(),
            line_is_whole: false,
            answered: false,
            replacement: None,
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if std::mem::take(&mut self.answered) {
            self.line.clear();
            self.line_is_whole = false;
        }
        if self.line_is_whole {
            return;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let room = LINE_LEN_MAX - self.line.len();
        let taken = &bytes[..end.unwrap_or(bytes.len()).min(room)];
        self.line.extend_from_slice(taken);
        self.line_is_whole = end.is_some() || self.line.len() >= LINE_LEN_MAX;
    }
}

/// Whether bytes are the library's own refusal: it has no field but these.
fn is_refusal(bytes: &[u8]) -> bool {
    let Some(head) = bytes.strip_prefix(REFUSAL) else {
        return false;
    };
    let Ok(head) = std::str::from_utf8(head) else {
        return false;
    };
    let known = ["connection: close", "content-length: 0"];
    let dated = |line: &str| line.to_ascii_lowercase().starts_with("date: ");
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    lines.all(|line| dated(line) || known.contains(&line.to_ascii_lowercase().as_str()))
}

impl<IO: AsyncRead + Unpin> AsyncRead for Rewording<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.note(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Rewording<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let this = &mut *self;
        // Once an answer has begun, what looks like a refusal is somebody's data.
        if this.replacement.is_none() && !this.answered && is_refusal(buf) {
            this.replacement = Some(((this.wording)(&this.line), 0));
        }
        this.answered = true;
        let Some((answer, written)) = &mut this.replacement else {
            return Pin::new(&mut this.io).poll_write(cx, buf);
        };
        while *written < answer.len() {
            let more = Pin::new(&mut this.io).poll_write(cx, &answer[*written..]);
            match ready!(more)? {
                0 => return Poll::Ready(Ok(0)),
                more => *written += more,
            }
        }
        this.replacement = None;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if let Some(first) = bufs.first()
            && (self.replacement.is_some() || (!self.answered && is_refusal(first)))
        {
            return self.poll_write(cx, first);
        }
        self.answered = true;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn wording(line: &[u8]) -> Vec<u8> {
        [b"about ", line].concat()
    }

    async fn said(read: &[u8], write: &[u8]) -> Vec<u8> {
        let (mut client, server) = duplex(1024);
        let mut server = Rewording::new(server, wording);
        client.write_all(read).await.unwrap();
        let mut buf = vec![0; 512];
        let len = server.read(&mut buf).await.unwrap();
        assert_eq!(&buf[..len], read);
        server.write_all(write).await.unwrap();
        drop(server);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        heard
    }

    #[tokio::test]
    async fn only_the_librarys_own_refusal_is_replaced() {
        let own = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        assert_eq!(said(b"GET /a b\r\nhost: x", own).await, b"about GET /a b\r");
        let ours = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-trans-id: tx\r\n\r\n";
        assert_eq!(said(b"GET /\r\n", ours).await, ours);
        assert_eq!(
            said(b"GET /\r\n", b"HTTP/1.1 200 OK\r\n\r\n").await,
            b"HTTP/1.1 200 OK\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn data_that_looks_like_a_refusal_is_data() {
        let data = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        let (mut client, server) = duplex(1024);
        let mut server = Rewording::new(server, wording);
        let request = b"GET / HTTP/1.1\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut read = [0; 18];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, request);
        server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        server.write_all(data).await.unwrap();
        drop(server);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert!(heard.ends_with(data), "{heard:?}");
    }
}
