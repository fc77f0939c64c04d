//! Check, scrub, repair and collect, as the command line starts and follows them.
//!
//! A scrub or repair that was stopped goes on where it was: its cursor is kept in the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use dolium_array::care::{Cursor, Finding, Progress, Reporter, Summary};
use dolium_store::{Care, CollectReporter, Collected};
use serde::Deserialize;
use serde_json::json;

use super::stream::{Lines, respond};
use crate::compose::Components;
use crate::roster;

/// Tells a client of a pass, and stops when it has gone.
pub(super) struct Watching(pub(super) Arc<Lines>);

impl Reporter for Watching {
    fn finding(&self, finding: &Finding) {
        self.0.finding(finding);
    }

    fn progress(&self, progress: &Progress) {
        self.0.progress(progress);
    }

    fn stop_requested(&self) -> bool {
        self.0.is_gone()
    }
}

impl CollectReporter for Watching {
    fn progress(&self, done: &Collected) {
        self.0.progress(done);
    }

    fn stop_requested(&self) -> bool {
        self.0.is_gone()
    }
}

/// What may be asked of a repair.
#[derive(Deserialize)]
pub(super) struct RepairQuery {
    #[serde(default)]
    verify: bool,
}

pub(super) async fn check(State(components): State<Components>) -> Response {
    respond(|lines| pass(components, lines, "check", |_| Care::Check))
}

pub(super) async fn scrub(State(components): State<Components>) -> Response {
    respond(|lines| pass(components, lines, "scrub", |resume| Care::Scrub { resume }))
}

pub(super) async fn repair(
    State(components): State<Components>,
    Query(query): Query<RepairQuery>,
) -> Response {
    let (name, verify) = (
        if query.verify {
            "repair-verify"
        } else {
            "repair"
        },
        query.verify,
    );
    respond(move |lines| async move {
        let care = move |resume| Care::Repair { resume, verify };
        pass(components, lines, name, care).await;
    })
}

/// Runs a pass over every array.
async fn pass(
    components: Components,
    lines: Arc<Lines>,
    name: &'static str,
    care: impl Fn(Option<Cursor>) -> Care + Send,
) {
    let mut total = Total::default();
    let arrays: Vec<String> = components
        .store
        .arrays()
        .iter()
        .map(|array| array.name().to_owned())
        .collect();
    for array in &arrays {
        match one_pass(&components, &lines, name, array, &care).await {
            Ok(summary) => total.add(&summary),
            Err(error) => return lines.error(&format!("{error:#}")),
        }
    }
    lines.summary(&json!(total));
}

async fn one_pass(
    components: &Components,
    lines: &Arc<Lines>,
    name: &str,
    array: &str,
    care: &(impl Fn(Option<Cursor>) -> Care + Send),
) -> anyhow::Result<Summary> {
    let key = format!("cursor/{name}/{array}");
    let resume = load_cursor(components, key.clone()).await?;
    let care = care(resume);
    let repairs = matches!(care, Care::Repair { .. });
    let summary = components
        .store
        .care(array, care, &Watching(lines.clone()))
        .await?;
    let cursor = summary.progress.cursor.clone().filter(|_| summary.stopped);
    save_cursor(components, key, cursor).await?;
    let scrubbed = name == "scrub" || name == "repair-verify";
    if !summary.stopped && (name == "check" || scrubbed) {
        let findings = summary
            .findings
            .iter()
            .filter(|(kind, _)| **kind != "orphan");
        let findings = findings.map(|(_, count)| count).sum();
        components
            .store
            .note_care(array, scrubbed, findings)
            .await?;
    }
    if repairs {
        let master = components.data_dir.read_key()?;
        let document = components.roster.document().await?;
        for array in components.store.arrays() {
            if let Some(roster) = document.arrays.get(array.name()) {
                roster::restore_identities(array, roster, &master).await?;
            }
        }
    }
    Ok(summary)
}

async fn load_cursor(components: &Components, key: String) -> anyhow::Result<Option<Cursor>> {
    let bytes = components
        .store
        .catalog()
        .read(move |tx| tx.meta(&key))
        .await;
    let bytes = bytes.map_err(anyhow::Error::from)?.unwrap_or_default();
    // What is not a cursor means: from the beginning.
    Ok(serde_json::from_slice(&bytes).ok().flatten())
}

async fn save_cursor(
    components: &Components,
    key: String,
    cursor: Option<Cursor>,
) -> anyhow::Result<()> {
    let bytes = serde_json::to_vec(&cursor)?;
    let saved = components
        .store
        .catalog()
        .write(move |tx| tx.set_meta(&key, &bytes))
        .await;
    saved.map(drop).map_err(anyhow::Error::from)
}

/// The summaries of all arrays together.
#[derive(Default, serde::Serialize)]
struct Total {
    clean: bool,
    stopped: bool,
    repaired: u64,
    blobs: u64,
    bytes: u64,
    findings: BTreeMap<String, u64>,
    #[serde(skip)]
    arrays: u64,
}

impl Total {
    fn add(&mut self, summary: &Summary) {
        self.clean = (self.arrays == 0 || self.clean) && summary.clean();
        self.arrays += 1;
        self.stopped |= summary.stopped;
        self.repaired += summary.repaired;
        self.blobs += summary.progress.done_blobs;
        self.bytes += summary.progress.bytes;
        for (kind, count) in &summary.findings {
            *self.findings.entry((*kind).to_owned()).or_default() += count;
        }
    }
}

pub(super) async fn collect(State(components): State<Components>) -> Response {
    respond(|lines| async move {
        match components.store.collect(&Watching(lines.clone())).await {
            Ok(done) => lines.summary(&json!(done)),
            Err(error) => lines.error(&error.to_string()),
        }
    })
}
