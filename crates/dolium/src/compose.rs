//! Composition: from a configuration to running components.
//!
//! Here the providers are claimed for the repository. Each keeps a sealed identity record that says
//! which repository, array and member it is, so that a server never writes into another's providers
//! and recovery can tell them apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use dolium_array::{Array, ArraySettings, Member, MemberId};
use dolium_block::{MasterKey, open_record, seal_record};
use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, SealingKey};
use dolium_provider::{Provider, ProviderSettings};
use dolium_store::{Store, StoreParts, StoreSettings, shard_key};
use dolium_swift::TokenKey;
use serde::{Deserialize, Serialize};

use crate::config::{ArrayConfig, CatalogConfig, Config, DegradedWrites};
use crate::data_dir::DataDir;

/// The catalog's key for the members of all arrays.
const MEMBERS_META: &str = "members";
/// What identity records are sealed for.
const IDENTITY_CONTEXT: &[u8] = b"identity";

/// What a server runs on.
#[derive(Clone)]
pub(crate) struct Components {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) token_key: TokenKey,
    pub(crate) data_dir: DataDir,
}

/// The record that a provider keeps of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentityRecord {
    pub(crate) version: u32,
    pub(crate) array: String,
    pub(crate) layout: String,
    pub(crate) member: u16,
    pub(crate) name: String,
}

impl IdentityRecord {
    fn seal(&self, key: &MasterKey) -> Result<Bytes> {
        let text = serde_json::to_vec(self)?;
        Ok(seal_record(&key.subkey("identity"), IDENTITY_CONTEXT, &text)?.into())
    }

    pub(crate) fn open(key: &MasterKey, sealed: &[u8]) -> Result<Self> {
        let text = open_record(&key.subkey("identity"), IDENTITY_CONTEXT, sealed)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// Member numbers by array and provider name. A number is never given twice.
type Members = BTreeMap<String, BTreeMap<String, u16>>;

/// Opens everything. `first_start` providers are created and claimed.
pub(crate) async fn compose(config: &Config, dir: &DataDir, key: MasterKey) -> Result<Components> {
    let catalog = open_catalog(config, dir)?;
    let known = read_members(&catalog).await?;
    let mut members = known.clone();
    for array in &config.arrays {
        number_members(
            array,
            members.entry(array.name.get_ref().clone()).or_default(),
        )?;
    }
    let arrays = open_arrays(config, &members, &key)?;
    for (array, config) in arrays.iter().zip(&config.arrays) {
        let known = known.get(array.name());
        claim(array, config, known, &key).await?;
    }
    write_members(&catalog, &members).await?;
    let store = open_store(config, catalog.clone(), arrays, &key).await?;
    Ok(Components {
        store,
        identity: identity(catalog, &key),
        token_key: TokenKey::from_bytes(key.subkey("token").as_bytes()),
        data_dir: dir.clone(),
    })
}

pub(crate) fn identity(catalog: Catalog, key: &MasterKey) -> Identity {
    Identity::new(
        catalog,
        SealingKey::from_bytes(*key.subkey("secret").as_bytes()),
    )
}

async fn open_store(
    config: &Config,
    catalog: Catalog,
    arrays: Vec<Arc<Array>>,
    key: &MasterKey,
) -> Result<Store> {
    let settings = StoreSettings {
        durability: config.durability,
        garbage_age_min: std::time::Duration::from_secs(config.collect.garbage_age_seconds),
        orphan_age_min: std::time::Duration::from_secs(config.collect.orphan_age_seconds),
        ingest_bytes_max: config.limits.ingest_mib.max(8) << 20,
        read_ahead_blocks_max: config.limits.read_ahead_blocks,
        block_cache_bytes_max: config.limits.block_cache_mib << 20,
        named_keys: config.encryption.keys.clone(),
        classes: classes(config),
        lifecycle_day: std::time::Duration::from_secs(config.lifecycle.day_seconds),
        ..StoreSettings::default()
    };
    let parts = StoreParts {
        catalog,
        arrays,
        master_key: key.clone(),
    };
    Store::open(parts, settings)
        .await
        .context("cannot open the store")
}

/// The arrays that clients know as a storage class of another name.
fn classes(config: &Config) -> Vec<(String, String)> {
    let named = config.arrays.iter().filter_map(|array| {
        let class = array.storage_class.as_ref()?;
        Some((array.name.get_ref().clone(), class.get_ref().clone()))
    });
    named.collect()
}

pub(crate) fn open_catalog(config: &Config, dir: &DataDir) -> Result<Catalog> {
    let settings = CatalogSettings::default();
    match &config.catalog {
        CatalogConfig::Sqlite => {
            let file = dir.catalog();
            let at = || format!("cannot open the catalog {}", file.display());
            Catalog::open_sqlite(&file, settings).with_context(at)
        }
        CatalogConfig::Postgres { url } => {
            let url = url.resolve().context("catalog.url")?;
            Catalog::open_postgres(&url, settings).context("cannot open the PostgreSQL catalog")
        }
    }
}

async fn read_members(catalog: &Catalog) -> Result<Members> {
    let bytes = catalog.read(|tx| tx.meta(MEMBERS_META)).await;
    match bytes.map_err(anyhow::Error::from)? {
        Some(bytes) => serde_json::from_slice(&bytes).context("the catalog's list of members"),
        None => Ok(Members::new()),
    }
}

pub(crate) async fn write_members(catalog: &Catalog, members: &Members) -> Result<()> {
    let bytes = serde_json::to_vec(members)?;
    let written = catalog
        .write(move |tx| tx.set_meta(MEMBERS_META, &bytes))
        .await;
    written.map(drop).map_err(anyhow::Error::from)
}

/// Gives new providers of an array the next numbers.
fn number_members(array: &ArrayConfig, members: &mut BTreeMap<String, u16>) -> Result<()> {
    let configured: Vec<&String> = array.providers.iter().map(|name| name.get_ref()).collect();
    if let Some(gone) = members.keys().find(|name| !configured.contains(name)) {
        bail!(
            "the array {} has shards on the provider {gone}, which the configuration does not name \
             any more. Put it back: removing a provider without draining it would lose its shards",
            array.name.get_ref()
        );
    }
    for name in configured {
        if !members.contains_key(name) {
            let next = members.values().max().copied().unwrap_or(0) + 1;
            members.insert(name.clone(), next);
        }
    }
    Ok(())
}

/// Opens the drivers and arrays of a configuration. Nothing is contacted yet.
pub(crate) fn open_arrays(
    config: &Config,
    members: &Members,
    key: &MasterKey,
) -> Result<Vec<Arc<Array>>> {
    let mut providers: BTreeMap<&str, Arc<dyn Provider>> = BTreeMap::new();
    for provider in &config.providers {
        let name = provider.name.get_ref().as_str();
        providers.insert(name, open_provider(provider)?);
    }
    let mut arrays = Vec::new();
    for array in &config.arrays {
        let name = array.name.get_ref().clone();
        let numbers = &members[&name];
        let member = |provider: &toml::Spanned<String>| Member {
            id: MemberId(numbers[provider.get_ref()]),
            name: provider.get_ref().clone(),
            provider: providers[provider.get_ref().as_str()].clone(),
        };
        let layout = array.layout.get_ref().parse()?;
        let members = array.providers.iter().map(member).collect();
        let mut settings = ArraySettings::new(name, layout, members, shard_key(key));
        settings.allow_degraded_writes = array.degraded_writes == DegradedWrites::Allow;
        arrays.push(Arc::new(Array::new(settings)?));
    }
    Ok(arrays)
}

fn open_provider(config: &crate::config::ProviderConfig) -> Result<Arc<dyn Provider>> {
    let name = config.name.get_ref();
    let resolve = |(key, value): (&String, &crate::config::OptionValue)| {
        let value = value
            .resolve()
            .with_context(|| format!("provider {name}, option {key}"))?;
        Ok((key.clone(), value))
    };
    let options = config.options.iter().map(resolve).collect::<Result<_>>()?;
    let settings = ProviderSettings {
        kind: config.kind.clone(),
        options,
    };
    dolium_provider::open(&settings).with_context(|| format!("provider {name}"))
}

/// Claims new members and checks that known ones are who they should be. A known member that does not
/// answer is an outage, not an error: it is never created anew.
async fn claim(
    array: &Array,
    config: &ArrayConfig,
    known: Option<&BTreeMap<String, u16>>,
    key: &MasterKey,
) -> Result<()> {
    for member in array.members() {
        let is_known = known.is_some_and(|known| known.contains_key(&member.name));
        let record = IdentityRecord {
            version: 1,
            array: array.name().to_owned(),
            layout: config.layout.get_ref().clone(),
            member: member.id.0,
            name: member.name.clone(),
        };
        if !is_known {
            let prepared = member.provider.prepare().await;
            prepared.with_context(|| format!("cannot prepare the provider {}", member.name))?;
        }
        match Array::read_identity(member.provider.as_ref()).await {
            Ok(Some(sealed)) => check_identity(&record, &sealed, key)?,
            Ok(None) if is_known => tracing::warn!(
                provider = member.name,
                "the provider has lost its identity record; `dolium repair` puts it back"
            ),
            Ok(None) => {
                let written = array.put_identity(member.id, record.seal(key)?).await;
                written.with_context(|| format!("cannot claim the provider {}", member.name))?;
            }
            Err(error) if is_known => {
                tracing::warn!(provider = member.name, %error, "the provider does not answer");
            }
            Err(error) => {
                return Err(error).context(format!("cannot read the provider {}", member.name));
            }
        }
    }
    Ok(())
}

fn check_identity(expected: &IdentityRecord, sealed: &[u8], key: &MasterKey) -> Result<()> {
    let found = IdentityRecord::open(key, sealed).with_context(|| {
        format!(
            "the provider {} belongs to another repository (its record does not open with this \
             recovery key). To rebuild that repository use `dolium recover`; to start anew give an \
             empty provider",
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

/// Puts identity records back that members have lost; part of a repair.
pub(crate) async fn restore_identities(array: &Array, key: &MasterKey) -> Result<()> {
    for member in array.members() {
        if let Ok(None) = Array::read_identity(member.provider.as_ref()).await {
            let record = IdentityRecord {
                version: 1,
                array: array.name().to_owned(),
                layout: array.layout().to_string(),
                member: member.id.0,
                name: member.name.clone(),
            };
            array.put_identity(member.id, record.seal(key)?).await?;
        }
    }
    Ok(())
}

/// Member numbers as the providers themselves tell them: for recovery, where no catalog is left.
pub(crate) async fn members_from_identities(
    config: &Config,
    key: &MasterKey,
) -> Result<(Members, Vec<String>)> {
    let mut members = Members::new();
    let mut silent = Vec::new();
    for array in &config.arrays {
        let numbers = members.entry(array.name.get_ref().clone()).or_default();
        for provider in &config.providers {
            let name = provider.name.get_ref();
            if !array
                .providers
                .iter()
                .any(|listed| listed.get_ref() == name)
            {
                continue;
            }
            match Array::read_identity(open_provider(provider)?.as_ref()).await {
                Ok(Some(sealed)) => {
                    let record = IdentityRecord::open(key, &sealed).with_context(|| {
                        format!("the provider {name} does not open with this recovery key")
                    })?;
                    numbers.insert(name.clone(), record.member);
                }
                Ok(None) => silent.push(format!("{name}: it has no identity record")),
                Err(error) => silent.push(format!("{name}: {error}")),
            }
        }
        // Members that do not answer keep what numbers are left, in the order of the file.
        for provider in &array.providers {
            let name = provider.get_ref();
            if !numbers.contains_key(name) {
                let free = (1..=u16::MAX).find(|n| !numbers.values().any(|used| used == n));
                numbers.insert(name.clone(), free.context("no member number is left")?);
            }
        }
    }
    Ok((members, silent))
}
