//! The notifier: one task that matches events and one for each target that delivers.
//!
//! Promises: stops within moments when asked, and what was delivered by then is not sent again; runs
//! without targets too, so that events of containers whose target is gone do not pile up.

use std::sync::Arc;
use std::time::Duration;

use dolium_catalog::Catalog;
use dolium_store::{Instant, Leases};
use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::fanout::Fanout;
use crate::queue::Queue;
use crate::target;
use crate::{Error, NotifySettings, Result};

/// How long a message may wait before it is given up.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Messages given up in one transaction.
const EXPIRE_BATCH: i64 = 1000;
/// Pause between looks for messages that are too old. The first look comes after one such pause: what
/// waited while no server ran is tried before it is given up.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Pause between looks for events when nothing was committed here: another server on the same
/// catalog may have committed some.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Commits that come closer together are looked at together.
const GATHER: Duration = Duration::from_millis(10);

/// The running notifier.
pub struct Notifier {
    targets: Arc<[String]>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Notifier {
    /// The names of the targets.
    pub fn targets(&self) -> Arc<[String]> {
        self.targets.clone()
    }

    /// Stops, and waits until everything that runs has ended.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Starts the notifier over a catalog. Targets are contacted when there is something to deliver and it is this
/// server's turn.
pub fn start(catalog: &Catalog, leases: &Leases, settings: NotifySettings) -> Result<Notifier> {
    let mut queues = Vec::new();
    for settings in &settings.targets {
        let told = |error| Error::Settings(format!("notify target {}: {error}", settings.name));
        let target = target::open(settings).map_err(told)?;
        let (catalog, leases) = (catalog.clone(), leases.clone());
        let queue = Queue::new(settings.name.clone(), target, catalog, leases);
        queues.push(Arc::new(queue));
    }
    let targets = queues.iter().map(|queue| queue.name().to_owned()).collect();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    for queue in &queues {
        let (queue, stop) = (queue.clone(), stop.clone());
        tasks.spawn(async move { queue.run(&stop).await });
    }
    let fanout = Fanout {
        catalog: catalog.clone(),
        region: settings.region.into(),
        queues: queues.into(),
    };
    let worker = Worker {
        fanout,
        stop: stop.clone(),
    };
    tasks.spawn(worker.run());
    Ok(Notifier {
        targets,
        tasks,
        stop,
    })
}

struct Worker {
    fanout: Fanout,
    stop: CancellationToken,
}

impl Worker {
    async fn run(self) {
        self.recount().await;
        let mut committed = self.fanout.catalog.committed();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.reset();
        while !self.stop.is_cancelled() {
            let more = match self.fanout.round().await {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(%error, "events cannot be handed on; trying again");
                    false
                }
            };
            if more {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                changed = committed.changed() => match changed {
                    Ok(()) => tokio::time::sleep(GATHER).await,
                    // The catalog's writer has ended; nothing can be committed any more.
                    Err(_) => self.stop.cancelled().await,
                },
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = sweep.tick() => self.sweep().await,
            }
        }
    }

    /// Counts what waits.
    async fn recount(&self) {
        for queue in self.fanout.queues.iter() {
            if let Err(error) = queue.recount().await {
                tracing::warn!(%error, "waiting messages cannot be counted");
            }
        }
    }

    /// Gives up messages that are too old, also those of targets that are not configured any more.
    async fn sweep(&self) {
        if let Err(error) = self.expire().await {
            tracing::warn!(%error, "old messages cannot be given up");
        }
        self.recount().await;
    }

    async fn expire(&self) -> Result<()> {
        let catalog = &self.fanout.catalog;
        let counted: std::result::Result<i64, dolium_catalog::Error> =
            catalog.read(|tx| tx.count_events()).await;
        gauge!("dolium_events_waiting").set(counted? as f64);
        let before = Instant::now().0.saturating_sub(AGE_MAX.as_micros() as i64);
        loop {
            let expire = catalog.write(move |tx| tx.expire_deliveries(before, EXPIRE_BATCH));
            let gone: std::result::Result<_, dolium_catalog::Error> = expire.await;
            let gone = gone?.value;
            for (name, count) in &gone {
                let queue = self.fanout.queues.iter().find(|queue| queue.name() == name);
                match queue {
                    Some(queue) => queue.expired(*count),
                    None => tracing::warn!(
                        target = name,
                        count,
                        "messages were given up: the target is not configured any more"
                    ),
                }
            }
            if gone.is_empty() || self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }
}
