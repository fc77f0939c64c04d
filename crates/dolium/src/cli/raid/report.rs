//! Results by service, and the exit code that they come to.

use anyhow::{Result, bail};
use dolium_provider::ErrorKind;
use dolium_raid::{Outcome as ServiceOutcome, Raid};
use serde_json::{Map, Value, json};

use crate::cli::{Outcome, output};

/// What all results of a command came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    well: u64,
    failed: u64,
}

impl Tally {
    /// Something went well.
    pub(super) fn well(&mut self) {
        self.well += 1;
    }

    /// Something failed.
    pub(super) fn failed(&mut self) {
        self.failed += 1;
    }

    /// Takes what services made of one operation. What a service does not have at all is told, and
    /// counts against nobody while another one has it.
    pub(super) fn take(&mut self, outcomes: &[ServiceOutcome]) {
        let mut lacking = 0;
        for outcome in outcomes {
            match &outcome.result {
                Ok(()) => self.well += 1,
                Err(error)
                    if error.kind() == ErrorKind::Unsupported && error.operation() == "acl" =>
                {
                    lacking += 1
                }
                Err(_) => self.failed += 1,
            }
        }
        if lacking == outcomes.len() as u64 {
            self.failed += lacking;
        }
    }

    /// The end of the command.
    pub(super) fn outcome(&self, what: &str) -> Result<Outcome> {
        match (self.well, self.failed) {
            (_, 0) => Ok(Outcome::Well),
            (0, _) => bail!("{what}: no service did it"),
            _ => Ok(Outcome::Wrong),
        }
    }
}

/// Prints what services made of one operation on `key`.
pub(super) fn outcomes(
    array: &Raid,
    key: &str,
    more: &Value,
    outcomes: &[ServiceOutcome],
    as_json: bool,
) {
    if as_json {
        let mut record = more.as_object().cloned().unwrap_or_default();
        record.insert("key".to_owned(), json!(key));
        record.insert(
            "services".to_owned(),
            Value::Object(by_service(array, outcomes)),
        );
        return output::json(&record);
    }
    let well = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_ok())
        .count();
    output::line(format!("{key}: {well} of {} services", outcomes.len()));
    for outcome in outcomes {
        if let Err(error) = &outcome.result {
            output::line(format!(
                "  {}: {error}",
                array.services()[outcome.service].name
            ));
        }
    }
}

fn by_service(array: &Raid, outcomes: &[ServiceOutcome]) -> Map<String, Value> {
    let each = outcomes.iter().map(|outcome| {
        let name = array.services()[outcome.service].name.clone();
        let result = match &outcome.result {
            Ok(()) => json!({ "ok": true }),
            Err(error) => failure(error),
        };
        (name, result)
    });
    each.collect()
}

/// An error of a service as JSON.
pub(super) fn failure(error: &dolium_provider::Error) -> Value {
    json!({ "ok": false, "kind": error.kind().to_string(), "error": error.to_string() })
}
