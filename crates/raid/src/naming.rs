//! The name of a bucket or container that an array's description does not give.
//!
//! `dolium-raid-<array>-<8 hexadecimal digits>`: the digits are the beginning of SHA-256 over the
//! service's address and who signs in there, because names of buckets are shared by all the world.
//!
//! Does not: stay the same when the access key changes. Who means to change keys writes the name down.

use std::collections::BTreeMap;

use dolium_provider::ProviderSettings;
use sha2::{Digest, Sha256};

/// The options that say whose the bucket is, by kind; none where names are not made up.
fn owner_options(kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    match kind {
        "s3" => Some(("bucket", &["endpoint", "access_key_id", "profile"])),
        "swift" => Some((
            "container",
            &["auth", "endpoint", "domain", "project", "user"],
        )),
        "azblob" => Some(("container", &["endpoint", "account_name"])),
        _ => None,
    }
}

/// Adds the name that the scheme gives, unless there is one.
pub(crate) fn complete(array: &str, settings: &ProviderSettings) -> ProviderSettings {
    let mut settings = settings.clone();
    if let Some((option, owner)) = owner_options(&settings.kind)
        && settings.options.get(option).is_none_or(String::is_empty)
    {
        let name = name(array, &settings.options, owner);
        settings.options.insert(option.to_owned(), name);
    }
    settings
}

fn name(array: &str, options: &BTreeMap<String, String>, owner: &[&str]) -> String {
    let mut digest = Sha256::new();
    for option in owner {
        digest.update(options.get(*option).map(String::as_str).unwrap_or_default());
        digest.update([0]);
    }
    let digest = digest.finalize();
    let short: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("dolium-raid-{array}-{short}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(options: &[(&str, &str)]) -> String {
        let options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let kind = "s3".to_owned();
        complete("photos", &ProviderSettings { kind, options }).options["bucket"].clone()
    }

    #[test]
    fn names_depend_on_the_account_and_not_on_its_secret() {
        let ada = [
            ("endpoint", "https://a"),
            ("access_key_id", "ada"),
            ("secret_access_key", "x"),
        ];
        let name = completed(&ada);
        assert!(
            name.starts_with("dolium-raid-photos-") && name.len() == 27,
            "{name}"
        );
        assert_eq!(
            completed(&[ada[0], ada[1], ("secret_access_key", "y")]),
            name
        );
        assert_ne!(completed(&[ada[0], ("access_key_id", "bob")]), name);
        assert_eq!(completed(&[ada[0], ("bucket", "mine")]), "mine");
    }
}
