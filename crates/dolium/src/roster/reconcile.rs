//! What the configuration says, brought together with what was changed by command.
//!
//! Promises: pure; a provider that has data is never forgotten because a file does not name it any more.

use anyhow::{Result, bail};

use super::{Document, MemberRoster};
use crate::config::{ArrayConfig, Config};

/// Takes over new providers and layouts of a configuration. Says what a person should know.
pub(crate) fn reconcile(document: &mut Document, config: &Config) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let before = document.clone();
    for array in &config.arrays {
        one(document, array, &mut notes)?;
    }
    if *document != before {
        document.epoch += 1;
        for (name, array) in &mut document.arrays {
            if before.arrays.get(name) != Some(array) {
                array.epoch = document.epoch;
            }
        }
    }
    Ok(notes)
}

fn one(document: &mut Document, config: &ArrayConfig, notes: &mut Vec<String>) -> Result<()> {
    let name = config.name.get_ref();
    let array = document.arrays.entry(name.clone()).or_default();
    let configured = |member: &String| {
        config
            .providers
            .iter()
            .any(|listed| listed.get_ref() == member)
    };
    let mut members = array.members.iter();
    if let Some((gone, _)) =
        members.find(|(member, row)| row.sealed.is_none() && !configured(member))
    {
        bail!(
            "the array {name} has shards on the provider {gone}, which the configuration does not name \
             any more. Put it back: removing a provider without draining it would lose its shards \
             (`dolium provider drain {gone}`, then `dolium provider remove {gone}`)"
        );
    }
    for provider in &config.providers {
        let provider = provider.get_ref();
        if array.removed.contains(provider) {
            notes.push(format!(
                "the provider {provider} was removed from the array {name}; take it out of the configuration"
            ));
        } else if !array.members.contains_key(provider) {
            let number = array.take_number()?;
            let member = MemberRoster {
                number,
                draining: false,
                sealed: None,
            };
            array.members.insert(provider.clone(), member);
        }
    }
    // A name that the configuration has dropped may be used again.
    array.removed.retain(|removed| configured(removed));
    let layout = config.layout.get_ref();
    if array.configured_layout != *layout {
        if !array.layout.is_empty() && array.layout != *layout {
            notes.push(format!(
                "the array {name} becomes {layout}; what is stored as {} is written again in the background",
                array.layout
            ));
        }
        array.layout.clone_from(layout);
        array.configured_layout.clone_from(layout);
    } else if array.layout != *layout {
        notes.push(format!(
            "the array {name} was changed to {} by command; the configuration still says {layout}",
            array.layout
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(layout: &str, providers: &[&str]) -> Config {
        let mut text = String::new();
        for provider in providers {
            text.push_str(&format!(
                "[[provider]]\nname = \"{provider}\"\nkind = \"memory\"\n"
            ));
        }
        let list: Vec<String> = providers.iter().map(|name| format!("\"{name}\"")).collect();
        text.push_str(&format!(
            "[[array]]\nname = \"a\"\nlayout = \"{layout}\"\nproviders = [{}]\n",
            list.join(", ")
        ));
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn numbers_stay_and_new_providers_get_new_ones() {
        let mut document = Document::default();
        reconcile(&mut document, &config("mirror:2", &["x", "y"])).unwrap();
        let first = document.clone();
        assert_eq!(
            reconcile(&mut document, &config("mirror:2", &["y", "x"])).unwrap(),
            [""; 0]
        );
        assert_eq!(document, first, "nothing changed, nor the epoch");
        reconcile(&mut document, &config("mirror:2", &["x", "y", "z"])).unwrap();
        assert_eq!(document.arrays["a"].members["z"].number, 3);
        assert_eq!(document.epoch, first.epoch + 1);
    }

    #[test]
    fn a_provider_with_data_is_not_forgotten_and_a_removed_one_not_taken_back() {
        let mut document = Document::default();
        reconcile(&mut document, &config("mirror:2", &["x", "y", "z"])).unwrap();
        let refused = reconcile(&mut document, &config("mirror:2", &["x", "y"])).unwrap_err();
        assert!(refused.to_string().contains("drain z"), "{refused}");
        let array = document.arrays.get_mut("a").unwrap();
        array.members.remove("z");
        array.removed.insert("z".to_owned());
        let notes = reconcile(&mut document, &config("mirror:2", &["x", "y", "z"])).unwrap();
        assert!(notes[0].contains("removed"), "{notes:?}");
        reconcile(&mut document, &config("mirror:2", &["x", "y"])).unwrap();
        reconcile(&mut document, &config("mirror:2", &["x", "y", "z"])).unwrap();
        assert_eq!(
            document.arrays["a"].members["z"].number, 4,
            "a name again, not a number"
        );
    }

    #[test]
    fn the_layout_of_the_file_counts_when_it_changes() {
        let mut document = Document::default();
        reconcile(&mut document, &config("mirror:2", &["x", "y", "z"])).unwrap();
        document.arrays.get_mut("a").unwrap().layout = "mirror:3".to_owned();
        let notes = reconcile(&mut document, &config("mirror:2", &["x", "y", "z"])).unwrap();
        assert_eq!(document.arrays["a"].layout, "mirror:3");
        assert!(notes[0].contains("by command"));
        let notes = reconcile(&mut document, &config("erasure:2+1", &["x", "y", "z"])).unwrap();
        assert_eq!(document.arrays["a"].layout, "erasure:2+1");
        assert!(notes[0].contains("written again"));
    }
}
