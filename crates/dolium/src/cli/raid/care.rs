//! `dolium raid check` and `repair`.

use anyhow::{Result, bail};
use clap::Args;
use dolium_provider::Error as ServiceError;
use dolium_raid::{Agreement, Mended, Mending, Raid, Row, judge};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};

use super::bars::Bars;
use super::ls::{deviations, printable, record, tell_faults};
use super::report::Tally;
use super::{names, stopped_by_signals};
use crate::cli::{Outcome, output};

/// Objects that are mended at the same time.
const MENDED_AT_ONCE: usize = 4;

/// Compare what the services have; changes nothing.
///
/// Prints a line for every object that they do not agree on, and exits 1 then.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Only keys that begin with this.
    #[arg(default_value = "")]
    prefix: String,
    /// Read every copy, instead of trusting listings: finds other bytes of the same size.
    #[arg(long)]
    read: bool,
}

/// Copy what services lack from the newest complete copy; deletes nothing.
///
/// Where copies of the same second differ, nothing is done: --from says which service is right. While
/// a service cannot be asked, nothing is done either, because a copy made now would look newer than
/// what that service has: --without says to go on without it.
#[derive(Debug, Args)]
pub(super) struct Repair {
    /// Only keys that begin with this.
    #[arg(default_value = "")]
    prefix: String,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Read every copy, instead of trusting listings: finds other bytes of the same size.
    #[arg(long)]
    read: bool,
    /// The service that is right wherever services differ.
    #[arg(long, value_name = "SERVICE")]
    from: Option<String>,
}

impl Check {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        let bars = Bars::of_bytes(array, None, json || !self.read);
        let mut rows = array.rows(&self.prefix);
        let (mut objects, mut wrong, mut by_size) = (0_u64, 0_u64, 0_u64);
        while let Some(row) = rows.next().await {
            objects += 1;
            let (row, faults) = match self.read {
                true => array.verified(&row, &bars).await,
                false => (row, Vec::new()),
            };
            let distrusted: Vec<usize> = faults.iter().map(|(at, _)| *at).collect();
            let judged = judge(&row.copies, &distrusted);
            match judged.agreement {
                Agreement::Deviating => {
                    wrong += 1;
                    bars.above(|| match json {
                        true => output::json(&json!({ "deviation": record(array, &row, &judged) })),
                        false => {
                            let said = deviations(array, &judged).join("; ");
                            output::line(format!("{}: {said}", printable(row.key.as_str())));
                        }
                    });
                }
                Agreement::Size => by_size += 1,
                _ => {}
            }
            for (at, fault) in &faults {
                bars.above(|| output::note(format!("{}: {fault}", array.services()[*at].name)));
            }
        }
        bars.clear();
        let faulty = tell_faults(array, &rows, json)?;
        match json {
            true => output::json(&json!({
                "summary": { "objects": objects, "deviating": wrong, "by_size_only": by_size },
            })),
            false => output::line(summary(objects, wrong, by_size, faulty)),
        }
        Ok(if wrong > 0 || faulty {
            Outcome::Wrong
        } else {
            Outcome::Well
        })
    }
}

fn summary(objects: u64, wrong: u64, by_size: u64, faulty: bool) -> String {
    let mut text = format!("check: {objects} objects");
    text.push_str(&match (wrong, faulty) {
        (0, false) => ", the services agree".to_owned(),
        (0, true) => ", those that could be asked agree".to_owned(),
        _ => format!(", {wrong} deviate"),
    });
    if by_size > 0 {
        text.push_str(&format!(" ({by_size} as far as sizes tell)"));
    }
    text
}

impl Repair {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        let from = self
            .from
            .as_deref()
            .map(|name| array.service(name))
            .transpose()?;
        let bars = Bars::of_bytes(array, None, json);
        let stop = stopped_by_signals();
        let mending = Mending {
            dry_run: self.dry_run,
            from,
            watch: &bars,
            stop: &stop,
        };
        let mut rows = array.rows(&self.prefix);
        let mut under_way = FuturesUnordered::new();
        let mut tally = Mends::default();
        loop {
            while under_way.len() < MENDED_AT_ONCE && !stop.is_cancelled() {
                let Some(row) = rows.next().await else { break };
                under_way.push(mend(array, row, self.read, &mending));
            }
            let Some((row, mended)) = under_way.next().await else {
                break;
            };
            bars.above(|| tally.take(array, &row, mended, self.dry_run, json));
        }
        bars.clear();
        let faulty = tell_faults(array, &rows, json)?;
        if stop.is_cancelled() {
            bail!("repair: stopped");
        }
        tally.end(faulty, self.dry_run, json)
    }
}

async fn mend(
    array: &Raid,
    row: Row,
    read: bool,
    mending: &Mending<'_>,
) -> (Row, dolium_raid::Result<Mended>) {
    let (row, wrong) = match read {
        true => array.verified(&row, mending.watch).await,
        false => (row, Vec::new()),
    };
    let mended = array.mend(&row, wrong, mending).await;
    (row, mended)
}

/// What all mends came to.
#[derive(Default)]
struct Mends {
    copied: u64,
    left: u64,
    services: Tally,
}

impl Mends {
    /// Takes and tells one.
    fn take(
        &mut self,
        array: &Raid,
        row: &Row,
        mended: dolium_raid::Result<Mended>,
        dry: bool,
        json: bool,
    ) {
        let key = printable(row.key.as_str());
        let (text, record) = match mended {
            Ok(Mended::Well) => return,
            Ok(Mended::Copied { from, outcomes }) => {
                let failed: Vec<(usize, ServiceError)> = outcomes
                    .iter()
                    .filter(|outcome| outcome.result.is_err())
                    .filter_map(|outcome| {
                        Some((outcome.service, clone_of(outcome.result.as_ref().err()?)))
                    })
                    .collect();
                let well: Vec<usize> = outcomes
                    .iter()
                    .filter(|outcome| outcome.result.is_ok())
                    .map(|outcome| outcome.service)
                    .collect();
                self.services.take(&outcomes);
                match failed.is_empty() {
                    true => self.copied += 1,
                    false => self.left += 1,
                }
                copied(array, &key, from, &well, &failed, dry)
            }
            Ok(Mended::Tie(between)) => {
                self.left += 1;
                let names = names(array, &between);
                (
                    format!("{key}: tie between {names}; say --from SERVICE"),
                    json!({ "tie": names }),
                )
            }
            Ok(Mended::Unknown(services)) => {
                self.left += 1;
                let names = names(array, &services);
                (
                    format!("{key}: left, because {names} could not be asked"),
                    json!({ "unknown": names }),
                )
            }
            Ok(Mended::Lost(faults)) => {
                self.left += 1;
                let said = said(array, &faults);
                (
                    format!("{key}: no complete copy ({said})"),
                    json!({ "lost": said }),
                )
            }
            Err(error) => {
                self.left += 1;
                (error.to_string(), json!({ "error": error.to_string() }))
            }
        };
        match json {
            true => output::json(&json!({ "key": row.key.as_str(), "repair": record })),
            false => output::line(text),
        }
    }

    fn end(&self, faulty: bool, dry: bool, json: bool) -> Result<Outcome> {
        let (copied, left) = (self.copied, self.left);
        let would = if dry { "would be " } else { "" };
        match json {
            true => output::json(
                &json!({ "summary": { "copied": copied, "left": left, "dry_run": dry } }),
            ),
            false => output::line(format!(
                "repair: {copied} {would}copied, {left} left as they are"
            )),
        }
        Ok(if left > 0 || faulty {
            Outcome::Wrong
        } else {
            Outcome::Well
        })
    }
}

/// The same error once more, for a list of them.
fn clone_of(error: &ServiceError) -> ServiceError {
    ServiceError::new(error.kind(), error.operation(), error.context())
}

fn said(array: &Raid, faults: &[(usize, ServiceError)]) -> String {
    let said = faults
        .iter()
        .map(|(at, fault)| format!("{}: {fault}", array.services()[*at].name));
    said.collect::<Vec<_>>().join("; ")
}

fn copied(
    array: &Raid,
    key: &str,
    from: usize,
    well: &[usize],
    failed: &[(usize, ServiceError)],
    dry: bool,
) -> (String, Value) {
    let source = &array.services()[from].name;
    let (to, faults) = (names(array, well), said(array, failed));
    let verb = if dry { "would be copied" } else { "copied" };
    let mut text = format!("{key}: {verb} from {source}");
    if !well.is_empty() {
        text.push_str(&format!(" to {to}"));
    }
    if !faults.is_empty() {
        text.push_str(&format!("; failed: {faults}"));
    }
    let to: Vec<&str> = well
        .iter()
        .map(|at| array.services()[*at].name.as_str())
        .collect();
    (text, json!({ "from": source, "to": to, "failed": faults }))
}
