//! Providers and arrays: shown, probed and changed.
//!
//! Promises: credentials go in and never come out; a rehearsal changes nothing.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use dolium_array::care::{MemberWork, Plan};
use dolium_provider::Probe;
use dolium_store::{Left, Reshaped};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Failure;
use super::care::Watching;
use super::stream::{Lines, respond};
use crate::compose::Components;
use crate::config::Prices;
use crate::roster::Change;

/// A provider in a listing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProviderShown {
    pub(crate) name: String,
    pub(crate) array: String,
    pub(crate) number: u16,
    pub(crate) kind: String,
    /// `active` or `draining`.
    pub(crate) role: String,
    /// `configuration` or `command`.
    pub(crate) source: String,
    /// Options of one that was added by command, without what may be a secret.
    pub(crate) options: std::collections::BTreeMap<String, String>,
    /// `up`, `suspect` or `down`.
    pub(crate) state: String,
    pub(crate) latency_ms: f64,
    pub(crate) last_error: Option<String>,
    /// Shards that it is still to be rid of.
    pub(crate) shards_leaving: u64,
}

/// An array in a listing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ArrayShown {
    pub(crate) name: String,
    pub(crate) layout: String,
    pub(crate) providers: Vec<String>,
    pub(crate) draining: Vec<String>,
    pub(crate) left: Left,
}

/// What is to be changed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangeRequest {
    pub(crate) change: Change,
    /// Only say what it would take.
    pub(crate) dry_run: bool,
}

/// What a change takes at one provider.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProviderWork {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) work: MemberWork,
    /// By the table of prices, if it has the provider or its kind.
    pub(crate) cost: Option<f64>,
    pub(crate) monthly: Option<f64>,
}

/// What a change takes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangeAnswer {
    pub(crate) array: String,
    pub(crate) blobs: u64,
    pub(crate) shards: u64,
    pub(crate) providers: Vec<ProviderWork>,
    pub(crate) cost: Option<f64>,
    pub(crate) monthly: Option<f64>,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("{error:#}"))
    }
}

type Answer<T> = Result<Json<T>, Failure>;

pub(super) async fn providers(State(components): State<Components>) -> Answer<Vec<ProviderShown>> {
    let document = components.roster.document().await?;
    let mut shown = Vec::new();
    for array in components.store.arrays() {
        let Some(roster) = document.arrays.get(array.name()) else {
            continue;
        };
        let left = components.store.reshaping_left(array.name()).await?;
        for status in array.status() {
            let Some(row) = roster.members.get(&status.name) else {
                continue;
            };
            let settings = components.roster.settings(row)?;
            shown.push(ProviderShown {
                name: status.name.clone(),
                array: array.name().to_owned(),
                number: row.number,
                kind: status.kind.to_owned(),
                role: if row.draining { "draining" } else { "active" }.to_owned(),
                source: if settings.is_some() {
                    "command"
                } else {
                    "configuration"
                }
                .to_owned(),
                options: settings
                    .map(|settings| settings.shown_options())
                    .unwrap_or_default(),
                state: json!(status.state).as_str().unwrap_or_default().to_owned(),
                latency_ms: status.latency_ms,
                last_error: status.last_error,
                shards_leaving: left.leaving.get(&status.id).copied().unwrap_or(0),
            });
        }
    }
    Ok(Json(shown))
}

pub(super) async fn arrays(State(components): State<Components>) -> Answer<Vec<ArrayShown>> {
    let mut shown = Vec::new();
    for array in components.store.arrays() {
        let shape = array.shape();
        let names = |draining: bool| {
            let members = shape.members.iter();
            let chosen = members.filter(|member| shape.draining.contains(&member.id) == draining);
            chosen.map(|member| member.name.clone()).collect()
        };
        shown.push(ArrayShown {
            name: array.name().to_owned(),
            layout: shape.layout.to_string(),
            providers: names(false),
            draining: names(true),
            left: components.store.reshaping_left(array.name()).await?,
        });
    }
    Ok(Json(shown))
}

/// A name for the probe's blobs that no other probe uses.
fn word() -> String {
    dolium_block::PackId::random().to_string()
}

fn probed(outcome: dolium_provider::Result<Probe>) -> Answer<Probe> {
    outcome
        .map(Json)
        .map_err(|error| Failure::new(StatusCode::BAD_GATEWAY, error.to_string()))
}

/// Probes a provider of an array.
pub(super) async fn probe_member(
    State(components): State<Components>,
    Path(name): Path<String>,
) -> Answer<Probe> {
    let arrays = components.store.arrays();
    let mut members = arrays.into_iter().flat_map(dolium_array::Array::members);
    let Some(member) = members.find(|member| member.name == name) else {
        let text = format!("there is no provider {name}; see `dolium provider list`");
        return Err(Failure::new(StatusCode::NOT_FOUND, text));
    };
    probed(dolium_provider::probe(member.provider.as_ref(), &word()).await)
}

pub(super) async fn change(
    State(components): State<Components>,
    Json(request): Json<ChangeRequest>,
) -> Answer<ChangeAnswer> {
    let (array, shape, rebalance) = components.roster.rehearse(&request.change).await?;
    let kinds: Vec<_> = shape
        .members
        .iter()
        .map(|member| (member.id, member.name.clone(), member.provider.kind()))
        .collect();
    let plan = components
        .store
        .plan_reshaping(&array, shape, rebalance)
        .await?;
    if !request.dry_run {
        components.roster.apply(&request.change).await?;
    }
    Ok(Json(priced(array, plan, &kinds, &components.prices)))
}

fn priced(
    array: String,
    plan: Plan,
    kinds: &[(dolium_array::MemberId, String, &'static str)],
    prices: &Prices,
) -> ChangeAnswer {
    let work = |(id, work): (&dolium_array::MemberId, &MemberWork)| {
        let known = kinds.iter().find(|(member, _, _)| member == id);
        let (name, kind) = known.map_or_else(
            || (format!("former member {id}"), ""),
            |(_, name, kind)| (name.clone(), *kind),
        );
        let price = prices.get(&name).or_else(|| prices.get(kind));
        ProviderWork {
            cost: price.map(|price| price.once(work)),
            monthly: price.map(|price| price.monthly(work)),
            name,
            work: *work,
        }
    };
    let providers: Vec<ProviderWork> = plan.members.iter().map(work).collect();
    let sum = |part: fn(&ProviderWork) -> Option<f64>| {
        let known: Vec<f64> = providers.iter().filter_map(part).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    };
    ChangeAnswer {
        array,
        blobs: plan.blobs,
        shards: plan.shards,
        cost: sum(|work| work.cost),
        monthly: sum(|work| work.monthly),
        providers,
    }
}

/// Brings all arrays into shape, and tells how far that is.
pub(super) async fn reshape(State(components): State<Components>) -> Response {
    respond(|lines| async move {
        match reshape_all(&components, &lines).await {
            Ok((done, left)) => lines.summary(&json!({
                "shards_moved": done.shards_moved,
                "bytes_read": done.bytes_read,
                "packs_rewritten": done.packs_rewritten,
                "left": left,
                "done": left.iter().all(|(_, left)| left.is_nothing()),
            })),
            Err(error) => lines.error(&error.to_string()),
        }
    })
}

async fn reshape_all(
    components: &Components,
    lines: &std::sync::Arc<Lines>,
) -> dolium_store::Result<(Reshaped, Vec<(String, Left)>)> {
    let (mut total, mut left) = (Reshaped::default(), Vec::new());
    let watching = Watching(lines.clone());
    for array in components.store.arrays() {
        let done = components.store.reshape(array.name(), &watching).await?;
        total.shards_moved += done.shards_moved;
        total.bytes_read += done.bytes_read;
        total.packs_rewritten += done.packs_rewritten;
        let name = array.name().to_owned();
        left.push((name, components.store.reshaping_left(array.name()).await?));
    }
    Ok((total, left))
}
