//! The same bytes stored twice, and copied: what it costs in time and on disk.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use http::Method;

use crate::Endpoint;
use crate::client::{Call, Client};
use crate::load::fresh_seed;
use crate::pattern::Pattern;
use crate::report::say;

/// Store the same bytes twice, copy them, and look at the disk.
#[derive(Debug, Args)]
pub(crate) struct Dedup {
    #[command(flatten)]
    endpoint: Endpoint,
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Length of the object.
    #[arg(long, default_value_t = 1024)]
    mib: u64,
}

impl Dedup {
    pub(crate) async fn run(self) -> Result<()> {
        let mut client = Client::new(self.endpoint.target());
        let bucket = &self.endpoint.bucket;
        client.make_bucket(bucket).await?;
        let seed = fresh_seed();
        let pattern = Pattern::whole(seed, self.mib << 20);
        let name = |end: &str| format!("/{bucket}/twice-{seed:x}-{end}");
        let mut before = disk_mib(&self.data_dir)?;
        for (what, end) in [("first", "a"), ("the same again", "b"), ("copy", "c")] {
            let begin = Instant::now();
            if end == "c" {
                let call = Call::new(Method::PUT, name(end)).header("x-amz-copy-source", name("a"));
                client.text(call).await?;
            } else {
                client.put(name(end), pattern).await?;
            }
            let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
            let after = disk_mib(&self.data_dir)?;
            say(&format!(
                "{what}: {} MiB in {milliseconds:.1} ms, {:.2} MiB more on disk",
                self.mib,
                after - before
            ))?;
            before = after;
        }
        for end in ["a", "b", "c"] {
            client.get(name(end), pattern).await?;
        }
        say("all three read back byte for byte")
    }
}

/// The lengths of all files below a directory.
fn disk_mib(directory: &Path) -> Result<f64> {
    let mut bytes = 0;
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        let entries = std::fs::read_dir(&directory)
            .with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if let (true, Ok(metadata)) = (kind.is_file(), entry.metadata()) {
                // A file that has gone meanwhile was temporary.
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes as f64 / f64::from(1 << 20))
}
