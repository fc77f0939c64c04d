//! `dolium raid put`.

use anyhow::{Context, Result};
use clap::Args;
use dolium_raid::{ErrorKind, Raid};
use futures::stream::{self, StreamExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bars::Bars;
use super::report::{self, Tally};
use super::walk::{self, Item, Named};
use super::{stopped_by_signals, stream_of};
use crate::cli::{Outcome, output};

/// Files that are under way at the same time.
const FILES_AT_ONCE: usize = 4;

/// Put files on all services.
///
/// With one word, the key is the file's name. With more, the last is the key, which must end in "/"
/// when there are several files. "-" is standard input. A file is read once, whatever the number of
/// services; where some of them fail, the others have it, and `repair` mends the rest.
#[derive(Debug, Args)]
pub(super) struct Put {
    /// Put all that is in directories, below their names or the key.
    #[arg(short, long)]
    recursive: bool,
    /// All words are files, and their keys begin with this.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Files, and a key.
    #[arg(required = true, value_name = "FILE… [KEY]")]
    words: Vec<String>,
}

impl Put {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        let named = walk::named(&self.words, self.prefix.as_deref(), self.recursive)?;
        let bars = Bars::of_bytes(array, total(&named), json);
        let stop = stopped_by_signals();
        let mut tally = Tally::default();
        let mut puts = stream::iter(walk::items(named))
            .map(async |item| match item {
                Ok(item) => put(array, item, &bars, &stop).await,
                Err(error) => Err((None, error)),
            })
            .buffer_unordered(FILES_AT_ONCE);
        while let Some(put) = puts.next().await {
            match put {
                Ok((key, stored)) => {
                    tally.take(&stored.outcomes);
                    let more = json!({ "len": stored.len });
                    bars.above(|| report::outcomes(array, &key, &more, &stored.outcomes, json));
                }
                Err((key, error)) => {
                    let stopped = error
                        .downcast_ref::<dolium_raid::Error>()
                        .is_some_and(|error| error.kind() == ErrorKind::Stopped);
                    if stopped {
                        bars.clear();
                        return Err(error);
                    }
                    tally.failed();
                    bars.above(|| unput(key, &error, json));
                }
            }
        }
        drop(puts);
        bars.clear();
        tally.outcome("put")
    }
}

/// Tells of a file that was not put anywhere.
fn unput(key: Option<String>, error: &anyhow::Error, as_json: bool) {
    if as_json {
        output::json(&json!({ "key": key, "error": format!("{error:#}") }));
    } else {
        output::note(format!("error: {error:#}"));
    }
}

/// The bytes that each service will get; nothing when that shows only on the way.
fn total(named: &[Named]) -> Option<u64> {
    let lens = named.iter().map(|named| match named {
        Named::File(path, _) => {
            let found = std::fs::metadata(path).ok()?;
            found.is_file().then_some(found.len())
        }
        Named::Tree(..) | Named::Input(_) => None,
    });
    lens.sum()
}

type Unput = (Option<String>, anyhow::Error);

async fn put(
    array: &Raid,
    item: Item,
    bars: &Bars,
    stop: &CancellationToken,
) -> Result<(String, dolium_raid::Stored), Unput> {
    let Item { file, key } = item;
    let named = key.as_str().to_owned();
    let stored = async {
        let Some(path) = file else {
            let input = stream_of(std::io::stdin())?;
            return Ok::<_, anyhow::Error>(array.put(&key, None, input, bars, stop).await?);
        };
        let failed = || format!("cannot read {}", path.display());
        let source = tokio::fs::File::open(&path).await.with_context(failed)?;
        let found = source.metadata().await.with_context(failed)?;
        // What is no file, such as a pipe, tells its length by ending.
        let len = found.is_file().then_some(found.len());
        Ok(array.put(&key, len, source, bars, stop).await?)
    };
    match stored.await {
        Ok(stored) => Ok((named, stored)),
        Err(error) => Err((Some(named), error)),
    }
}
