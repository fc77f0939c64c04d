//! Work that keeps a core busy, moved off the async threads when it is worth the hop.

use crate::{Error, ErrorKind, Result};

/// Below this many bytes hashing or sealing takes less time than a hop to another thread.
const INLINE_LEN_MAX: usize = 64 << 10;

/// Runs `work`, which goes over `len` bytes, where it disturbs least.
pub(crate) async fn run<T: Send + 'static>(
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if len <= INLINE_LEN_MAX {
        return Ok(work());
    }
    let panicked = |source| Error::new(ErrorKind::Unexpected, "a worker died").with_source(source);
    tokio::task::spawn_blocking(work).await.map_err(panicked)
}
