//! Values of provider options: as they are, from the environment, or from a file.

use std::fmt;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A value that may be a secret, so that `Debug` never shows it.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OptionValue {
    /// Written in the file.
    Plain(String),
    /// A whole number or truth value, for options that are.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// `{ env = "NAME" }`.
    Env {
        /// The variable.
        env: String,
    },
    /// `{ file = "/path" }`; one trailing line break is dropped.
    File {
        /// The path.
        file: String,
    },
}

impl fmt::Debug for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env { env } => write!(f, "env {env}"),
            Self::File { file } => write!(f, "file {file}"),
            _ => f.write_str("…"),
        }
    }
}

impl OptionValue {
    /// The text of the value.
    pub(crate) fn resolve(&self) -> Result<String> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Number(number) => Ok(number.to_string()),
            Self::Flag(flag) => Ok(flag.to_string()),
            Self::Env { env } => {
                std::env::var(env).with_context(|| format!("the variable {env} is not set"))
            }
            Self::File { file } => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read the secret file {file}"))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
            }
        }
    }
}
