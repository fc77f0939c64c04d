//! `dolium provider`: the storage services that keep the data.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use dolium_provider::{Probe, ProviderSettings};
use http::Method;
use indicatif::HumanBytes;

use super::reshape::{Following, change};
use super::target::Target;
use super::{Outcome, output};
use crate::admin::ProviderShown;
use crate::roster::{Change, NewMember};

/// Manage the storage services that keep the data.
#[derive(Debug, Args)]
pub(super) struct Provider {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

/// How to reach a service.
#[derive(Debug, Args)]
struct Service {
    /// The kind: directory, s3, azblob, gcs, swift, webdav, sftp …
    #[arg(long)]
    kind: String,
    /// An option of the kind. VALUE may be env:NAME or file:PATH, so that a secret is in no history.
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a service to an array, and give it its part of what is stored.
    Add {
        /// Its name: 1 to 32 of a-z, 0-9, '-'.
        name: String,
        /// The array.
        #[arg(long, default_value = "default")]
        array: String,
        #[command(flatten)]
        service: Service,
        /// Leave what is stored where it is; only new data go there.
        #[arg(long)]
        no_rebalance: bool,
        #[command(flatten)]
        following: Following,
    },
    /// Show all services.
    List,
    /// Write, read, list and delete a blob, and tell how long that takes and what the service can.
    Test {
        /// A service of an array; or none, with --kind and options.
        #[arg(required_unless_present = "kind", conflicts_with = "kind")]
        name: Option<String>,
        /// The kind of a service that is in no array.
        #[arg(long)]
        kind: Option<String>,
        /// An option of the kind, KEY=VALUE; VALUE may be env:NAME or file:PATH.
        #[arg(
            short = 'o',
            long = "option",
            value_name = "KEY=VALUE",
            requires = "kind"
        )]
        options: Vec<String>,
    },
    /// Move everything off a service, while serving. One that is gone for good is rebuilt from the others.
    Drain {
        /// The service.
        name: String,
        #[command(flatten)]
        following: Following,
    },
    /// Let a service that is being emptied take data again.
    Keep {
        /// The service.
        name: String,
        #[command(flatten)]
        following: Following,
    },
    /// Forget a service that was drained.
    Remove {
        /// The service.
        name: String,
    },
    /// Add a service in the place of another: add, drain, remove.
    Replace {
        /// The service that goes.
        old: String,
        /// The name of the new one.
        name: String,
        /// The array.
        #[arg(long, default_value = "default")]
        array: String,
        #[command(flatten)]
        service: Service,
    },
}

impl Provider {
    pub(super) async fn run(self) -> Result<Outcome> {
        let Self { target, json, verb } = self;
        match verb {
            Verb::Add {
                name,
                array,
                service,
                no_rebalance,
                following,
            } => {
                let new = NewMember {
                    array,
                    name,
                    settings: service.settings()?,
                    rebalance: !no_rebalance,
                };
                change(&target, json, Change::Add(new), &following).await
            }
            Verb::List => list(&target, json).await,
            Verb::Test {
                name,
                kind,
                options,
            } => test(&target, json, name, kind, options).await,
            Verb::Drain { name, following } => {
                change(&target, json, Change::Drain(name), &following).await
            }
            Verb::Keep { name, following } => {
                change(&target, json, Change::Keep(name), &following).await
            }
            Verb::Remove { name } => {
                change(
                    &target,
                    json,
                    Change::Remove(name),
                    &Following::background(),
                )
                .await
            }
            Verb::Replace {
                old,
                name,
                array,
                service,
            } => {
                let new = NewMember {
                    array,
                    name,
                    settings: service.settings()?,
                    rebalance: false,
                };
                let background = Following::background();
                change(&target, json, Change::Add(new), &background).await?;
                let drain = Change::Drain(old.clone());
                match change(&target, json, drain, &Following::to_the_end()).await? {
                    Outcome::Well => change(&target, json, Change::Remove(old), &background).await,
                    Outcome::Wrong => Ok(Outcome::Wrong),
                }
            }
        }
    }
}

impl Service {
    fn settings(&self) -> Result<ProviderSettings> {
        settings(&self.kind, &self.options)
    }
}

fn settings(kind: &str, options: &[String]) -> Result<ProviderSettings> {
    let mut known = BTreeMap::new();
    for option in options {
        let Some((key, value)) = option.split_once('=') else {
            bail!("`{option}` is no option: write KEY=VALUE");
        };
        let value = match value.split_once(':') {
            Some(("env", name)) => std::env::var(name)
                .with_context(|| format!("option {key}: the variable {name} is not set"))?,
            Some(("file", path)) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("option {key}: cannot read {path}"))?;
                text.trim_end_matches(['\n', '\r']).to_owned()
            }
            _ => value.to_owned(),
        };
        known.insert(key.to_owned(), value);
    }
    let settings = ProviderSettings {
        kind: kind.to_owned(),
        options: known,
    };
    settings.check_names()?;
    Ok(settings)
}

async fn list(target: &Target, json: bool) -> Result<Outcome> {
    let providers: Vec<ProviderShown> = target.ask(Method::GET, "/providers", None::<&()>).await?;
    if json {
        output::json(&providers);
        return Ok(Outcome::Well);
    }
    output::line(format!(
        "{:<16} {:<10} {:<10} {:<9} {:<8} {:>10}  FROM",
        "NAME", "ARRAY", "KIND", "ROLE", "STATE", "LATENCY"
    ));
    for one in providers {
        let leaving = match one.shards_leaving {
            0 => String::new(),
            count => format!("  {count} shards to move"),
        };
        let options: Vec<String> = one
            .options
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        output::line(format!(
            "{:<16} {:<10} {:<10} {:<9} {:<8} {:>7.1} ms  {}{leaving}{}{}",
            one.name,
            one.array,
            one.kind,
            one.role,
            one.state,
            one.latency_ms,
            one.source,
            if options.is_empty() { "" } else { "  " },
            options.join(" ")
        ));
    }
    Ok(Outcome::Well)
}

async fn test(
    target: &Target,
    json: bool,
    name: Option<String>,
    kind: Option<String>,
    options: Vec<String>,
) -> Result<Outcome> {
    let probe: Probe = match (name, kind) {
        // A service that is in no array needs no server.
        (_, Some(kind)) => {
            let provider = dolium_provider::open(&settings(&kind, &options)?)?;
            provider.prepare().await?;
            dolium_provider::probe(
                provider.as_ref(),
                &dolium_block::PackId::random().to_string(),
            )
            .await?
        }
        (Some(name), None) => {
            let path = format!("/providers/{name}/test");
            target.ask(Method::POST, &path, None::<&()>).await?
        }
        (None, None) => bail!("name a provider, or give --kind and options"),
    };
    if json {
        output::json(&probe);
        return Ok(Outcome::Well);
    }
    let yes = |it: bool| if it { "yes" } else { "no" };
    let rate = |bytes: f64| HumanBytes(bytes as u64).to_string();
    output::line(format!("kind                  {}", probe.kind));
    output::line(format!("write 1 KiB           {:.1} ms", probe.put_ms));
    output::line(format!("read 1 KiB            {:.1} ms", probe.get_ms));
    output::line(format!("list                  {:.1} ms", probe.list_ms));
    output::line(format!("delete                {:.1} ms", probe.delete_ms));
    output::line(format!(
        "write 4 MiB           {}/s",
        rate(probe.put_bytes_per_second)
    ));
    output::line(format!(
        "read 4 MiB            {}/s",
        rate(probe.get_bytes_per_second)
    ));
    output::line(format!(
        "conditional write     {}",
        yes(probe.atomic_put_if_absent)
    ));
    output::line(format!(
        "lists what it has     {}",
        yes(probe.consistent_list)
    ));
    output::line(format!("lists checksums       {}", yes(probe.list_has_md5)));
    Ok(Outcome::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_where_they_say() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "hush\n").unwrap();
        let words = |values: &[&str]| {
            values
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let found = settings("directory", &words(&["path=/srv/x=y"])).unwrap();
        assert_eq!(found.options["path"], "/srv/x=y");
        let secret = format!("secret_access_key=file:{}", file.display());
        let all = [
            "bucket=b",
            "endpoint=http://127.0.0.1:1",
            "access_key_id=k",
            &secret,
        ];
        let found = settings("s3", &words(&all)).unwrap();
        assert_eq!(found.options["secret_access_key"], "hush");
        assert_eq!(found.options["endpoint"], "http://127.0.0.1:1");
        for (kind, options, part) in [
            ("directory", &["path"][..], "KEY=VALUE"),
            ("nothing", &[][..], "unknown kind"),
            (
                "directory",
                &["path=env:DOLIUM_NO_SUCH_VARIABLE"][..],
                "is not set",
            ),
            ("directory", &["path=file:/no/such/file"][..], "cannot read"),
        ] {
            let error = settings(kind, &words(options)).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{error:#}");
        }
    }
}
