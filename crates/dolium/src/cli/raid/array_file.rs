//! The file that describes an array.
//!
//! Promises: mistakes are told with their line and without the text of the file, which may hold
//! secrets.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use dolium_provider::ProviderSettings;
use dolium_raid::{Layout, Raid, ServiceSettings};
use serde::Deserialize;

use crate::config::OptionValue;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayFile {
    name: String,
    layout: LayoutName,
    #[serde(default, rename = "service")]
    services: Vec<ServiceEntry>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LayoutName {
    Mirror,
    Plain,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceEntry {
    name: String,
    kind: String,
    #[serde(default)]
    options: BTreeMap<String, OptionValue>,
    /// Off where the service encrypts by keys of its own: its ETags are no checksums then.
    #[serde(default = "on")]
    checksums: bool,
}

fn on() -> bool {
    true
}

/// The array of a file, without some of its services.
pub(super) fn open(file: Option<&Path>, without: &[String]) -> Result<Raid> {
    let Some(file) = file else {
        bail!("which array? say --array FILE, or set DOLIUM_RAID");
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the array file {}", file.display()))?;
    let array = parse(&text).with_context(|| format!("in the array file {}", file.display()))?;
    let layout = match array.layout {
        LayoutName::Mirror => Layout::Mirror,
        LayoutName::Plain => Layout::Plain,
    };
    let services: Vec<ServiceSettings> = array
        .services
        .into_iter()
        .map(settings)
        .collect::<Result<_>>()?;
    let raid = Raid::open(&array.name, layout, &services)
        .with_context(|| format!("in the array file {}", file.display()))?;
    Ok(raid.without(without)?)
}

fn parse(text: &str) -> Result<ArrayFile> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let message = error.message();
        match before {
            Some(before) => anyhow!("line {}: {message}", before.matches('\n').count() + 1),
            None => anyhow!("{message}"),
        }
    })
}

fn settings(service: ServiceEntry) -> Result<ServiceSettings> {
    let ServiceEntry {
        name,
        kind,
        options,
        checksums,
    } = service;
    let mut resolved = BTreeMap::new();
    for (option, value) in options {
        let value = value
            .resolve()
            .with_context(|| format!("service {name}, option {option}"))?;
        resolved.insert(option, value);
    }
    let provider = ProviderSettings {
        kind,
        options: resolved,
    };
    Ok(ServiceSettings {
        name,
        provider,
        checksums,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_a_line_and_show_no_secret() {
        let text = "name = \"a\"\nlayout = \"mirror\"\n[[service]]\nname = \"x\"\nkind = \"s3\"\n\
                    options = { secret_access_key = \"hush\", bucket = [] }\n";
        let told = format!("{:#}", parse(text).unwrap_err());
        assert!(told.contains("line 6") && !told.contains("hush"), "{told}");
        let told = format!(
            "{:#}",
            parse("name = \"a\"\nlayout = \"raid5\"\n").unwrap_err()
        );
        assert!(told.contains("line 2") && told.contains("mirror"), "{told}");
    }

    #[test]
    fn a_file_becomes_an_array() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("array.toml");
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "hush\n").unwrap();
        let text = format!(
            "name = \"photos\"\nlayout = \"mirror\"\n\
             [[service]]\nname = \"disk\"\nkind = \"directory\"\noptions = {{ path = \"/nonexistent\" }}\n\
             [[service]]\nname = \"cloud\"\nkind = \"s3\"\nchecksums = false\n\
             [service.options]\nendpoint = \"http://127.0.0.1:1\"\naccess_key_id = \"ada\"\n\
             secret_access_key = {{ file = \"{}\" }}\n",
            secret.display()
        );
        std::fs::write(&file, &text).unwrap();
        let raid = open(Some(&file), &[]).unwrap();
        assert_eq!(raid.services().len(), 2);
        assert!(
            raid.services()[1]
                .objects
                .place()
                .contains("dolium-raid-photos-")
        );
        assert!(!format!("{raid:?}").contains("hush"));
        let alone = open(Some(&file), &["disk".to_owned()]).unwrap();
        assert_eq!(alone.services().len(), 1);
        assert!(open(Some(&file), &["disc".to_owned()]).is_err());
        std::fs::write(&file, text.replace("\"cloud\"", "\"disk\"")).unwrap();
        let told = format!("{:#}", open(Some(&file), &[]).unwrap_err());
        assert!(told.contains("twice"), "{told}");
        assert!(open(None, &[]).is_err());
    }
}
