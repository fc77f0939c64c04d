//! `dolium raid get`.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use clap::Args;
use dolium_raid::{Got, ObjectKey, Raid, Sink};
use serde_json::json;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::bars::Bars;
use super::{names, stopped_by_signals};
use crate::cli::{Outcome, output};

/// Get an object from the service that answers first.
///
/// The bytes are compared with what the services list. When a service fails in the middle, another
/// goes on. The file appears when it is whole.
#[derive(Debug, Args)]
pub(super) struct Get {
    /// The object.
    key: String,
    /// Where to: a file, a directory, or "-" for standard output; otherwise the end of the key, here.
    file: Option<PathBuf>,
    /// The service that is right, where they differ.
    #[arg(long, value_name = "SERVICE")]
    from: Option<String>,
}

impl Get {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        let key = ObjectKey::new(self.key)?;
        let from = self.from.map(|name| array.service(&name)).transpose()?;
        let bars = Bars::of_bytes(array, None, json);
        let stop = stopped_by_signals();
        let to_output = self.file.as_deref() == Some(Path::new("-"));
        let got = if to_output {
            let mut sink = Output {
                out: super::stream_of(std::io::stdout())?,
                begun: false,
            };
            let got = array.get(&key, from, &mut sink, &bars, &stop).await;
            sink.out
                .flush()
                .await
                .context("cannot write to standard output")?;
            got
        } else {
            let target = target(&key, self.file)?;
            let mut file = File::create(target).await?;
            match array.get(&key, from, &mut file, &bars, &stop).await {
                Ok(got) => file.keep().await.map(|()| Ok(got))?,
                Err(error) => {
                    file.discard().await;
                    Err(error)
                }
            }
        };
        bars.clear();
        let got = got?;
        tell(array, &key, &got, json, to_output);
        Ok(Outcome::Well)
    }
}

fn tell(array: &Raid, key: &ObjectKey, got: &Got, json: bool, to_output: bool) {
    for (at, fault) in &got.faults {
        output::note(format!("{}: {fault}", array.services()[*at].name));
    }
    if !got.unknown.is_empty() {
        let unknown = names(array, &got.unknown);
        output::note(format!(
            "{key}: {unknown} could not be asked and may have something newer"
        ));
    }
    let how = if got.verified {
        "verified"
    } else {
        "no checksum to compare with"
    };
    let from = names(array, &got.from);
    match (json, to_output) {
        // Standard output is the object's.
        (_, true) => output::note(format!("{key}: {} bytes from {from}, {how}", got.len)),
        (true, false) => {
            let from: Vec<&str> = got
                .from
                .iter()
                .map(|at| array.services()[*at].name.as_str())
                .collect();
            output::json(&json!({
                "key": key.as_str(), "len": got.len, "verified": got.verified, "from": from,
            }));
        }
        (false, false) => output::line(format!("{key}: {} bytes from {from}, {how}", got.len)),
    }
}

/// The file to write.
fn target(key: &ObjectKey, file: Option<PathBuf>) -> Result<PathBuf> {
    let name = || match key.as_str().rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name),
        _ => bail!("{key} does not end in a name: say a file"),
    };
    match file {
        None => Ok(PathBuf::from(name()?)),
        Some(file) if file.is_dir() => Ok(file.join(name()?)),
        Some(file) => Ok(file),
    }
}

/// A file that appears when it is whole.
struct File {
    target: PathBuf,
    temp: PathBuf,
    file: tokio::fs::File,
}

impl File {
    async fn create(target: PathBuf) -> Result<Self> {
        let name = target
            .file_name()
            .with_context(|| format!("{} is no file", target.display()))?;
        let temp = format!(".{}.dolium-{}", name.to_string_lossy(), std::process::id());
        // Names may be as long as the file system takes; the temporary one need not show all of it.
        let temp: String = temp
            .chars()
            .rev()
            .take(60)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let temp = target.with_file_name(format!(".{}", temp.trim_start_matches('.')));
        let file = tokio::fs::File::create(&temp)
            .await
            .with_context(|| format!("cannot write {}", temp.display()))?;
        Ok(Self { target, temp, file })
    }

    async fn keep(mut self) -> Result<()> {
        let kept = async {
            self.file.flush().await?;
            self.file.sync_all().await?;
            tokio::fs::rename(&self.temp, &self.target).await?;
            let parent = self
                .target
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            tokio::fs::File::open(parent.unwrap_or(Path::new(".")))
                .await?
                .sync_all()
                .await
        };
        let kept: io::Result<()> = kept.await;
        if let Err(error) = kept {
            let told = format!("cannot write {}", self.target.display());
            self.discard().await;
            return Err(error).context(told);
        }
        Ok(())
    }

    async fn discard(self) {
        if let Err(error) = tokio::fs::remove_file(&self.temp).await
            && error.kind() != io::ErrorKind::NotFound
        {
            output::note(format!("could not remove {}: {error}", self.temp.display()));
        }
    }
}

#[async_trait]
impl Sink for File {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.file.write_all(&piece).await
    }

    async fn restart(&mut self) -> io::Result<bool> {
        self.file.flush().await?;
        self.file.set_len(0).await?;
        self.file.rewind().await?;
        Ok(true)
    }
}

/// Standard output. What was written cannot be taken back.
struct Output {
    out: tokio::fs::File,
    begun: bool,
}

#[async_trait]
impl Sink for Output {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.begun = true;
        self.out.write_all(&piece).await
    }

    async fn restart(&mut self) -> io::Result<bool> {
        Ok(!self.begun)
    }
}
