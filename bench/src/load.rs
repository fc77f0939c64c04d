//! Runs scenarios: some clients, one operation after another, each timed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use clap::Args;
use http::Method;
use md5::{Digest as _, Md5};

use crate::Endpoint;
use crate::client::{Call, Client, Target};
use crate::multipart::{element, upload};
use crate::pattern::{Outgoing, Pattern, mix};
use crate::report::{Measurement, Run, say};
use crate::scenario::{Kind, PART_LEN, SCENARIOS, Scenario, WALK_LEN};
use crate::server::Server;

/// Objects in a page of a listing.
const PAGE_LEN: u64 = 1000;
/// Operations before the clock starts: connections, caches, first directories.
const WARM_UP_OPS: u64 = 64;

/// Run scenarios and write their measurements.
#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    endpoint: Endpoint,
    /// What to call the server in tables.
    #[arg(long, default_value = "dolium")]
    name: String,
    /// Scenarios by name; without it the usual ones.
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// The most time a scenario takes.
    #[arg(long, default_value_t = 20)]
    seconds_max: u64,
    /// Where to write the measurements.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Objects that a scenario has put.
#[derive(Clone, Copy, Debug)]
struct Stored {
    seed: u64,
    count: u64,
}

/// What the clients of a scenario share.
struct Shared {
    target: Arc<Target>,
    bucket: String,
    scenario: Scenario,
    stored: Stored,
    next: AtomicU64,
    end: u64,
    deadline: Instant,
}

impl Load {
    pub(crate) async fn run(self) -> Result<()> {
        let target = self.endpoint.target();
        let bucket = &self.endpoint.bucket;
        Client::new(target.clone()).make_bucket(bucket).await?;
        let mut stored = HashMap::new();
        let mut run = Run::new(&self.name);
        for scenario in self.chosen()? {
            let from = match scenario.kind {
                Kind::Put | Kind::Multipart => Stored {
                    seed: fresh_seed(),
                    count: 0,
                },
                Kind::Get(of)
                | Kind::List(of)
                | Kind::Walk(of)
                | Kind::Delete(of)
                | Kind::DeleteMany(of) => *stored
                    .get(of)
                    .with_context(|| format!("{} needs {of} before it", scenario.name))?,
            };
            let (measurement, next) = self.measure(&target, scenario, from).await?;
            if scenario.kind == Kind::Put {
                let count = next;
                stored.insert(scenario.name, Stored { count, ..from });
            }
            say(&measurement.line())?;
            run.measurements.push(measurement);
        }
        match &self.json {
            Some(file) => run.write(file),
            None => Ok(()),
        }
    }

    fn chosen(&self) -> Result<Vec<Scenario>> {
        if self.scenarios.is_empty() {
            let usual = SCENARIOS.iter().filter(|scenario| scenario.is_default);
            return Ok(usual.copied().collect());
        }
        let find = |name: &String| {
            let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
            found
                .copied()
                .with_context(|| format!("no scenario {name}"))
        };
        self.scenarios.iter().map(find).collect()
    }

    /// Runs one scenario; also returns how many objects there are after it.
    async fn measure(
        &self,
        target: &Arc<Target>,
        scenario: Scenario,
        stored: Stored,
    ) -> Result<(Measurement, u64)> {
        let server: Server = self.endpoint.server();
        let shared = |next: u64, end: u64| {
            Arc::new(Shared {
                target: target.clone(),
                bucket: self.endpoint.bucket.clone(),
                scenario,
                stored,
                next: next.into(),
                end,
                deadline: Instant::now() + Duration::from_secs(self.seconds_max),
            })
        };
        // Large objects are so few that each counts.
        let warm_up = if scenario.ops_max > 10 * WARM_UP_OPS {
            WARM_UP_OPS
        } else {
            0
        };
        drive(shared(0, warm_up)).await?;
        server.reset_peak();
        let cpu_before = server.cpu_seconds()?;
        let begin = Instant::now();
        let shared = shared(warm_up, warm_up + scenario.ops_max);
        let latencies = drive(shared.clone()).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let cpu_after = server.cpu_seconds()?;
        let cpu_seconds = cpu_before.zip(cpu_after).map(|(b, a)| a - b);
        let peak_mib = server.peak_mib()?;
        let measurement = Measurement::new(scenario, latencies, seconds, cpu_seconds, peak_mib);
        let count = shared.next.load(Ordering::Relaxed).min(shared.end);
        Ok((measurement, count))
    }
}

/// A seed that no earlier run used.
pub(crate) fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    mix(now.as_nanos() as u64)
}

/// Lets all clients work until operations or time are used up.
async fn drive(shared: Arc<Shared>) -> Result<Vec<Duration>> {
    let clients: Vec<_> = (0..shared.scenario.clients)
        .map(|_| tokio::spawn(work(shared.clone())))
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await??);
    }
    Ok(latencies)
}

async fn work(shared: Arc<Shared>) -> Result<Vec<Duration>> {
    let mut client = Client::new(shared.target.clone());
    let mut latencies = Vec::new();
    while Instant::now() < shared.deadline {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.end {
            break;
        }
        let begin = Instant::now();
        let done = operate(&mut client, &shared, number).await;
        done.with_context(|| format!("{} number {number}", shared.scenario.name))?;
        latencies.push(begin.elapsed());
    }
    Ok(latencies)
}

fn path(bucket: &str, scenario: &str, seed: u64, number: u64) -> String {
    format!("/{bucket}/{}", key(scenario, seed, number))
}

fn key(scenario: &str, seed: u64, number: u64) -> String {
    format!("{scenario}-{seed:016x}/{number:08}")
}

async fn operate(client: &mut Client, shared: &Shared, number: u64) -> Result<()> {
    let Stored { seed, count } = shared.stored;
    let len = shared.scenario.object_len;
    let pattern = |number: u64| Pattern::whole(mix(seed ^ number), len);
    match shared.scenario.kind {
        Kind::Put => {
            let path = path(&shared.bucket, shared.scenario.name, seed, number);
            client.put(path, pattern(number)).await
        }
        Kind::Get(of) => {
            // In no order, so that neighbours of one pack are not read together.
            let number = mix(number) % count.max(1);
            let path = path(&shared.bucket, of, seed, number);
            client.get(path, pattern(number)).await
        }
        Kind::Multipart => {
            let path = path(&shared.bucket, shared.scenario.name, seed, number);
            upload(client, &path, pattern(number), PART_LEN).await
        }
        Kind::List(of) => list(client, shared, of, number).await,
        Kind::Walk(of) => walk(client, shared, of).await,
        Kind::Delete(of) => {
            ensure!(number < count / 2, "not enough objects to delete");
            let path = path(&shared.bucket, of, seed, number);
            let call = Call::new(Method::DELETE, path);
            client.text(call).await.map(drop)
        }
        Kind::DeleteMany(of) => delete_many(client, shared, of, number).await,
    }
}

/// A page that begins anywhere.
async fn list(client: &mut Client, shared: &Shared, of: &str, number: u64) -> Result<()> {
    let Stored { seed, count } = shared.stored;
    let after = mix(number) % count.max(1);
    let call = page(shared, of).query("start-after", key(of, seed, after));
    let (_, text) = client.text(call).await?;
    let want = (count - 1 - after).min(PAGE_LEN);
    let got = text.matches("<Key>").count() as u64;
    ensure!(got == want, "{got} keys in a page instead of {want}");
    if !text.contains("ListBucketResult") {
        bail!("no listing: {text}");
    }
    Ok(())
}

/// Pages from the first on, until there are enough keys.
async fn walk(client: &mut Client, shared: &Shared, of: &str) -> Result<()> {
    let (mut got, mut token) = (0, None::<String>);
    while got < WALK_LEN {
        let mut call = page(shared, of);
        if let Some(token) = &token {
            call = call.query("continuation-token", token);
        }
        let (_, text) = client.text(call).await?;
        got += text.matches("<Key>").count() as u64;
        token = element(&text, "NextContinuationToken").map(str::to_owned);
        ensure!(token.is_some() || got >= WALK_LEN, "only {got} keys");
    }
    Ok(())
}

fn page(shared: &Shared, of: &str) -> Call {
    let seed = shared.stored.seed;
    Call::new(Method::GET, format!("/{}", shared.bucket))
        .query("list-type", 2)
        .query("max-keys", PAGE_LEN)
        .query("prefix", format!("{of}-{seed:016x}/"))
}

async fn delete_many(client: &mut Client, shared: &Shared, of: &str, number: u64) -> Result<()> {
    let Stored { seed, count } = shared.stored;
    let first = count / 2 + number * PAGE_LEN;
    ensure!(first + PAGE_LEN <= count, "not enough objects to delete");
    let mut body = String::from("<Delete><Quiet>true</Quiet>");
    for number in first..first + PAGE_LEN {
        let key = key(of, seed, number);
        body.push_str(&format!("<Object><Key>{key}</Key></Object>"));
    }
    body.push_str("</Delete>");
    let digest = base64::engine::general_purpose::STANDARD.encode(Md5::digest(&body));
    let call = Call::new(Method::POST, format!("/{}", shared.bucket))
        .query("delete", "")
        .header("content-md5", digest)
        .body(Outgoing::Text(body.into()));
    let (_, text) = client.text(call).await?;
    ensure!(!text.contains("<Error>"), "{text}");
    Ok(())
}
