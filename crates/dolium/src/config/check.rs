//! Mistakes of meaning: what TOML accepts and Dolium does not.

use std::collections::BTreeMap;

use dolium_array::Layout;

use super::load::{Mistake, line_of};
use super::{ArrayConfig, Config};

/// All mistakes of a configuration, in the order of the file.
pub(crate) fn check(config: &Config, text: &str) -> Vec<Mistake> {
    let mut checker = Checker {
        text,
        found: Vec::new(),
    };
    let mut names = BTreeMap::new();
    for provider in &config.providers {
        let name = provider.name.get_ref();
        let at = provider.name.span().start;
        checker.name("provider", name, at);
        if names.insert(name.clone(), ()).is_some() {
            checker.add(
                at,
                format!("the provider `{name}` is there twice; names must differ"),
            );
        }
        let placeholder = |_: &super::OptionValue| "0".to_owned();
        let options = provider
            .options
            .iter()
            .map(|(key, value)| (key.clone(), placeholder(value)));
        let settings = dolium_provider::ProviderSettings {
            kind: provider.kind.clone(),
            options: options.collect(),
        };
        if let Err(error) = settings.check_names() {
            checker.add(at, format!("provider `{name}`: {error}"));
        }
    }
    let mut arrays = BTreeMap::new();
    for array in &config.arrays {
        let name = array.name.get_ref();
        checker.name("array", name, array.name.span().start);
        if arrays.insert(name.clone(), ()).is_some() {
            let at = array.name.span().start;
            checker.add(
                at,
                format!("the array `{name}` is there twice; names must differ"),
            );
        }
        checker.array(array, &names);
    }
    checker.classes(&config.arrays);
    let mut targets = BTreeMap::new();
    for target in &config.notify {
        let (name, at) = (target.name.get_ref(), target.name.span().start);
        checker.name("notify target", name, at);
        if targets.insert(name.clone(), ()).is_some() {
            checker.add(
                at,
                format!("the notify target `{name}` is there twice; names must differ"),
            );
        }
        for mistake in target.mistakes() {
            checker.add(at, format!("notify target `{name}`: {mistake}"));
        }
    }
    if let Some(keystone) = &config.swift.keystone
        && let Some(mistake) = keystone.mistake()
    {
        checker.add(keystone.url.span().start, mistake.to_owned());
    }
    if let Err(error) = dolium_store::Chunking::fixed(*config.pithos.block_size.get_ref()) {
        let at = config.pithos.block_size.span().start;
        checker.add(at, format!("block_size of Pithos+: {error}"));
    }
    if config.arrays.is_empty() {
        checker.found.push(Mistake {
            line: None,
            text: "there is no [[array]]: name the providers that keep the data. \
                   `dolium config example` shows one"
                .to_owned(),
        });
    }
    if !(1..=super::DAY_SECONDS).contains(&config.lifecycle.day_seconds) {
        let text = "lifecycle.day_seconds is 1 to 86400".to_owned();
        checker.found.push(Mistake { line: None, text });
    }
    if config.tls.is_none() && !config.listen.insecure {
        for address in [config.listen.s3, config.listen.http] {
            if !address.ip().is_loopback() {
                checker.found.push(Mistake {
                    line: None,
                    text: not_loopback(address),
                });
            }
        }
    }
    checker.found.sort_by_key(|mistake| mistake.line);
    checker.found
}

/// Why an address is refused.
pub(crate) fn not_loopback(address: std::net::SocketAddr) -> String {
    format!(
        "{address} is reachable from other machines, where plain HTTP would carry data in the clear. \
         Set [tls], or listen.insecure = true if something else protects it"
    )
}

struct Checker<'a> {
    text: &'a str,
    found: Vec<Mistake>,
}

impl Checker<'_> {
    fn add(&mut self, at: usize, text: String) {
        self.found.push(Mistake {
            line: Some(line_of(self.text, at)),
            text,
        });
    }

    fn name(&mut self, what: &str, name: &str, at: usize) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
            let text = format!("`{name}` is no name for a {what}: use 1 to 32 of a-z, 0-9, '-'");
            self.add(at, text);
        }
    }

    /// Each class means one array; the first array is `STANDARD`.
    fn classes(&mut self, arrays: &[ArrayConfig]) {
        let mut known = BTreeMap::from([("STANDARD", "the first array")]);
        let others = arrays.iter().skip(1);
        for array in others.filter(|array| array.storage_class.is_none()) {
            known.insert(array.name.get_ref(), "the array of that name");
        }
        for (index, array) in arrays.iter().enumerate() {
            let Some(class) = &array.storage_class else {
                continue;
            };
            let (name, at) = (class.get_ref(), class.span().start);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
                let text =
                    format!("`{name}` is no storage class: use 1 to 32 of A-Z, a-z, 0-9, '_', '-'");
                self.add(at, text);
            } else if index == 0 {
                let text =
                    "the first array is the storage class STANDARD and has no other".to_owned();
                self.add(at, text);
            } else if let Some(other) = known.insert(name, "another array") {
                self.add(
                    at,
                    format!("the storage class `{name}` already means {other}"),
                );
            }
        }
    }

    fn array(&mut self, array: &ArrayConfig, providers: &BTreeMap<String, ()>) {
        for (index, provider) in array.providers.iter().enumerate() {
            let (name, at) = (provider.get_ref(), provider.span().start);
            if !providers.contains_key(name) {
                let known: Vec<&str> = providers.keys().map(String::as_str).collect();
                let text = format!(
                    "there is no provider `{name}`; there are: {}",
                    known.join(", ")
                );
                self.add(at, text);
            }
            if array.providers[..index]
                .iter()
                .any(|other| other.get_ref() == name)
            {
                let text = format!("the provider `{name}` is there twice; shards must lie apart");
                self.add(at, text);
            }
        }
        let at = array.layout.span().start;
        match array.layout.get_ref().parse::<Layout>() {
            Ok(layout) => {
                let needed = usize::from(layout.data()) + usize::from(layout.parity());
                if array.providers.len() < needed {
                    let (has, layout) = (array.providers.len(), array.layout.get_ref());
                    self.add(
                        at,
                        format!("{layout} needs {needed} providers; there are {has}"),
                    );
                }
            }
            Err(error) => self.add(at, error.to_string()),
        }
    }
}
