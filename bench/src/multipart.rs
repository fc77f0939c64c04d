//! One huge object in parts, in and out, while the server's memory is watched.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use http::Method;

use crate::Endpoint;
use crate::client::{Call, Client};
use crate::load::fresh_seed;
use crate::pattern::{Outgoing, Pattern};
use crate::report::say;

const GIB: u64 = 1 << 30;

/// Send one huge object in parts and read it back.
#[derive(Debug, Args)]
pub(crate) struct Multipart {
    #[command(flatten)]
    endpoint: Endpoint,
    /// Its length.
    #[arg(long, default_value_t = 20)]
    gib: u64,
    /// The length of a part.
    #[arg(long, default_value_t = 64)]
    part_mib: u64,
    /// Keep the object.
    #[arg(long)]
    keep: bool,
}

/// The text of the first element of this name.
pub(crate) fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

impl Multipart {
    pub(crate) async fn run(self) -> Result<()> {
        let mut client = Client::new(self.endpoint.target());
        client.make_bucket(&self.endpoint.bucket).await?;
        let path = format!("/{}/huge", self.endpoint.bucket);
        let pattern = Pattern::whole(fresh_seed(), self.gib * GIB);
        let part_len = self.part_mib << 20;
        self.timed("in", upload(&mut client, &path, pattern, part_len))
            .await?;
        let mut reader = Client::new(self.endpoint.target());
        self.timed("out", reader.get(path.clone(), pattern)).await?;
        if !self.keep {
            client.text(Call::new(Method::DELETE, path)).await?;
        }
        Ok(())
    }

    async fn timed(&self, what: &str, work: impl Future<Output = Result<()>>) -> Result<()> {
        let server = self.endpoint.server();
        server.reset_peak();
        let (begin, before) = (Instant::now(), server.cpu_seconds()?);
        work.await?;
        let seconds = begin.elapsed().as_secs_f64();
        let cpu = before
            .zip(server.cpu_seconds()?)
            .map_or(0.0, |(b, a)| a - b);
        let peak = server.peak_mib()?.unwrap_or_default();
        say(&format!(
            "{what}: {} GiB in {seconds:.1} s, {:.2} CPU s/GiB, peak RSS {peak:.0} MiB",
            self.gib,
            cpu / self.gib as f64
        ))
    }
}

/// Sends an object in parts, one after the other.
pub(crate) async fn upload(
    client: &mut Client,
    path: &str,
    whole: Pattern,
    part_len: u64,
) -> Result<()> {
    let (_, text) = client
        .text(Call::new(Method::POST, path).query("uploads", ""))
        .await?;
    let upload = element(&text, "UploadId").context("no upload id")?;
    let mut parts = String::new();
    let mut start = 0;
    while start < whole.len {
        let number = start / part_len + 1;
        let part = Pattern {
            seed: whole.seed,
            start,
            len: part_len.min(whole.len - start),
        };
        let call = Call::new(Method::PUT, path)
            .query("partNumber", number)
            .query("uploadId", upload)
            .body(Outgoing::Pattern(part));
        let (headers, _) = client.text(call).await?;
        let tag = headers.get("etag").context("no ETag")?.to_str()?;
        parts.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        ));
        start += part.len;
    }
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let call = Call::new(Method::POST, path)
        .query("uploadId", upload)
        .body(Outgoing::Text(body.into()));
    client.text(call).await.map(drop)
}
