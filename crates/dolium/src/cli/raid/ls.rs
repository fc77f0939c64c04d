//! `dolium raid ls`.

use std::time::SystemTime;

use anyhow::{Result, bail};
use clap::Args;
use dolium_raid::{Agreement, Copy, Deviation, Judgement, Raid, Remedy, Row, Rows, judge};
use serde_json::{Value, json};

use super::names;
use crate::cli::{Outcome, output};

/// List objects, and whether all services agree on them.
///
/// The third column says "yes" (all services have it, with equal checksums), "size" (all have it in
/// the same size; not all have checksums that compare), "NO", or "?" (a service could not be asked).
/// It comes from listings alone.
#[derive(Debug, Args)]
pub(super) struct Ls {
    /// List only keys that begin with this.
    #[arg(default_value = "")]
    prefix: String,
}

impl Ls {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        let mut rows = array.rows(&self.prefix);
        let mut deviating = false;
        while let Some(row) = rows.next().await {
            let judged = judge(&row.copies, &[]);
            deviating |= matches!(judged.agreement, Agreement::Deviating);
            match json {
                true => output::json(&record(array, &row, &judged)),
                false => output::line(text(array, &row, &judged)),
            }
        }
        let faulty = tell_faults(array, &rows, json)?;
        Ok(if deviating || faulty {
            Outcome::Wrong
        } else {
            Outcome::Well
        })
    }
}

/// Tells of services that could not be listed; an error when none could.
pub(super) fn tell_faults(array: &Raid, rows: &Rows, json: bool) -> Result<bool> {
    let mut count = 0;
    for (at, fault) in rows.faults() {
        count += 1;
        let service = &array.services()[at].name;
        match json {
            true => output::json(&json!({ "service": service, "fault": fault.to_string() })),
            false => output::note(format!("{service}: {fault}")),
        }
    }
    if count == array.services().len() {
        bail!("no service could be listed");
    }
    Ok(count > 0)
}

/// The word for how far services agree.
fn word(agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Single | Agreement::Checksum => "yes",
        Agreement::Size => "size",
        Agreement::Deviating => "NO",
        Agreement::Unknown => "?",
    }
}

/// The copy that speaks for the object: the newest.
fn newest(row: &Row) -> Option<(u64, Option<SystemTime>)> {
    let infos = row.copies.iter().filter_map(Copy::info);
    let newest = infos.max_by_key(|info| info.modified)?;
    Some((newest.len, newest.modified))
}

/// A moment as people read it.
fn moment(at: Option<SystemTime>) -> String {
    let at = at.and_then(written);
    at.unwrap_or_else(|| "-".to_owned())
}

fn written(at: SystemTime) -> Option<String> {
    let at = jiff::Timestamp::try_from(at).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn text(array: &Raid, row: &Row, judged: &Judgement) -> String {
    let (len, modified) = newest(row).unwrap_or_default();
    let (word, key) = (word(judged.agreement), printable(row.key.as_str()));
    let mut text = format!("{len:>12}  {:<20}  {word:<4}  {key}", moment(modified));
    let said = deviations(array, judged);
    if !said.is_empty() {
        text.push_str(&format!("   ({})", said.join("; ")));
    }
    text
}

/// A key for a terminal: control characters could do more there than show.
pub(super) fn printable(key: &str) -> String {
    let shown = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    key.chars().map(shown).collect()
}

/// How services deviate, in words.
pub(super) fn deviations(array: &Raid, judged: &Judgement) -> Vec<String> {
    let of = |wanted: Deviation| -> Vec<usize> {
        let found = judged
            .deviations
            .iter()
            .filter(|(_, deviation)| *deviation == wanted);
        found.map(|(at, _)| *at).collect()
    };
    let kinds = [
        (Deviation::Missing, "missing at"),
        (Deviation::Differs, "differs at"),
        (Deviation::Extra, "extra at"),
    ];
    let mut said: Vec<String> = kinds
        .iter()
        .map(|(kind, words)| (words, of(*kind)))
        .filter(|(_, services)| !services.is_empty())
        .map(|(words, services)| format!("{words} {}", names(array, &services)))
        .collect();
    if let Remedy::Tie(between) = &judged.remedy {
        said.push(format!("tie between {}", names(array, between)));
    }
    said
}

/// A row as JSON.
pub(super) fn record(array: &Raid, row: &Row, judged: &Judgement) -> Value {
    let (len, modified) = newest(row).unwrap_or_default();
    let copies = array.services().iter().zip(&row.copies).map(|(service, copy)| {
        let copy = match copy {
            Copy::Present(info) => json!({
                "len": info.len, "tag": info.tag.to_string(), "modified": info.modified.and_then(written),
            }),
            Copy::Absent => Value::Null,
            Copy::Unknown => json!("unknown"),
        };
        (service.name.clone(), copy)
    });
    let copies: serde_json::Map<String, Value> = copies.collect();
    let of = |at: &usize| array.services()[*at].name.clone();
    let of_kind = |wanted: Deviation| -> Vec<String> {
        let found = judged
            .deviations
            .iter()
            .filter(|(_, deviation)| *deviation == wanted);
        found.map(|(at, _)| of(at)).collect()
    };
    let tie: Vec<String> = match &judged.remedy {
        Remedy::Tie(between) => between.iter().map(of).collect(),
        _ => Vec::new(),
    };
    let agree = match judged.agreement {
        Agreement::Single | Agreement::Checksum => "checksum",
        Agreement::Size => "size",
        Agreement::Deviating => "no",
        Agreement::Unknown => "unknown",
    };
    json!({
        "key": row.key.as_str(), "len": len, "modified": modified.and_then(written), "agree": agree,
        "missing": of_kind(Deviation::Missing), "differs": of_kind(Deviation::Differs),
        "extra": of_kind(Deviation::Extra), "tie": tie, "services": copies,
    })
}
