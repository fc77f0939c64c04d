//! `dolium raid rm`.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, Result, bail};
use clap::Args;
use dolium_raid::{ObjectKey, Raid};
use serde_json::json;

use super::bars::Bars;
use super::report::{self, Tally};
use crate::cli::{Outcome, output};

/// Remove objects from all services.
///
/// When a service could not be reached, remove them again later: until then `repair` would bring them
/// back from there.
#[derive(Debug, Args)]
pub(super) struct Rm {
    /// The objects.
    #[arg(required_unless_present = "all")]
    keys: Vec<String>,
    /// Remove all objects of the array.
    #[arg(long, conflicts_with = "keys")]
    all: bool,
    /// Do not ask.
    #[arg(long, requires = "all")]
    yes: bool,
}

impl Rm {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        if self.all {
            return all(array, self.yes, json).await;
        }
        let keys = self.keys.into_iter().map(ObjectKey::new);
        let keys: Vec<ObjectKey> = keys.collect::<Result<_, _>>()?;
        let mut tally = Tally::default();
        for key in &keys {
            let outcomes = array.remove(key).await;
            tally.take(&outcomes);
            report::outcomes(array, key.as_str(), &json!({}), &outcomes, json);
        }
        tally.outcome("rm")
    }
}

async fn all(array: &Raid, sure: bool, json: bool) -> Result<Outcome> {
    if !sure {
        confirm(array)?;
    }
    let bars = Bars::of_objects(array, json);
    let emptied = array.remove_all("", &bars).await;
    bars.clear();
    let mut tally = Tally::default();
    for (service, emptied) in array.services().iter().zip(&emptied) {
        let name = &service.name;
        match &emptied.fault {
            None => tally.well(),
            Some(_) => tally.failed(),
        }
        match (json, &emptied.fault) {
            (true, fault) => output::json(&json!({
                "service": name, "removed": emptied.removed, "ok": fault.is_none(),
                "error": fault.as_ref().map(ToString::to_string),
            })),
            (false, None) => output::line(format!("{name}: {} objects removed", emptied.removed)),
            (false, Some(fault)) => output::line(format!(
                "{name}: {} objects removed, then: {fault}",
                emptied.removed
            )),
        }
    }
    tally.outcome("rm --all")
}

/// Asks whoever sits there.
fn confirm(array: &Raid) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "nobody is there to be asked: say --yes to remove all objects of {}",
            array.name()
        );
    }
    output::note(format!(
        "This removes all objects of {} from:",
        array.name()
    ));
    for service in array.services() {
        output::note(format!("  {}  {}", service.name, service.objects.place()));
    }
    output::note("Type the array's name to go on:");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("no answer")?;
    match answer.trim() == array.name() {
        true => Ok(()),
        false => bail!("nothing was removed"),
    }
}
