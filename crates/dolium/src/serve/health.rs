//! `/healthz` and `/metrics` on the HTTP listener.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use dolium_array::MemberState;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::compose::Components;

#[derive(Clone)]
struct Shared {
    components: Components,
    metrics: PrometheusHandle,
}

pub(super) fn router(components: Components, metrics: PrometheusHandle) -> Router {
    let shared = Shared {
        components,
        metrics,
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_text))
        .with_state(shared)
}

/// Healthy: the catalog answers. A provider that is down is the array's business.
async fn healthz(State(shared): State<Shared>) -> impl IntoResponse {
    let catalog = shared.components.store.catalog();
    match catalog.read(|tx| tx.next_seq()).await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the catalog does not answer\n",
        ),
    }
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    let store = &shared.components.store;
    for array in store.arrays() {
        for member in array.status() {
            let labels = [
                ("array", array.name().to_owned()),
                ("provider", member.name),
            ];
            let up = if member.state == MemberState::Down {
                0.0
            } else {
                1.0
            };
            gauge!("dolium_provider_up", &labels).set(up);
            gauge!("dolium_provider_latency_ms", &labels).set(member.latency_ms);
            gauge!("dolium_provider_operations_total", &labels).set(member.operations as f64);
            gauge!("dolium_provider_errors_total", &labels).set(member.errors as f64);
            gauge!("dolium_provider_damaged_total", &labels).set(member.damaged as f64);
            gauge!("dolium_provider_read_bytes_total", &labels).set(member.bytes_read as f64);
            gauge!("dolium_provider_written_bytes_total", &labels).set(member.bytes_written as f64);
        }
    }
    for array in store.arrays() {
        let labels = [("array", array.name().to_owned())];
        let spool = array.spool_status();
        gauge!("dolium_spool_shards", &labels).set(spool.shards as f64);
        gauge!("dolium_spool_bytes", &labels).set(spool.bytes as f64);
        gauge!("dolium_spool_refused_total", &labels).set(spool.refused as f64);
        if let Ok(care) = store.care_state(array.name()).await {
            let seconds = |micros: i64| micros as f64 / 1e6;
            gauge!("dolium_checked_timestamp_seconds", &labels).set(seconds(care.checked));
            gauge!("dolium_check_findings", &labels).set(care.check_findings as f64);
            gauge!("dolium_scrubbed_timestamp_seconds", &labels).set(seconds(care.scrubbed));
            gauge!("dolium_scrub_findings", &labels).set(care.scrub_findings as f64);
            gauge!("dolium_mended_shards_total", &labels).set(care.mended as f64);
        }
    }
    gauge!("dolium_journal_shipped").set(store.journal_shipped() as f64);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, shared.metrics.render())
}
