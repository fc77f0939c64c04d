//! `dolium array`: how data are cut and spread.

use anyhow::Result;
use clap::{Args, Subcommand};
use http::Method;

use super::reshape::{Following, change};
use super::target::Target;
use super::{Outcome, output};
use crate::admin::ArrayShown;
use crate::roster::Change;

/// Show and change how data are cut and spread.
#[derive(Debug, Args)]
pub(super) struct Array {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show arrays, their providers, and what is left to move.
    List,
    /// Change the layout: new data at once, what is stored while serving.
    Layout {
        /// The array.
        array: String,
        /// Such as erasure:4+2 or mirror:2.
        layout: String,
        #[command(flatten)]
        following: Following,
    },
    /// Share what is stored evenly among all providers.
    Rebalance {
        /// The array.
        array: String,
        #[command(flatten)]
        following: Following,
    },
}

impl Array {
    pub(super) async fn run(self) -> Result<Outcome> {
        let Self { target, json, verb } = self;
        match verb {
            Verb::List => list(&target, json).await,
            Verb::Layout {
                array,
                layout,
                following,
            } => change(&target, json, Change::Layout { array, layout }, &following).await,
            Verb::Rebalance { array, following } => {
                change(&target, json, Change::Rebalance(array), &following).await
            }
        }
    }
}

async fn list(target: &Target, json: bool) -> Result<Outcome> {
    let arrays: Vec<ArrayShown> = target.ask(Method::GET, "/arrays", None::<&()>).await?;
    if json {
        output::json(&arrays);
        return Ok(Outcome::Well);
    }
    for array in arrays {
        output::line(format!(
            "{} ({}): {}",
            array.name,
            array.layout,
            array.providers.join(", ")
        ));
        for name in &array.draining {
            output::line(format!("  {name} is being emptied"));
        }
        let left = &array.left;
        let leaving: u64 = left.leaving.values().sum();
        if leaving > 0 {
            output::line(format!("  {leaving} shards are to move"));
        }
        if left.packs_cut_otherwise > 0 {
            output::line(format!(
                "  {} packs are to be written again as {}",
                left.packs_cut_otherwise, array.layout
            ));
        }
        if left.rebalance {
            output::line("  what is stored is to be shared anew");
        }
    }
    Ok(Outcome::Well)
}
