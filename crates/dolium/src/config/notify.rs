//! `[[notify]]`: whom the server may tell of objects that come and go.
//!
//! Promises: an option of another kind of target is a mistake, not ignored; secrets stay where the
//! file says they are until the server starts.

use anyhow::{Context, Result};
use dolium_notify::{TargetKind, TargetSettings};
use serde::Deserialize;
use toml::Spanned;

use super::OptionValue;

/// The kinds, each with the options it needs and those it may have beside them.
const KINDS: [(&str, &[&str], &[&str]); 3] = [
    ("webhook", &["url"], &["token"]),
    (
        "nats",
        &["url", "subject"],
        &["token", "credentials", "jetstream"],
    ),
    ("rabbitmq", &["url", "exchange", "routing_key"], &[]),
];
/// Typing mistakes up to this distance get a suggestion.
const TYPO_DISTANCE_MAX: usize = 3;

/// One target.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotifyConfig {
    pub(crate) name: Spanned<String>,
    kind: String,
    url: Option<OptionValue>,
    token: Option<OptionValue>,
    credentials: Option<OptionValue>,
    subject: Option<String>,
    jetstream: Option<bool>,
    exchange: Option<String>,
    routing_key: Option<String>,
}

impl NotifyConfig {
    /// The names of the options that are there.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("url", self.url.is_some()),
            ("token", self.token.is_some()),
            ("credentials", self.credentials.is_some()),
            ("subject", self.subject.is_some()),
            ("jetstream", self.jetstream.is_some()),
            ("exchange", self.exchange.is_some()),
            ("routing_key", self.routing_key.is_some()),
        ];
        given
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
    }

    /// What is wrong with it, without reading any secret.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let kind = KINDS.iter().find(|(kind, ..)| *kind == self.kind);
        let Some((kind, needed, allowed)) = kind else {
            return vec![unknown_kind(&self.kind)];
        };
        let mut mistakes = Vec::new();
        for name in *needed {
            if !self.given().any(|given| given == *name) {
                mistakes.push(format!("a {kind} needs `{name}`"));
            }
        }
        for name in self.given() {
            if !needed.contains(&name) && !allowed.contains(&name) {
                mistakes.push(format!("a {kind} has no `{name}`"));
            }
        }
        if self.token.is_some() && self.credentials.is_some() {
            mistakes.push("it has both `token` and `credentials`; one is enough".to_owned());
        }
        // A URL that lies elsewhere is checked when the server starts.
        let readable = matches!(self.url, Some(OptionValue::Plain(_)));
        if mistakes.is_empty() && readable {
            let placeholder = |_: &OptionValue| Ok("0".to_owned());
            let checked = self
                .settings_by(&placeholder)
                .map(|settings| settings.check());
            if let Ok(Err(error)) = checked {
                mistakes.push(error.to_string());
            }
        }
        mistakes
    }

    /// The target's settings, with all secrets read.
    pub(crate) fn settings(&self) -> Result<TargetSettings> {
        let settings = self.settings_by(&OptionValue::resolve);
        settings.with_context(|| format!("notify target {}", self.name.get_ref()))
    }

    fn settings_by(
        &self,
        secret: &dyn Fn(&OptionValue) -> Result<String>,
    ) -> Result<TargetSettings> {
        let url = match &self.url {
            Some(OptionValue::Plain(url)) => url.clone(),
            Some(url) => secret(url).context("url")?,
            None => String::new(),
        };
        let url = url.into();
        let read = |value: &Option<OptionValue>, what: &'static str| {
            let value = value.as_ref().map(secret).transpose().context(what)?;
            anyhow::Ok(value.map(Into::into))
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let kind = match self.kind.as_str() {
            "nats" => TargetKind::Nats {
                url,
                subject: text(&self.subject),
                token: read(&self.token, "token")?,
                credentials: read(&self.credentials, "credentials")?,
                jetstream: self.jetstream.unwrap_or(false),
            },
            "rabbitmq" => TargetKind::RabbitMq {
                url,
                exchange: text(&self.exchange),
                routing_key: text(&self.routing_key),
            },
            _ => TargetKind::Webhook {
                url,
                token: read(&self.token, "token")?,
            },
        };
        Ok(TargetSettings {
            name: self.name.get_ref().clone(),
            kind,
        })
    }
}

fn unknown_kind(typed: &str) -> String {
    let known: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    let text = format!(
        "`{typed}` is no kind of target; there are {}",
        known.join(", ")
    );
    let near = known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(typed, known), known))
        .filter(|(distance, _)| *distance <= TYPO_DISTANCE_MAX)
        .min();
    match near {
        Some((_, known)) => format!("{text}. Did you mean `{known}`?"),
        None => text,
    }
}
