//! Listings of a filled bucket: whether their cost grows with it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use http::Method;

use crate::Endpoint;
use crate::client::{Call, Client};
use crate::fill::key;
use crate::multipart::element;
use crate::pattern::mix;
use crate::report::{percentile_ms, say};

/// Entries of a page.
const PAGE_LEN: u64 = 1000;

/// Measure listings of a filled bucket.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    #[command(flatten)]
    endpoint: Endpoint,
    /// How many objects it has.
    #[arg(long)]
    objects: u64,
    /// Over how many common prefixes.
    #[arg(long)]
    prefixes: u64,
    /// Pages of each kind.
    #[arg(long, default_value_t = 200)]
    pages: u64,
}

impl Measure {
    pub(crate) async fn run(self) -> Result<()> {
        let mut client = Client::new(self.endpoint.target());
        say("| page of 1,000 | entries | p50 ms | p99 ms | CPU ms |\n|---|---|---|---|---|")?;
        let (objects, prefixes) = (self.objects, self.prefixes);
        let middle = |number: u64| {
            let at = mix(number) % objects;
            Some((at, key(at, objects, prefixes)))
        };
        self.page(&mut client, "first", None, |_| None, "Key")
            .await?;
        self.page(&mut client, "start-after, anywhere", None, middle, "Key")
            .await?;
        let delimiter = Some("/");
        self.page(
            &mut client,
            "common prefixes, first",
            delimiter,
            |_| None,
            "Prefix",
        )
        .await?;
        let among = |number: u64| {
            let at = mix(number) % prefixes;
            // The character after the delimiter's: behind all of that prefix.
            Some((at * objects.div_ceil(prefixes), format!("dir-{at:07}0")))
        };
        self.page(
            &mut client,
            "common prefixes, anywhere",
            delimiter,
            among,
            "Prefix",
        )
        .await?;
        self.walk(&mut client).await
    }

    async fn page(
        &self,
        client: &mut Client,
        what: &str,
        delimiter: Option<&str>,
        after: impl Fn(u64) -> Option<(u64, String)>,
        name: &str,
    ) -> Result<()> {
        let server = self.endpoint.server();
        let (mut latencies, mut entries) = (Vec::<Duration>::new(), 0);
        let before = server.cpu_seconds()?;
        for number in 0..self.pages {
            let mut call = self.call(delimiter);
            let after = after(number);
            if let Some((_, key)) = &after {
                call = call.query("start-after", key);
            }
            let begin = Instant::now();
            let (_, text) = client.text(call).await?;
            latencies.push(begin.elapsed());
            entries = text.matches(&format!("<{name}>")).count();
            let is_first = after.is_none() && name == "Key";
            ensure!(
                !is_first || entries as u64 == PAGE_LEN.min(self.objects),
                "{entries}"
            );
        }
        let cpu = before
            .zip(server.cpu_seconds()?)
            .map_or(0.0, |(b, a)| a - b);
        latencies.sort();
        say(&format!(
            "| {what} | {entries} | {:.2} | {:.2} | {:.2} |",
            percentile_ms(&latencies, 50),
            percentile_ms(&latencies, 99),
            cpu * 1e3 / self.pages as f64
        ))
    }

    fn call(&self, delimiter: Option<&str>) -> Call {
        let call = Call::new(Method::GET, format!("/{}", self.endpoint.bucket))
            .query("list-type", 2)
            .query("max-keys", PAGE_LEN);
        match delimiter {
            Some(delimiter) => call.query("delimiter", delimiter),
            None => call,
        }
    }

    /// Walks all pages by continuation token and counts every object.
    async fn walk(&self, client: &mut Client) -> Result<()> {
        let begin = Instant::now();
        let (mut count, mut token) = (0, None::<String>);
        loop {
            let mut call = self.call(None);
            if let Some(token) = &token {
                call = call.query("continuation-token", token);
            }
            let (_, text) = client.text(call).await?;
            count += text.matches("<Key>").count() as u64;
            token = element(&text, "NextContinuationToken").map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        ensure!(count == self.objects, "{count} of {} objects", self.objects);
        let seconds = begin.elapsed().as_secs_f64();
        say(&format!("\nAll {count} objects listed in {seconds:.2} s."))
    }
}
