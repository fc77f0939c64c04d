//! A provider as a member of an array: every call to it passes here.
//!
//! Promises: a call ends, at the latest, at its time limit; its outcome is counted; a member that
//! keeps failing is left alone for a while and fails at once.

mod health;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dolium_provider::Provider;
use serde::Serialize;
use tokio::time::Instant;

use crate::{Error, ErrorKind, MemberId, Result, Status};

/// The longest pause that a member is granted when it asks for one.
const PAUSE_MAX: Duration = Duration::from_secs(300);
use health::{Admission, Health};

/// One provider of an array.
#[derive(Clone)]
pub struct Member {
    /// Its number in the repository; never changes.
    pub id: MemberId,
    /// For people; names it in errors and logs.
    pub name: String,
    /// The way to it.
    pub provider: Arc<dyn Provider>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Member({} {:?}, {})",
            self.id,
            self.name,
            self.provider.kind()
        )
    }
}

/// How a member is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It answers.
    Up,
    /// Its latest calls failed, or it is being tried again.
    Suspect,
    /// It kept failing, and is left alone for a while.
    Down,
}

/// What is known of a member.
#[derive(Debug, Clone, Serialize)]
pub struct MemberStatus {
    /// Its number.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// The driver's name.
    pub kind: &'static str,
    /// How it is doing.
    pub state: MemberState,
    /// It is being emptied, and gets nothing new.
    pub draining: bool,
    /// What it failed with last, even when it is up again.
    pub last_error: Option<String>,
    /// Moving average of successful calls.
    pub latency_ms: f64,
    /// Calls made.
    pub operations: u64,
    /// Calls that failed or were too slow, through the member's fault.
    pub errors: u64,
    /// Shards that were not what was put.
    pub damaged: u64,
    /// Bytes it gave.
    pub bytes_read: u64,
    /// Bytes it took.
    pub bytes_written: u64,
}

/// What a call moves, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    Read(u64),
    Write(u64),
    None,
}

/// Whether a call respects that a member is being left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It does: others can do the work.
    Normal,
    /// It does not: without this member the operation fails.
    LastResort,
}

/// A member with its health.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) member: Member,
    cool_down: Duration,
    health: Mutex<Health>,
}

impl Peer {
    pub(crate) fn new(member: Member, cool_down: Duration) -> Self {
        Self {
            member,
            cool_down,
            health: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> MemberId {
        self.member.id
    }

    /// True when this is the member, reached the same way.
    pub(crate) fn is(&self, member: &Member) -> bool {
        self.member.name == member.name && Arc::ptr_eq(&self.member.provider, &member.provider)
    }

    pub(crate) fn name(&self) -> &str {
        &self.member.name
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True unless the member is being left alone.
    pub(crate) fn is_available(&self) -> bool {
        self.health().is_available(Instant::now())
    }

    /// True when the member was left alone and may be asked whether it is back.
    pub(crate) fn is_due(&self) -> bool {
        self.health().is_due(Instant::now())
    }

    /// Calls the member, unless it is being left alone.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        traffic: Traffic,
        call: impl Future<Output = dolium_provider::Result<T>>,
    ) -> Result<T> {
        let admission = self.health().admit(Instant::now());
        if admission == Admission::Refused {
            return Err(Error::left_alone(self.name(), operation));
        }
        self.run(operation, limit, traffic, admission, call).await
    }

    /// Calls the member as urgently as its caller needs it.
    pub(crate) async fn call_with<T>(
        &self,
        urgency: Urgency,
        operation: &'static str,
        limit: Duration,
        traffic: Traffic,
        call: impl Future<Output = dolium_provider::Result<T>>,
    ) -> Result<T> {
        match urgency {
            Urgency::Normal => self.call(operation, limit, traffic, call).await,
            Urgency::LastResort => self.probe(operation, limit, traffic, call).await,
        }
    }

    /// Calls the member however it is doing: for checks and repairs, which are there to find out, and
    /// as a last resort. A good answer lets the member back in.
    pub(crate) async fn probe<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        traffic: Traffic,
        call: impl Future<Output = dolium_provider::Result<T>>,
    ) -> Result<T> {
        self.run(operation, limit, traffic, Admission::Free, call)
            .await
    }

    async fn run<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        traffic: Traffic,
        admission: Admission,
        call: impl Future<Output = dolium_provider::Result<T>>,
    ) -> Result<T> {
        let started = Instant::now();
        // A call that is dropped half way must not keep the place of the one trial call.
        let trial = Trial {
            peer: self,
            active: admission == Admission::Trial,
        };
        let outcome = tokio::time::timeout(limit, call).await;
        drop(trial);
        let (error, pause) = match outcome {
            Ok(Ok(value)) => {
                self.health().succeeded(started.elapsed(), traffic);
                return Ok(value);
            }
            Ok(Err(source)) => {
                let pause = source.retry_after();
                (Error::of_member(self.name(), source), pause)
            }
            Err(_) => {
                let why = format!("{}: no answer within {limit:?}", self.name());
                (Error::new(ErrorKind::Unavailable, operation, why), None)
            }
        };
        if is_an_answer(error.kind()) {
            self.health().succeeded(started.elapsed(), Traffic::None);
        } else if error.status() == Status::RateLimited || pause.is_some() {
            let pause = pause.unwrap_or(self.cool_down).min(PAUSE_MAX);
            let until = Instant::now() + pause;
            self.health().paused(&error.to_string(), until);
        } else {
            self.note_failure(&error.to_string());
        }
        Err(error)
    }

    fn note_failure(&self, error: &str) {
        if self.health().failed(error, Instant::now(), self.cool_down) {
            tracing::warn!(
                provider = self.name(),
                error,
                "provider left alone after failures"
            );
        }
    }

    /// Notes that others answered while this member still had not.
    pub(crate) fn note_slow(&self, operation: &str) {
        self.note_failure(&format!(
            "{operation}: {}: slower than its peers",
            self.name()
        ));
    }

    /// Notes that the member gave something else than it was given.
    pub(crate) fn note_damage(&self, what: &str) {
        self.health().damaged(what);
    }

    /// How long to wait for `chunks` before asking others too.
    pub(crate) fn patience(&self, chunks: u64) -> Duration {
        self.health().patience(chunks)
    }

    /// How long a write of so many bytes may take once others have finished.
    pub(crate) fn write_patience(&self, bytes: u64) -> Duration {
        let usual = self.health().write_patience(bytes);
        usual.unwrap_or(Duration::MAX)
    }

    pub(crate) fn status(&self) -> MemberStatus {
        let health = self.health();
        MemberStatus {
            id: self.id(),
            name: self.name().to_owned(),
            kind: self.member.provider.kind(),
            state: health.state(),
            draining: false,
            last_error: health.last_error.clone(),
            latency_ms: health.latency_ms,
            operations: health.operations,
            errors: health.errors,
            damaged: health.damaged,
            bytes_read: health.bytes_read,
            bytes_written: health.bytes_written,
        }
    }
}

/// Errors that show a member at work: it answered, if not as hoped.
fn is_an_answer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Invalid
    )
}

/// The place of the one call that finds out whether a member is back.
struct Trial<'a> {
    peer: &'a Peer,
    active: bool,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.active {
            self.peer.health().end_trial();
        }
    }
}
