//! Composition: from a configuration to running components.

use std::sync::Arc;

use anyhow::{Context, Result};
use dolium_array::{Array, ArraySettings, Member, MemberId, SpoolSettings};
use dolium_block::MasterKey;
use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, SealingKey};
use dolium_provider::{Provider, ProviderSettings};
use dolium_store::{Store, StoreParts, StoreSettings, shard_key};
use dolium_swift::TokenKey;

use crate::config::{CatalogConfig, Config, DegradedWrites, Prices};
use crate::data_dir::DataDir;
use crate::roster::{self, Document, MemberRoster, Roster};

/// What a server runs on.
#[derive(Clone)]
pub(crate) struct Components {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) token_key: TokenKey,
    pub(crate) roster: Roster,
    pub(crate) prices: Prices,
    pub(crate) data_dir: DataDir,
}

/// Opens everything. Providers that are new are created and claimed.
pub(crate) async fn compose(config: &Config, dir: &DataDir, key: MasterKey) -> Result<Components> {
    let catalog = open_catalog(config, dir)?;
    let (document, arrays) = roster::agree(config, dir, &catalog, &key).await?;
    let store = open_store(config, catalog.clone(), arrays, &key).await?;
    Ok(Components {
        identity: identity(catalog.clone(), &key),
        token_key: TokenKey::from_bytes(key.subkey("token").as_bytes()),
        roster: Roster::new(catalog, key, store.clone(), document.epoch),
        prices: config.prices.clone(),
        store,
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
        care: config.care.settings(),
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

/// Opens the drivers and arrays of a configuration and a roster. Nothing is contacted yet. With a data
/// directory, shards that a provider does not take wait there.
pub(crate) fn open_arrays(
    config: &Config,
    document: &Document,
    key: &MasterKey,
    spool_in: Option<&DataDir>,
) -> Result<Vec<Arc<Array>>> {
    let mut arrays = Vec::new();
    for array in &config.arrays {
        let name = array.name.get_ref().clone();
        let roster = &document.arrays[&name];
        let mut members = Vec::new();
        for (member, row) in &roster.members {
            members.push(Member {
                id: MemberId(row.number),
                name: member.clone(),
                provider: provider_of(config, member, row, key)?,
            });
        }
        members.sort_by_key(|member| member.id);
        let layout = roster.layout.parse()?;
        let mut settings = ArraySettings::new(name.clone(), layout, members, shard_key(key));
        let draining = roster.members.values().filter(|row| row.draining);
        settings.draining = draining.map(|row| MemberId(row.number)).collect();
        settings.allow_degraded_writes = array.degraded_writes == DegradedWrites::Allow;
        let spool = spool_in.filter(|_| config.limits.spool_mib > 0);
        settings.spool = spool.map(|dir| SpoolSettings {
            dir: dir.spool(&name),
            bytes_max: config.limits.spool_mib << 20,
        });
        arrays.push(Arc::new(Array::new(settings)?));
    }
    Ok(arrays)
}

fn provider_of(
    config: &Config,
    name: &str,
    row: &MemberRoster,
    key: &MasterKey,
) -> Result<Arc<dyn Provider>> {
    if let Some(sealed) = &row.sealed {
        let settings = roster::unseal(key, sealed)?;
        return dolium_provider::open(&settings).with_context(|| format!("provider {name}"));
    }
    let mut configured = config.providers.iter();
    let configured = configured.find(|provider| provider.name.get_ref() == name);
    open_provider(configured.with_context(|| format!("the configuration does not name {name}"))?)
}

pub(crate) fn open_provider(config: &crate::config::ProviderConfig) -> Result<Arc<dyn Provider>> {
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
