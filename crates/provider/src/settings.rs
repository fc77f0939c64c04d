//! From a kind and its options to a provider.
//!
//! Promises: mistakes are explained in terms of what may be written; no option value that may be a
//! secret shows in `Debug`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    DirectoryProvider, Error, ErrorKind, MemoryProvider, Provider, RemoteProvider, Result,
    SwiftProvider, remote, swift,
};

/// How to reach one storage service.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ProviderSettings {
    /// The driver: `directory`, `s3` …
    pub kind: String,
    /// Its options, by the driver's names.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// Options whose values may be shown. Anything else, known or not, may be a secret.
const PUBLIC_OPTIONS: [&str; 12] = [
    "auth",
    "domain",
    "project",
    "path",
    "root",
    "bucket",
    "container",
    "endpoint",
    "region",
    "account_name",
    "user",
    "username",
];

impl ProviderSettings {
    /// The options with what may be a secret left out.
    pub fn shown_options(&self) -> BTreeMap<String, String> {
        let shown = |(option, value): (&String, &String)| {
            // An endpoint may carry a password in its address.
            let public = PUBLIC_OPTIONS.contains(&option.as_str()) && !value.contains('@');
            let value = if public { value.as_str() } else { "<redacted>" };
            (option.clone(), value.to_owned())
        };
        self.options.iter().map(shown).collect()
    }
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ProviderSettings");
        shown.field("kind", &self.kind);
        for (option, value) in self.shown_options() {
            shown.field(&option, &value);
        }
        shown.finish()
    }
}

/// What a driver takes.
pub(crate) struct Options {
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
}

const DIRECTORY: Options = Options {
    required: &["path"],
    optional: &[],
};
const MEMORY: Options = Options {
    required: &[],
    optional: &[],
};

impl ProviderSettings {
    /// Checks kind and option names, without looking at values or contacting anything.
    pub fn check_names(&self) -> Result<()> {
        let options = match self.kind.as_str() {
            "directory" => &DIRECTORY,
            "memory" => &MEMORY,
            "swift" => &swift::OPTIONS,
            kind => remote::options_of(kind).ok_or_else(|| {
                let mut kinds = vec!["directory", "memory", "swift"];
                kinds.extend(remote::kinds());
                invalid(format!(
                    "unknown kind {kind:?}; use one of {}",
                    kinds.join(", ")
                ))
            })?,
        };
        check(self, options)
    }
}

/// Makes the provider that settings describe. Nothing is contacted yet.
pub fn open(settings: &ProviderSettings) -> Result<Arc<dyn Provider>> {
    settings.check_names()?;
    match settings.kind.as_str() {
        "directory" => {
            let path = settings
                .options
                .get("path")
                .map(String::as_str)
                .unwrap_or_default();
            Ok(Arc::new(DirectoryProvider::new(path)))
        }
        "memory" => Ok(Arc::new(MemoryProvider::new())),
        "swift" => Ok(Arc::new(SwiftProvider::open(&settings.options)?)),
        kind => Ok(Arc::new(RemoteProvider::open(kind, &settings.options)?)),
    }
}

fn check(settings: &ProviderSettings, allowed: &Options) -> Result<()> {
    let kind = &settings.kind;
    let known: Vec<&str> = allowed
        .required
        .iter()
        .chain(allowed.optional)
        .copied()
        .collect();
    if let Some(unknown) = settings
        .options
        .keys()
        .find(|key| !known.contains(&key.as_str()))
    {
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        return Err(invalid(format!(
            "kind {kind:?} has no option {unknown:?}; it takes {known}"
        )));
    }
    let lacks = |option: &&&str| {
        settings
            .options
            .get(**option)
            .is_none_or(|value| value.is_empty())
    };
    match allowed.required.iter().find(lacks) {
        Some(option) => Err(invalid(format!(
            "kind {kind:?} needs the option {option:?}"
        ))),
        None => Ok(()),
    }
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::Invalid, "provider settings", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: &str, options: &[(&str, &str)]) -> ProviderSettings {
        let options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        ProviderSettings {
            kind: kind.to_owned(),
            options,
        }
    }

    #[test]
    fn mistakes_are_explained() {
        let cases: [(ProviderSettings, &[&str]); 5] = [
            (
                settings("dir", &[]),
                &["\"dir\"", "directory", "s3", "swift"],
            ),
            (settings("directory", &[]), &["needs", "\"path\""]),
            (
                settings("directory", &[("pth", "/x")]),
                &["\"pth\"", "path"],
            ),
            (
                settings("directory", &[("path", "")]),
                &["needs", "\"path\""],
            ),
            (
                settings("s3", &[("bucket", "b"), ("key", "k")]),
                &["\"key\"", "access_key_id"],
            ),
        ];
        for (settings, words) in cases {
            let error = open(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            for word in words {
                assert!(error.to_string().contains(word), "{error} lacks {word}");
            }
        }
    }

    #[tokio::test]
    async fn good_settings_open() {
        let s3 = [
            ("bucket", "b"),
            ("region", "r"),
            ("endpoint", "http://127.0.0.1:1"),
        ];
        let webdav = [("endpoint", "http://127.0.0.1:1")];
        let cases = [
            settings("directory", &[("path", "/nonexistent")]),
            settings("memory", &[]),
            settings("s3", &s3),
            settings("webdav", &webdav),
        ];
        for case in cases {
            let provider = open(&case).unwrap();
            assert_eq!(provider.kind(), case.kind);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let settings = settings(
            "s3",
            &[
                ("bucket", "b"),
                ("secret_access_key", "hush"),
                ("anything", "hush"),
                ("endpoint", "https://me:hush@host"),
            ],
        );
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("\"b\"") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
