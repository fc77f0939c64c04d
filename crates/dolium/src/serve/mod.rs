//! The server: listeners, signals, and the order of starting and stopping.

mod counted;
mod health;
mod listener;
mod notify;
mod rewording;
mod swift;
mod tls;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result};
use dolium_s3::{S3Settings, service};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use listener::Limits;

use crate::admin;
use crate::compose::Components;
use crate::config::Config;
use crate::roster::Roster;
use crate::telemetry;

/// How long running requests may go on after a stop was asked for; together with what follows ten
/// seconds, after which service managers kill.
const DRAIN_MAX: Duration = Duration::from_secs(6);
/// How long notification may take to put down what it does, and access logs to be written.
const LAST_MAX: Duration = Duration::from_secs(1);
/// How long the store may take to write what is committed.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Pause between looks for changes of the roster: other servers write to a provider that is being emptied for
/// no longer than that.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

/// Sockets that are open before anything is promised.
pub(crate) struct Sockets {
    s3: TcpListener,
    http: TcpListener,
    admin: UnixListener,
}

impl Sockets {
    /// Binds all of them. The data directory's lock is held, so an old socket file is stale.
    pub(crate) async fn bind(config: &Config, components: &Components) -> Result<Self> {
        let tcp = async |what: &str, address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen for {what} on {address}; is something else there?")
            })
        };
        let path = components.data_dir.socket();
        if path.exists() {
            std::fs::remove_file(&path).context("cannot remove a stale socket")?;
        }
        let admin = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let s3 = tcp("S3", config.listen.s3).await?;
        let http = tcp("HTTP", config.listen.http).await?;
        Ok(Self { s3, http, admin })
    }

    /// The addresses of S3 and HTTP, with the ports the system chose.
    pub(crate) fn addresses(&self) -> Result<(SocketAddr, SocketAddr)> {
        Ok((self.s3.local_addr()?, self.http.local_addr()?))
    }
}

/// Takes over what another server, or a command beside this one, changed in the roster.
async fn follow_roster(roster: Roster) {
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        if let Err(error) = roster.follow().await {
            tracing::warn!(%error, "the roster could not be followed; trying again");
        }
    }
}

/// Serves until a signal, then stops in order. `Ok` means that everything acknowledged is durable.
pub(crate) async fn run(
    config: &Config,
    components: Components,
    sockets: Sockets,
    metrics: PrometheusHandle,
) -> Result<()> {
    let stop = CancellationToken::new();
    let connections = TaskTracker::new();
    let limits = Limits {
        connections_max: config.limits.connections,
    };
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let notifier = notify::start(config, &components)?;
    let s3 = service(S3Settings {
        store: components.store.clone(),
        identity: components.identity.clone(),
        domains: config.s3.domains.clone(),
        region: config.s3.region.clone(),
        etags: config.s3.etag,
        notify_targets: notifier.targets(),
        sigv2: config.s3.sigv2,
        post_sigv2: config.s3.post_sigv2,
        website_domains: config.s3.website_domains.clone(),
    });
    let access_log = s3.access_log();
    let logging = {
        let (access_log, stop) = (access_log.clone(), stop.clone());
        let every = Duration::from_secs(config.s3.access_log_seconds);
        tokio::spawn(async move { access_log.run(every, stop.cancelled()).await })
    };
    let sweeping = tokio::spawn(telemetry::sweep(metrics.clone()));
    let following = tokio::spawn(follow_roster(components.roster.clone()));
    let http = health::router(components.clone(), metrics)
        .nest("/api/v1/admin", admin::guarded_router(components.clone()));
    let http = swift::with(swift::front_end(config, &components)?, http);
    let socket = admin::router(components.clone());
    let accept = |listener, tls, wording| listener::Accept {
        listener,
        tls,
        wording,
        limits,
        stop: stop.clone(),
        connections: connections.clone(),
    };
    let tasks = [
        tokio::spawn(accept(sockets.s3, tls.clone(), None).serve(counted::Counted::new("s3", s3))),
        tokio::spawn(
            accept(sockets.http, tls, Some(dolium_swift::unreadable))
                .serve(counted::Counted::new("http", listener::Routed(http))),
        ),
        tokio::spawn(listener::serve_socket(sockets.admin, socket, stop.clone())),
    ];
    wait_for_signal().await?;
    tracing::info!("stopping: no new requests, finishing those that run");
    sweeping.abort();
    following.abort();
    stop.cancel();
    for task in tasks {
        task.await.context("a listener died")?;
    }
    logging.await.context("the writer of access logs died")?;
    connections.close();
    if tokio::time::timeout(DRAIN_MAX, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
    let last = async { tokio::join!(notifier.close(), access_log.flush()) };
    if tokio::time::timeout(LAST_MAX, last).await.is_err() {
        tracing::warn!("notification or access logs did not stop in time; lines of logs are lost");
    }
    let closed = tokio::time::timeout(FLUSH_MAX, components.store.close()).await;
    drop(std::fs::remove_file(components.data_dir.socket()));
    match closed {
        Ok(closed) => closed.context("the journal could not be flushed"),
        Err(_) => anyhow::bail!(
            "the journal could not be flushed in time; what is committed is on the local disk and \
             is written to the array at the next start"
        ),
    }
}

async fn wait_for_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
