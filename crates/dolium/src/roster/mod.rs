//! The roster: which providers keep each array, in which role and layout.
//!
//! The configuration says what an array begins with; what is changed later by command is kept in the catalog
//! and, sealed, in the identity record of every provider, so that a lost server is found again from one of them.
//!
//! Promises: a provider's number is never given to another; credentials are at rest only sealed with the
//! repository's key; a change is in the catalog before it takes effect elsewhere.
//! Does not: move data; the store does that, and the roster only says where it is to go.

mod agree;
mod change;
mod identity;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dolium_block::{MasterKey, open_record, seal_record};
use dolium_catalog::Catalog;
use dolium_provider::ProviderSettings;
use dolium_store::Fence;
use serde::{Deserialize, Serialize};

pub(crate) use agree::agree;
pub(crate) use change::{Change, NewMember, Roster};
pub(crate) use identity::{recovered, restore_identities};
use reconcile::reconcile;

/// The catalog's key for the roster.
const ROSTER_META: &str = "roster";
/// Its key before arrays could change: numbers by array and provider.
const MEMBERS_META: &str = "members";
/// What the settings of providers are sealed for.
const SETTINGS_CONTEXT: &[u8] = b"provider settings";
/// The lease under which providers are numbered and claimed, and the roster changed.
const LEASE: &str = "roster";

/// The members of all arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// Grows with every change, so that other servers notice.
    pub(crate) epoch: u64,
    pub(crate) arrays: BTreeMap<String, ArrayRoster>,
}

/// The members of one array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArrayRoster {
    /// The epoch of its last change: of several providers' records the newest counts.
    #[serde(default)]
    pub(crate) epoch: u64,
    /// How new data are cut.
    pub(crate) layout: String,
    /// What the configuration said when it was last read: when that changes, it counts again.
    pub(crate) configured_layout: String,
    /// The next number that was never given.
    pub(crate) next_number: u16,
    pub(crate) members: BTreeMap<String, MemberRoster>,
    /// Removed by command; the configuration may still name them.
    #[serde(default)]
    pub(crate) removed: BTreeSet<String>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberRoster {
    pub(crate) number: u16,
    /// It is being emptied.
    #[serde(default)]
    pub(crate) draining: bool,
    /// Its settings, sealed, when it was added by command; else the configuration has them.
    #[serde(default)]
    pub(crate) sealed: Option<String>,
}

impl ArrayRoster {
    /// A number that no member ever had.
    fn take_number(&mut self) -> Result<u16> {
        let mut number = self.next_number.max(1);
        while self.members.values().any(|member| member.number == number) {
            number = number.checked_add(1).context("no member number is left")?;
        }
        self.next_number = number.checked_add(1).context("no member number is left")?;
        Ok(number)
    }

    /// The members that take new data.
    fn keepers(&self) -> usize {
        self.members
            .values()
            .filter(|member| !member.draining)
            .count()
    }
}

/// Seals settings, credentials and all.
pub(crate) fn seal(key: &MasterKey, settings: &ProviderSettings) -> Result<String> {
    let text = serde_json::to_vec(settings)?;
    let sealed = seal_record(&key.subkey("provider"), SETTINGS_CONTEXT, &text)?;
    Ok(STANDARD.encode(sealed))
}

/// Opens what [`seal`] sealed.
pub(crate) fn unseal(key: &MasterKey, sealed: &str) -> Result<ProviderSettings> {
    let bytes = STANDARD
        .decode(sealed)
        .context("sealed settings are no base64")?;
    let text = open_record(&key.subkey("provider"), SETTINGS_CONTEXT, &bytes)
        .context("sealed settings do not open with this recovery key")?;
    serde_json::from_slice(&text).context("sealed settings are not understood")
}

/// Reads the roster of a catalog.
pub(crate) async fn load(catalog: &Catalog) -> Result<Document> {
    let read = catalog
        .read(|tx| Ok::<_, dolium_catalog::Error>((tx.meta(ROSTER_META)?, tx.meta(MEMBERS_META)?)));
    let (roster, members) = read.await.map_err(anyhow::Error::from)?;
    match (roster, members) {
        (Some(bytes), _) => serde_json::from_slice(&bytes).context("the catalog's roster"),
        (None, Some(bytes)) => {
            let members =
                serde_json::from_slice(&bytes).context("the catalog's list of members")?;
            Ok(converted(members))
        }
        (None, None) => Ok(Document::default()),
    }
}

/// The roster of a catalog from before there was one.
fn converted(members: BTreeMap<String, BTreeMap<String, u16>>) -> Document {
    let array = |numbers: BTreeMap<String, u16>| {
        let next_number = numbers
            .values()
            .max()
            .copied()
            .unwrap_or(0)
            .saturating_add(1);
        let member = |number| MemberRoster {
            number,
            draining: false,
            sealed: None,
        };
        ArrayRoster {
            next_number,
            members: numbers
                .into_iter()
                .map(|(name, number)| (name, member(number)))
                .collect(),
            ..ArrayRoster::default()
        }
    };
    Document {
        epoch: 0,
        arrays: members
            .into_iter()
            .map(|(name, numbers)| (name, array(numbers)))
            .collect(),
    }
}

/// Writes the roster, unless another server changed it since `before` was read or changes it now.
pub(crate) async fn save(
    catalog: &Catalog,
    before: u64,
    document: &Document,
    fence: Fence,
) -> Result<()> {
    let bytes = serde_json::to_vec(document)?;
    let written = catalog.write(move |tx| {
        fence.check(tx)?;
        let now = tx.meta(ROSTER_META)?;
        let now: Option<Document> = now.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if now.is_some_and(|now| now.epoch != before) {
            let context = "another server changed the roster at the same time; try again";
            return Err(dolium_store::Error::new(
                dolium_store::ErrorKind::Conflict,
                context,
            ));
        }
        Ok(tx.set_meta(ROSTER_META, &bytes)?)
    });
    written.await.map(drop).map_err(anyhow::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_settings_open_again_and_show_nothing() {
        let key = MasterKey::random();
        let settings = ProviderSettings {
            kind: "s3".to_owned(),
            options: [("secret_access_key".to_owned(), "hush".to_owned())].into(),
        };
        let sealed = seal(&key, &settings).unwrap();
        assert!(!sealed.contains("hush") && unseal(&key, &sealed).unwrap() == settings);
        assert!(unseal(&MasterKey::random(), &sealed).is_err());
        assert!(unseal(&key, "no base64!").is_err());
    }

    #[test]
    fn an_old_list_of_members_keeps_its_numbers() {
        let members = [(
            "a".to_owned(),
            [("p1".to_owned(), 1), ("p2".to_owned(), 7)].into(),
        )];
        let mut document = converted(members.into());
        let array = document.arrays.get_mut("a").unwrap();
        assert_eq!(array.members["p2"].number, 7);
        assert_eq!(array.take_number().unwrap(), 8);
        assert_eq!(array.take_number().unwrap(), 9);
    }
}
