//! A long run of mixed verbs: does anything fail, does memory grow, do answers slow down?
//!
//! Each client writes, reads, describes, copies, lists and deletes objects of its own, at a steady
//! pace, and compares every byte. Once a minute a line says how it goes.
//! Promises: the first error ends the run; what a client keeps in mind is bounded.
//! Does not: judge; the lines are for people.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use http::Method;
use parking_lot::Mutex;

use crate::Endpoint;
use crate::client::{Call, Client};
use crate::load::fresh_seed;
use crate::pattern::{Pattern, mix};
use crate::report::say;

/// Objects that a client keeps; the oldest is deleted before another is written.
const OBJECTS_MAX: usize = 200;

/// Mixed verbs for a long time.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    #[command(flatten)]
    endpoint: Endpoint,
    /// How long.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Clients at the same time.
    #[arg(long, default_value_t = 16)]
    clients: u64,
    /// Operations per second of all clients together; they wait when they are faster.
    #[arg(long, default_value_t = 400)]
    pace: u64,
}

/// One object of a client.
#[derive(Clone)]
struct Object {
    path: String,
    seed: u64,
    len: u64,
}

struct Worker {
    client: Client,
    bucket: String,
    prefix: String,
    objects: std::collections::VecDeque<Object>,
    state: u64,
    written: u64,
}

impl Soak {
    pub(crate) async fn run(self) -> Result<()> {
        let target = self.endpoint.target();
        let bucket = &self.endpoint.bucket;
        Client::new(target.clone()).make_bucket(bucket).await?;
        let latencies: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let end = Instant::now() + Duration::from_secs(60 * self.minutes);
        let every = Duration::from_secs_f64(self.clients as f64 / self.pace.max(1) as f64);
        let seed = fresh_seed();
        let mut workers = tokio::task::JoinSet::new();
        for number in 0..self.clients {
            let worker = Worker {
                client: Client::new(target.clone()),
                bucket: bucket.clone(),
                prefix: format!("soak-{seed:016x}/{number:02}"),
                objects: std::collections::VecDeque::new(),
                state: mix(seed ^ number),
                written: 0,
            };
            workers.spawn(worker.run(end, every, latencies.clone()));
        }
        say("minute     ops  p50 ms  p99 ms  max ms  rss MiB  cpu s")?;
        let server = self.endpoint.server();
        for minute in 1..=self.minutes {
            tokio::select! {
                ended = workers.join_next() => {
                    ended.context("no clients")???;
                    continue;
                }
                () = tokio::time::sleep(Duration::from_secs(60)) => {}
            }
            let mut all = std::mem::take(&mut *latencies.lock());
            all.sort_unstable();
            let at = |share: f64| {
                let index = ((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1));
                all.get(index).map_or(0.0, |d| d.as_secs_f64() * 1e3)
            };
            let rss = server.rss_mib()?.unwrap_or(0.0);
            let cpu = server.cpu_seconds()?.unwrap_or(0.0);
            say(&format!(
                "{minute:6} {:7} {:7.1} {:7.1} {:7.1} {rss:8.0} {cpu:6.0}",
                all.len(),
                at(0.5),
                at(0.99),
                at(1.0),
            ))?;
        }
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        say("no error")
    }
}

impl Worker {
    async fn run(
        mut self,
        end: Instant,
        every: Duration,
        latencies: Arc<Mutex<Vec<Duration>>>,
    ) -> Result<()> {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while Instant::now() < end {
            ticks.tick().await;
            let begin = Instant::now();
            self.operate().await?;
            latencies.lock().push(begin.elapsed());
        }
        Ok(())
    }

    fn random(&mut self, below: u64) -> u64 {
        self.state = mix(self.state);
        self.state % below
    }

    async fn operate(&mut self) -> Result<()> {
        let choice = self.random(100);
        match choice {
            _ if self.objects.is_empty() || choice < 28 => self.put().await,
            28..63 => self.get().await,
            63..78 => self.head().await,
            78..84 => self.list().await,
            84..92 => self.copy().await,
            _ => self.delete().await,
        }
    }

    fn any(&mut self) -> Result<Object> {
        let index = self.random(self.objects.len() as u64) as usize;
        self.objects.get(index).cloned().context("no object")
    }

    fn next_path(&mut self) -> String {
        self.written += 1;
        format!("/{}/{}/{:08}", self.bucket, self.prefix, self.written)
    }

    async fn put(&mut self) -> Result<()> {
        if self.objects.len() >= OBJECTS_MAX {
            return self.delete().await;
        }
        let len = match self.random(100) {
            0..80 => 4 << 10,
            80..95 => 64 << 10,
            _ => 1 << 20,
        };
        let (path, seed) = (self.next_path(), self.random(u64::MAX));
        let pattern = Pattern::whole(seed, len);
        self.client.put(path.clone(), pattern).await?;
        self.objects.push_back(Object { path, seed, len });
        Ok(())
    }

    async fn get(&mut self) -> Result<()> {
        let Object { path, seed, len } = self.any()?;
        self.client.get(path, Pattern::whole(seed, len)).await
    }

    async fn head(&mut self) -> Result<()> {
        let Object { path, len, .. } = self.any()?;
        let (headers, _) = self.client.text(Call::new(Method::HEAD, path)).await?;
        let told = headers.get("content-length");
        let told = told.and_then(|value| value.to_str().ok()?.parse().ok());
        ensure!(
            told == Some(len),
            "HEAD tells {told:?} bytes instead of {len}"
        );
        Ok(())
    }

    async fn list(&mut self) -> Result<()> {
        let call = Call::new(Method::GET, format!("/{}", self.bucket))
            .query("list-type", 2)
            .query("prefix", format!("{}/", self.prefix));
        let (_, text) = self.client.text(call).await?;
        let (got, want) = (text.matches("<Key>").count(), self.objects.len());
        ensure!(got == want, "a listing of {got} keys instead of {want}");
        Ok(())
    }

    async fn copy(&mut self) -> Result<()> {
        if self.objects.len() >= OBJECTS_MAX {
            return self.delete().await;
        }
        let from = self.any()?;
        let path = self.next_path();
        let call = Call::new(Method::PUT, path.clone()).header("x-amz-copy-source", &from.path);
        self.client.text(call).await?;
        self.objects.push_back(Object { path, ..from });
        Ok(())
    }

    async fn delete(&mut self) -> Result<()> {
        let Some(gone) = self.objects.pop_front() else {
            return Ok(());
        };
        let call = Call::new(Method::DELETE, gone.path);
        self.client.text(call).await.map(drop)
    }
}
