//! The state of a server at a glance.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use dolium_array::{Array, BlobKind, MemberState, MemberStatus};
use dolium_store::Holdings;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::compose::Components;

/// How long a status waits for providers that do not answer.
const PROBE_MAX: Duration = Duration::from_secs(3);

/// Versions on their way that are counted; a status must not take long.
const MOVING_COUNTED_MAX: i64 = 1_000_000;

/// What `dolium status` shows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatusReport {
    pub(crate) version: String,
    pub(crate) data_dir: String,
    /// Changes committed and not yet in the array.
    pub(crate) journal_behind: i64,
    /// Versions that are to be moved to another array.
    pub(crate) moving: i64,
    pub(crate) arrays: Vec<ArrayReport>,
}

/// One array.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ArrayReport {
    pub(crate) name: String,
    pub(crate) layout: String,
    /// Providers that may still be lost, now, without losing data.
    pub(crate) may_lose: i64,
    /// `healthy`, `degraded` (data safe, redundancy less than promised) or `failing`.
    pub(crate) state: String,
    pub(crate) packs: i64,
    pub(crate) pack_bytes: i64,
    /// Blobs that lack shards until a repair.
    pub(crate) incomplete_blobs: u64,
    /// Shards that wait on this server's disk for providers that do not take them.
    pub(crate) spool: serde_json::Value,
    /// What does not lie as the array's shape says yet.
    pub(crate) left: dolium_store::Left,
    /// When it was checked, scrubbed and mended.
    pub(crate) care: dolium_store::CareState,
    pub(crate) providers: Vec<serde_json::Value>,
}

pub(super) async fn status(
    State(components): State<Components>,
) -> Result<Json<StatusReport>, Failure> {
    let store = &components.store;
    let mut arrays = Vec::new();
    for array in store.arrays() {
        // A listing asks every provider, so that what is shown is how they are now.
        drop(tokio::time::timeout(PROBE_MAX, array.found(BlobKind::Snapshot, None, 1)).await);
        let holdings = store.holdings(array.name()).await?;
        let providers = array.status();
        let (may_lose, state) = judge(array, &providers, &holdings);
        arrays.push(ArrayReport {
            name: array.name().to_owned(),
            layout: array.layout().to_string(),
            may_lose,
            state: state.to_owned(),
            packs: holdings.packs,
            pack_bytes: holdings.pack_bytes,
            incomplete_blobs: holdings.incomplete_blobs,
            spool: serde_json::json!(array.spool_status()),
            left: store.reshaping_left(array.name()).await?,
            care: store.care_state(array.name()).await?,
            providers: providers
                .iter()
                .map(|provider| with_held(provider, &holdings))
                .collect(),
        });
    }
    Ok(Json(StatusReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data_dir: components.data_dir.path().display().to_string(),
        journal_behind: store.journal_behind().await?,
        moving: store.movements_waiting(MOVING_COUNTED_MAX).await?,
        arrays,
    }))
}

/// A provider with what it keeps of the array.
fn with_held(provider: &MemberStatus, holdings: &Holdings) -> serde_json::Value {
    let (shards, bytes) = holdings
        .members
        .get(&provider.id)
        .copied()
        .unwrap_or_default();
    let mut shown = serde_json::json!(provider);
    shown["shards"] = shards.into();
    shown["used_bytes"] = bytes.into();
    shown
}

fn judge(array: &Array, providers: &[MemberStatus], holdings: &Holdings) -> (i64, &'static str) {
    let promised = array.layout().parity();
    let parity = holdings
        .parity_min
        .map_or(promised, |least| least.min(promised));
    // One that was emptied may be away.
    let counts = |provider: &&MemberStatus| {
        !provider.draining || holdings.members.contains_key(&provider.id)
    };
    let down = providers
        .iter()
        .filter(counts)
        .filter(|provider| provider.state != MemberState::Up)
        .count();
    let may_lose = i64::from(parity) - (down.max(holdings.shards_missing_max) as i64);
    let state = match may_lose {
        left if left == i64::from(promised) => "healthy",
        left if left >= 0 => "degraded",
        _ => "failing",
    };
    (may_lose, state)
}
