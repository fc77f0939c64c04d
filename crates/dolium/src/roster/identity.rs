//! Identity records: each provider keeps, sealed, which repository, array and member it is, and who the
//! others are.
//!
//! So a server never writes into another's providers, and recovery can tell them apart and find those that no
//! configuration names. A known member that does not answer is an outage: it is never created anew.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use dolium_array::{Array, ErrorKind, Member, MemberId};
use dolium_block::{MasterKey, open_record, seal_record};
use dolium_provider::{Provider, ProviderSettings};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use super::{ArrayRoster, Document, MemberRoster, unseal};
use crate::config::{Config, ProviderConfig};

/// What identity records are sealed for.
const IDENTITY_CONTEXT: &[u8] = b"identity";
/// How long a member may take to hear who the others are: whoever changes the roster waits for it.
const TELL_MAX: Duration = Duration::from_secs(10);
/// The version that is written; the first had no roster.
const VERSION: u32 = 2;

/// The record that a provider keeps of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct IdentityRecord {
    version: u32,
    array: String,
    layout: String,
    member: u16,
    name: String,
    /// All members of the array, with the sealed settings of those that were added by command.
    #[serde(default)]
    roster: Option<ArrayRoster>,
}

impl IdentityRecord {
    fn new(array: &str, roster: &ArrayRoster, name: &str, number: u16) -> Self {
        Self {
            version: VERSION,
            array: array.to_owned(),
            layout: roster.layout.clone(),
            member: number,
            name: name.to_owned(),
            roster: Some(roster.clone()),
        }
    }

    fn seal(&self, key: &MasterKey) -> Result<Bytes> {
        let text = serde_json::to_vec(self)?;
        Ok(seal_record(&key.subkey("identity"), IDENTITY_CONTEXT, &text)?.into())
    }

    fn open(key: &MasterKey, sealed: &[u8]) -> Result<Self> {
        let text = open_record(&key.subkey("identity"), IDENTITY_CONTEXT, sealed)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// Claims new members and checks that known ones are who they should be.
pub(crate) async fn claim(
    array: &Array,
    roster: &ArrayRoster,
    known: Option<&ArrayRoster>,
    key: &MasterKey,
) -> Result<()> {
    for member in array.members() {
        let is_known = known.is_some_and(|known| known.members.contains_key(&member.name));
        claim_one(array, roster, &member, is_known, key).await?;
    }
    Ok(())
}

/// Claims or checks one member.
pub(super) async fn claim_one(
    array: &Array,
    roster: &ArrayRoster,
    member: &Member,
    is_known: bool,
    key: &MasterKey,
) -> Result<()> {
    let record = IdentityRecord::new(array.name(), roster, &member.name, member.id.0);
    if !is_known {
        let prepared = member.provider.prepare().await;
        prepared.with_context(|| format!("cannot prepare the provider {}", member.name))?;
    }
    match Array::read_identity(member.provider.as_ref()).await {
        Ok(Some(sealed)) => check(&record, &sealed, key),
        Ok(None) if is_known => {
            tracing::warn!(
                provider = member.name,
                "the provider has lost its identity record; `dolium repair` puts it back"
            );
            Ok(())
        }
        Ok(None) => {
            let claimed = array.claim_identity(member.id, record.seal(key)?).await;
            match claimed {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    check_claimed(&record, member, key).await
                }
                claimed => {
                    claimed.with_context(|| format!("cannot claim the provider {}", member.name))
                }
            }
        }
        Err(error) if is_known => {
            tracing::warn!(provider = member.name, %error, "the provider does not answer");
            Ok(())
        }
        Err(error) => Err(error).context(format!("cannot read the provider {}", member.name)),
    }
}

/// Checks a record that appeared between the look and the claim: another server's, or our own whose
/// first answer was lost.
async fn check_claimed(expected: &IdentityRecord, member: &Member, key: &MasterKey) -> Result<()> {
    let found = Array::read_identity(member.provider.as_ref()).await?;
    let found = found.with_context(|| format!("cannot claim the provider {}", member.name))?;
    check(expected, &found, key)
}

fn check(expected: &IdentityRecord, sealed: &[u8], key: &MasterKey) -> Result<()> {
    let found = IdentityRecord::open(key, sealed).with_context(|| {
        format!(
            "the provider {} belongs to another repository (its record does not open with this \
             recovery key). To serve that repository beside its other servers put a copy of their \
             recovery key here; to rebuild it use `dolium recover`; to start anew give an empty provider",
            expected.name
        )
    })?;
    if (&found.array, found.member) != (&expected.array, expected.member) {
        bail!(
            "the provider configured as {} is the repository's provider {} of array {}. Put the \
             names in the configuration right",
            expected.name,
            found.name,
            found.array
        );
    }
    Ok(())
}

/// The number that a provider has in an array already, when an attempt to add it was cut short.
pub(super) async fn number_of(
    provider: &dyn Provider,
    array: &str,
    name: &str,
    key: &MasterKey,
) -> Result<Option<u16>> {
    let Some(sealed) = Array::read_identity(provider).await? else {
        return Ok(None);
    };
    let found = IdentityRecord::open(key, &sealed)
        .context("the provider belongs to another repository; give an empty one")?;
    if (found.array.as_str(), found.name.as_str()) != (array, name) {
        bail!(
            "the provider is {} of the array {} already",
            found.name,
            found.array
        );
    }
    Ok(Some(found.member))
}

/// Tells every member who the others are now. Members that do not answer soon hear it with the next change.
pub(crate) async fn tell_all(array: &Array, roster: &ArrayRoster, key: &MasterKey) {
    let tells = array.members().into_iter().map(|member| async move {
        let told = async {
            let record = IdentityRecord::new(array.name(), roster, &member.name, member.id.0);
            array.put_identity(member.id, record.seal(key)?).await?;
            Ok::<_, anyhow::Error>(())
        };
        let told = tokio::time::timeout(TELL_MAX, told).await;
        if let Err(error) = told.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in {TELL_MAX:?}"))) {
            tracing::warn!(provider = member.name, %error, "the identity record could not be renewed");
        }
    });
    join_all(tells).await;
}

/// Puts identity records back that members have lost; part of a repair.
pub(crate) async fn restore_identities(
    array: &Array,
    roster: &ArrayRoster,
    key: &MasterKey,
) -> Result<()> {
    for member in array.members() {
        if let Ok(None) = Array::read_identity(member.provider.as_ref()).await {
            let record = IdentityRecord::new(array.name(), roster, &member.name, member.id.0);
            array.put_identity(member.id, record.seal(key)?).await?;
        }
    }
    Ok(())
}

/// The roster as the providers themselves tell it: for recovery, where no catalog is left. Also says which
/// providers were silent.
pub(crate) async fn recovered(config: &Config, key: &MasterKey) -> Result<(Document, Vec<String>)> {
    let mut document = Document::default();
    let mut silent = Vec::new();
    for array in &config.arrays {
        let name = array.name.get_ref();
        let mut records: BTreeMap<String, IdentityRecord> = BTreeMap::new();
        for provider in &config.providers {
            let listed = array.providers.iter();
            if listed
                .clone()
                .any(|listed| listed.get_ref() == provider.name.get_ref())
            {
                read_record(provider, key, &mut records, &mut silent).await?;
            }
        }
        // A provider that was away did not hear of the latest change.
        let told = records.values().filter_map(|record| record.roster.as_ref());
        let newest = told.max_by_key(|roster| roster.epoch).cloned();
        let roster = match newest {
            Some(roster) => roster,
            None => from_first_version(array.layout.get_ref(), &records),
        };
        document.epoch = document.epoch.max(roster.epoch);
        document.arrays.insert(name.clone(), roster);
    }
    super::reconcile(&mut document, config)?;
    Ok((document, silent))
}

async fn read_record(
    provider: &ProviderConfig,
    key: &MasterKey,
    records: &mut BTreeMap<String, IdentityRecord>,
    silent: &mut Vec<String>,
) -> Result<()> {
    let name = provider.name.get_ref();
    let opened = crate::compose::open_provider(provider)?;
    match Array::read_identity(opened.as_ref()).await {
        Ok(Some(sealed)) => {
            let record = IdentityRecord::open(key, &sealed).with_context(|| {
                format!("the provider {name} does not open with this recovery key")
            })?;
            records.insert(name.clone(), record);
        }
        Ok(None) => silent.push(format!("{name}: it has no identity record")),
        Err(error) => silent.push(format!("{name}: {error}")),
    }
    Ok(())
}

/// What records of the first version tell: the numbers of those that answer.
fn from_first_version(layout: &str, records: &BTreeMap<String, IdentityRecord>) -> ArrayRoster {
    let member = |(name, record): (&String, &IdentityRecord)| {
        let member = MemberRoster {
            number: record.member,
            draining: false,
            sealed: None,
        };
        (name.clone(), member)
    };
    let members: BTreeMap<String, MemberRoster> = records.iter().map(member).collect();
    ArrayRoster {
        epoch: 0,
        layout: layout.to_owned(),
        configured_layout: layout.to_owned(),
        // Members that do not answer get what numbers are left: see `reconcile`.
        next_number: 1,
        members,
        removed: Default::default(),
    }
}

/// The settings of a member that was added by command.
pub(super) fn sealed_settings(
    member: &MemberRoster,
    key: &MasterKey,
) -> Result<Option<ProviderSettings>> {
    member
        .sealed
        .as_ref()
        .map(|sealed| unseal(key, sealed))
        .transpose()
}

/// A member's number as the array knows it.
pub(super) fn member_id(member: &MemberRoster) -> MemberId {
    MemberId(member.number)
}
