//! `dolium raid acl`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use dolium_raid::{ObjectAccess, ObjectKey, Raid};
use serde_json::json;

use super::report::{self, Tally};
use crate::cli::Outcome;

/// Say who may read an object, on every service that can.
///
/// Services that cannot say it of one object answer "not supported", which counts against nobody as
/// long as another one can.
#[derive(Debug, Args)]
pub(super) struct Acl {
    /// The object.
    key: String,
    /// Who may read it.
    access: Access,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Access {
    /// Its owner.
    Private,
    /// Everybody.
    PublicRead,
}

impl Acl {
    pub(super) async fn run(self, array: &Raid, json: bool) -> Result<Outcome> {
        let key = ObjectKey::new(self.key)?;
        let access = match self.access {
            Access::Private => ObjectAccess::Private,
            Access::PublicRead => ObjectAccess::PublicRead,
        };
        let outcomes = array.set_access(&key, access).await;
        let mut tally = Tally::default();
        tally.take(&outcomes);
        report::outcomes(array, key.as_str(), &json!({}), &outcomes, json);
        tally.outcome("acl")
    }
}
