//! A bound on what is read of an archive between its files.
//!
//! Long names and attributes lie in entries of their own, which the reader of archives takes into memory
//! whole; a few kilobytes of a compressed archive could become gigabytes of them.
//!
//! Promises: no more is read than is allowed at the time, but for what one read takes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// How much has been read, and may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    end: AtomicU64,
}

impl Meter {
    /// Bytes read so far.
    pub(super) fn read(&self) -> u64 {
        self.0.read.load(Ordering::Relaxed)
    }

    /// Allows so many more.
    pub(super) fn allow(&self, more: u64) {
        let end = self.read().saturating_add(more);
        self.0.end.store(end, Ordering::Relaxed);
    }
}

/// A reader that stops where its meter says.
pub(super) struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R> Metered<R> {
    pub(super) fn new(inner: R, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.read() >= self.meter.0.end.load(Ordering::Relaxed) {
            let why = "what lies between two files is too long";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let more = (buf.filled().len() - before) as u64;
        self.meter.0.read.fetch_add(more, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn it_stops_and_goes_on() {
        let meter = Meter::default();
        let mut reader = Metered::new(&[7u8; 100][..], meter.clone());
        let mut piece = [0; 40];
        assert!(reader.read_exact(&mut piece).await.is_err());
        meter.allow(40);
        reader.read_exact(&mut piece).await.unwrap();
        assert!(reader.read_exact(&mut piece).await.is_err());
        meter.allow(u64::MAX);
        assert_eq!(reader.read_to_end(&mut Vec::new()).await.unwrap(), 60);
        assert_eq!(meter.read(), 100);
    }
}
