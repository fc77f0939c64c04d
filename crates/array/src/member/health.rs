//! The circuit breaker and the figures of one member.
//!
//! Closed: calls pass. Open, after some failures in a row: calls fail at once, for a cool-down that
//! doubles with each failed trial. Half-open: one call passes, and decides.

use std::time::Duration;

use tokio::time::Instant;

use super::{MemberState, Traffic};

/// Failures in a row after which a member is left alone: enough that a stumble does not count.
const FAILURES_MAX: u32 = 5;
/// The cool-down doubles at most this often: from 5 s to 80 s.
const DOUBLINGS_MAX: u32 = 4;
/// How many latencies are remembered for the p95.
const SAMPLES_MAX: usize = 64;
/// Below this many latencies, the p95 is a guess.
const SAMPLES_MIN: usize = 8;
/// Bounds of the patience with a slow read, and what it is while the p95 is unknown.
const PATIENCE_MIN: Duration = Duration::from_millis(50);
const PATIENCE_MAX: Duration = Duration::from_secs(2);
const PATIENCE_UNKNOWN: Duration = Duration::from_millis(500);
/// The least patience with a write that others have finished: it costs one put in a while, and a member that
/// only stumbled is worth it.
const WRITE_PATIENCE_MIN: Duration = Duration::from_millis(250);
/// Writes up to this length are one kind, longer ones another.
const SMALL_WRITE_MAX: u64 = 256 << 10;
/// What each further chunk of a read may take: 64 MB/s.
const PATIENCE_CHUNK: Duration = Duration::from_millis(1);
/// The weight of the newest latency in the average.
const LATENCY_WEIGHT: f64 = 0.1;
/// The longest error text that is kept.
const ERROR_LEN_MAX: usize = 500;

/// Whether a call may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Free,
    Trial,
    Refused,
}

/// The latest latencies of one kind of call.
#[derive(Debug, Default)]
struct Latencies {
    samples: Vec<Duration>,
    next: usize,
    /// Of `samples`, brought up to date now and then.
    p95: Option<Duration>,
}

impl Latencies {
    fn sample(&mut self, latency: Duration) {
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(latency);
        } else {
            self.samples[self.next] = latency;
        }
        self.next = (self.next + 1) % SAMPLES_MAX;
        // Sorting is for now and then, not for each call.
        let due = self.next.is_multiple_of(SAMPLES_MIN);
        if due && self.samples.len() >= SAMPLES_MIN {
            let mut sorted = self.samples.clone();
            sorted.sort_unstable();
            self.p95 = sorted.get(sorted.len() * 95 / 100).copied();
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    /// How often the breaker opened without a success between.
    openings: u32,
    open_until: Option<Instant>,
    trial: bool,
    reads: Latencies,
    /// Of shards up to [`SMALL_WRITE_MAX`], and of longer ones.
    small_writes: Latencies,
    large_writes: Latencies,
    pub(super) last_error: Option<String>,
    pub(super) latency_ms: f64,
    pub(super) operations: u64,
    pub(super) errors: u64,
    pub(super) damaged: u64,
    pub(super) bytes_read: u64,
    pub(super) bytes_written: u64,
}

impl Health {
    pub(super) fn is_available(&self, now: Instant) -> bool {
        self.open_until
            .is_none_or(|until| now >= until && !self.trial)
    }

    /// True when the breaker is open and its time is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.open_until.is_some() && self.is_available(now)
    }

    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        if self.open_until.is_none() {
            Admission::Free
        } else if self.is_available(now) {
            self.trial = true;
            Admission::Trial
        } else {
            Admission::Refused
        }
    }

    pub(super) fn end_trial(&mut self) {
        self.trial = false;
    }

    pub(super) fn succeeded(&mut self, latency: Duration, traffic: Traffic) {
        self.operations += 1;
        self.failures = 0;
        self.openings = 0;
        self.open_until = None;
        let latency_ms = latency.as_secs_f64() * 1000.0;
        let first = self.latency_ms == 0.0;
        let weight = if first { 1.0 } else { LATENCY_WEIGHT };
        self.latency_ms += (latency_ms - self.latency_ms) * weight;
        match traffic {
            Traffic::Read(bytes) => {
                self.bytes_read += bytes;
                self.reads.sample(latency);
            }
            Traffic::Write(bytes) => {
                self.bytes_written += bytes;
                self.writes(bytes).sample(latency);
            }
            Traffic::None => {}
        }
    }

    fn writes(&mut self, bytes: u64) -> &mut Latencies {
        if bytes <= SMALL_WRITE_MAX {
            &mut self.small_writes
        } else {
            &mut self.large_writes
        }
    }

    /// Notes that the member wants to be left alone for a while: it is not down, so that the next call after
    /// that passes, and the cool-down does not double.
    pub(super) fn paused(&mut self, error: &str, until: Instant) {
        self.operations += 1;
        self.errors += 1;
        self.last_error = Some(error.chars().take(ERROR_LEN_MAX).collect());
        self.open_until = self.open_until.max(Some(until));
    }

    /// Notes a failure; true when it opened the breaker.
    pub(super) fn failed(&mut self, error: &str, now: Instant, cool_down: Duration) -> bool {
        self.operations += 1;
        self.errors += 1;
        self.failures += 1;
        self.last_error = Some(error.chars().take(ERROR_LEN_MAX).collect());
        let was_open = self.open_until.is_some();
        if self.failures < FAILURES_MAX || self.open_until.is_some_and(|until| now < until) {
            return false;
        }
        self.open_until = Some(now + cool_down * (1 << self.openings.min(DOUBLINGS_MAX)));
        self.openings += 1;
        !was_open
    }

    pub(super) fn damaged(&mut self, what: &str) {
        self.damaged += 1;
        self.last_error = Some(what.chars().take(ERROR_LEN_MAX).collect());
    }

    pub(super) fn patience(&self, chunks: u64) -> Duration {
        let usual = self.reads.p95.map_or(PATIENCE_UNKNOWN, |p95| p95 * 2);
        let chunks = u32::try_from(chunks.saturating_sub(1)).unwrap_or(u32::MAX);
        let wanted = usual
            .max(PATIENCE_MIN)
            .saturating_add(PATIENCE_CHUNK.saturating_mul(chunks));
        wanted.min(PATIENCE_MAX)
    }

    /// How long a write of this length usually takes, and as long again; nothing while that is unknown.
    pub(super) fn write_patience(&mut self, bytes: u64) -> Option<Duration> {
        let p95 = self.writes(bytes).p95?;
        Some((p95 * 2).max(WRITE_PATIENCE_MIN))
    }

    pub(super) fn state(&self) -> MemberState {
        if self.open_until.is_some_and(|until| Instant::now() < until) {
            MemberState::Down
        } else if self.failures > 0 {
            MemberState::Suspect
        } else {
            MemberState::Up
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_and_closes_after_a_good_trial() {
        let mut health = Health::default();
        for n in 1..=FAILURES_MAX {
            assert_eq!(health.admit(Instant::now()), Admission::Free);
            assert_eq!(
                health.failed("no", Instant::now(), COOL_DOWN),
                n == FAILURES_MAX
            );
        }
        assert_eq!(health.state(), MemberState::Down);
        assert_eq!(health.admit(Instant::now()), Admission::Refused);
        tokio::time::advance(COOL_DOWN).await;
        assert_eq!(health.admit(Instant::now()), Admission::Trial);
        assert_eq!(health.admit(Instant::now()), Admission::Refused);
        health.end_trial();
        health.failed("no", Instant::now(), COOL_DOWN);
        tokio::time::advance(COOL_DOWN).await;
        assert_eq!(
            health.admit(Instant::now()),
            Admission::Refused,
            "the cool-down doubles"
        );
        tokio::time::advance(COOL_DOWN).await;
        assert_eq!(health.admit(Instant::now()), Admission::Trial);
        health.end_trial();
        health.succeeded(Duration::from_millis(1), Traffic::None);
        assert_eq!(health.state(), MemberState::Up);
        assert_eq!(health.admit(Instant::now()), Admission::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_was_asked_for_is_kept_and_is_no_failure() {
        let mut health = Health::default();
        let pause = Duration::from_secs(90);
        health.paused("slow down", Instant::now() + pause);
        // A shorter one that is heard later does not cut it short.
        health.paused("slow down", Instant::now() + COOL_DOWN);
        tokio::time::advance(pause - Duration::from_millis(1)).await;
        assert_eq!(health.admit(Instant::now()), Admission::Refused);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(health.admit(Instant::now()), Admission::Trial);
        health.end_trial();
        health.succeeded(Duration::from_millis(1), Traffic::None);
        assert_eq!(health.state(), MemberState::Up);
        // It counted neither as a failure nor as an opening: the next cool-down is the first.
        for _ in 1..FAILURES_MAX {
            health.failed("no", Instant::now(), COOL_DOWN);
        }
        assert_eq!(health.admit(Instant::now()), Admission::Free);
        health.failed("no", Instant::now(), COOL_DOWN);
        tokio::time::advance(COOL_DOWN).await;
        assert_eq!(health.admit(Instant::now()), Admission::Trial);
    }

    #[test]
    fn patience_follows_the_p95_within_bounds() {
        let mut health = Health::default();
        assert_eq!(health.patience(1), PATIENCE_UNKNOWN);
        for _ in 0..SAMPLES_MAX {
            health.succeeded(Duration::from_millis(1), Traffic::Read(1));
        }
        assert_eq!(health.patience(1), PATIENCE_MIN);
        for _ in 0..SAMPLES_MAX {
            health.succeeded(Duration::from_millis(200), Traffic::Read(1));
        }
        assert_eq!(health.patience(1), Duration::from_millis(400));
        assert_eq!(health.patience(1_000_000), PATIENCE_MAX);
    }
}
