//! Long work as a response: one JSON object a line, until `summary` or `error`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// Findings sent to one client; the summary counts all.
const FINDINGS_SENT_MAX: u64 = 10_000;
/// Progress lines are no use faster than a person reads.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Sends lines to the client of one pass. What is queued is bounded: findings by their limit, progress
/// by the clock.
pub(super) struct Lines {
    out: mpsc::UnboundedSender<Value>,
    findings: AtomicU64,
    progress: Throttle,
}

impl Lines {
    pub(super) fn finding(&self, finding: &(impl Serialize + ToString)) {
        if self.findings.fetch_add(1, Ordering::Relaxed) < FINDINGS_SENT_MAX {
            self.send(json!({ "finding": finding, "text": finding.to_string() }));
        }
    }

    pub(super) fn progress(&self, progress: &impl Serialize) {
        if self.progress.is_due(PROGRESS_EVERY) {
            self.send(json!({ "progress": progress }));
        }
    }

    pub(super) fn summary(&self, summary: &Value) {
        self.send(json!({ "summary": summary }));
    }

    pub(super) fn error(&self, error: &str) {
        self.send(json!({ "error": error }));
    }

    /// True when the client has gone.
    pub(super) fn is_gone(&self) -> bool {
        self.out.is_closed()
    }

    fn send(&self, line: Value) {
        // A client that went away is noticed by `is_gone`.
        drop(self.out.send(line));
    }
}

/// Runs `work` beside a response that carries its lines.
pub(super) fn respond<F>(work: impl FnOnce(std::sync::Arc<Lines>) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (out, lines) = mpsc::unbounded_channel();
    let lines_out = Lines {
        out,
        findings: AtomicU64::new(0),
        progress: Throttle::default(),
    };
    tokio::spawn(work(std::sync::Arc::new(lines_out)));
    let body = UnboundedReceiverStream::new(lines)
        .map(|line| Ok::<_, std::convert::Infallible>(Bytes::from(format!("{line}\n"))));
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(body)).into_response()
}

/// A clock that lets something through once in a while.
#[derive(Default)]
struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    fn is_due(&self, every: Duration) -> bool {
        let Ok(mut last) = self.0.lock() else {
            return false;
        };
        let due = last.is_none_or(|last| last.elapsed() >= every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
