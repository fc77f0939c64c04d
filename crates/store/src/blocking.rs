//! Work that keeps a core busy, moved off the async threads when it is worth the hop.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use crate::{Error, ErrorKind, Result};

/// Below this many bytes hashing or sealing takes less time than a hop to another thread.
const INLINE_LEN_MAX: usize = 64 << 10;

/// Such work at the same time, one a core: more would finish no sooner and hold its input and output
/// in memory meanwhile.
static CORES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));

/// Runs `work`, which goes over `len` bytes, where it disturbs least.
pub(crate) async fn run<T: Send + 'static>(
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if len <= INLINE_LEN_MAX {
        return Ok(work());
    }
    let panicked = |source| Error::new(ErrorKind::Unexpected, "a worker died").with_source(source);
    let shut = |source| Error::new(ErrorKind::Unexpected, "shutting down").with_source(source);
    let _core = CORES.acquire().await.map_err(shut)?;
    tokio::task::spawn_blocking(work).await.map_err(panicked)
}
