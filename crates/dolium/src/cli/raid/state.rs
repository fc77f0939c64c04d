//! `dolium raid status`, `test` and `init`.

use anyhow::Result;
use dolium_raid::{Layout, Raid};
use serde_json::{Value, json};

use super::report::{Tally, failure};
use crate::cli::{Outcome, output};

/// Shows the services and whether they are there.
pub(super) async fn status(array: &Raid, as_json: bool) -> Result<Outcome> {
    let layout = match array.layout() {
        Layout::Mirror => "mirror",
        Layout::Plain => "plain",
    };
    if !as_json {
        output::line(format!(
            "{}: {layout}, {} services",
            array.name(),
            array.services().len()
        ));
    }
    let mut tally = Tally::default();
    for (service, state) in array.services().iter().zip(array.states().await) {
        let abilities = service.objects.abilities();
        let millis = state.took.as_millis() as u64;
        let word = match &state.ready {
            Ok(true) => "there".to_owned(),
            Ok(false) => "not made yet".to_owned(),
            Err(error) => error.to_string(),
        };
        match &state.ready {
            Ok(true) => tally.well(),
            _ => tally.failed(),
        }
        let checksums = if abilities.listed_checksums {
            "checksums"
        } else {
            "sizes only"
        };
        let (name, kind, place) = (
            &service.name,
            service.objects.kind(),
            service.objects.place(),
        );
        if as_json {
            output::json(&json!({
                "service": name, "kind": kind, "place": place, "ready": state.ready.as_ref().ok(),
                "error": state.ready.as_ref().err().map(ToString::to_string), "millis": millis,
                "listed_checksums": abilities.listed_checksums, "acl": abilities.access,
            }));
        } else {
            output::line(format!(
                "  {name}  {kind}  {place}  {checksums}  {millis} ms  {word}"
            ));
        }
    }
    tally.outcome("status")
}

/// Writes, reads, lists and removes an object on every service.
pub(super) async fn test(array: &Raid, as_json: bool) -> Result<Outcome> {
    let mut tally = Tally::default();
    for (service, probe) in array.services().iter().zip(array.probe().await) {
        match probe.fault {
            None => tally.well(),
            Some(_) => tally.failed(),
        }
        let steps = probe.steps.iter();
        if as_json {
            let steps =
                steps.map(|step| (step.name.to_owned(), json!(step.took.as_millis() as u64)));
            let steps: serde_json::Map<String, Value> = steps.collect();
            let fault = probe.fault.as_ref().map(failure);
            output::json(&json!({
                "service": service.name, "ok": fault.is_none(), "millis": steps, "fault": fault,
            }));
            continue;
        }
        let steps = steps.map(|step| format!("{} {} ms", step.name, step.took.as_millis()));
        let mut said: Vec<String> = steps.collect();
        said.push(
            probe
                .fault
                .map_or_else(|| "ok".to_owned(), |fault| fault.to_string()),
        );
        output::line(format!("{}: {}", service.name, said.join(", ")));
    }
    tally.outcome("test")
}

/// Creates buckets, containers and directories that are missing.
pub(super) async fn init(array: &Raid, as_json: bool) -> Result<Outcome> {
    let mut tally = Tally::default();
    for (service, made) in array.services().iter().zip(array.init().await) {
        let (name, place) = (&service.name, service.objects.place());
        match &made {
            Ok(()) => tally.well(),
            Err(_) => tally.failed(),
        }
        match (as_json, &made) {
            (true, Ok(())) => output::json(&json!({ "service": name, "place": place, "ok": true })),
            (true, Err(error)) => {
                output::json(&json!({ "service": name, "place": place, "result": failure(error) }));
            }
            (false, Ok(())) => output::line(format!("{name}: {place}")),
            (false, Err(error)) => output::line(format!("{name}: {error}")),
        }
    }
    tally.outcome("init")
}
