//! The configuration file: plain data that a person types, checked whole before anything starts.
//!
//! Promises: an unknown key is an error with a suggestion; every mistake of meaning is reported at
//! once, with file and line; secrets come from environment variables or files and are never printed.
//! Does not: open anything; see `compose`.

mod check;
mod example;
mod keystone;
mod load;
mod notify;
mod price;
mod secret;

use std::net::SocketAddr;
use std::path::PathBuf;

use dolium_s3::Etags;
use dolium_store::Durability;
use serde::Deserialize;
use toml::Spanned;

pub(crate) use check::not_loopback;
pub(crate) use example::EXAMPLE;
pub(crate) use keystone::KeystoneConfig;
pub(crate) use load::{embedded, load};
pub(crate) use notify::NotifyConfig;
pub(crate) use price::Prices;
pub(crate) use secret::OptionValue;

/// The seconds of a day.
const DAY_SECONDS: u64 = 24 * 3600;

/// Everything a server is configured with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) durability: Durability,
    #[serde(default)]
    pub(crate) listen: Listen,
    #[serde(default)]
    pub(crate) tls: Option<Tls>,
    #[serde(default)]
    pub(crate) s3: S3,
    #[serde(default)]
    pub(crate) swift: Swift,
    #[serde(default)]
    pub(crate) pithos: Pithos,
    #[serde(default)]
    pub(crate) encryption: ObjectEncryption,
    #[serde(default)]
    pub(crate) catalog: CatalogConfig,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) collect: Collect,
    #[serde(default)]
    pub(crate) care: Care,
    #[serde(default)]
    pub(crate) lifecycle: Lifecycle,
    #[serde(default, rename = "provider")]
    pub(crate) providers: Vec<ProviderConfig>,
    #[serde(default, rename = "array")]
    pub(crate) arrays: Vec<ArrayConfig>,
    #[serde(default)]
    pub(crate) notify: Vec<NotifyConfig>,
    /// What services ask for, to estimate what a change costs: by the name of a provider, or by its kind.
    #[serde(default)]
    pub(crate) prices: Prices,
}

/// Where the server listens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// S3.
    pub(crate) s3: SocketAddr,
    /// Everything else over HTTP.
    pub(crate) http: SocketAddr,
    /// Plain HTTP on addresses other than loopback.
    pub(crate) insecure: bool,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            s3: SocketAddr::from(([127, 0, 0, 1], 9000)),
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            insecure: false,
        }
    }
}

/// Certificate and key of both listeners, PEM.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The S3 front end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct S3 {
    /// Domains below which the first label is the bucket.
    pub(crate) domains: Vec<String>,
    pub(crate) region: String,
    /// What ETags of objects that are uploaded are.
    pub(crate) etag: Etags,
    /// Whether requests may be signed with version 2.
    pub(crate) sigv2: bool,
    /// Whether policies of browser forms may be signed with version 2.
    pub(crate) post_sigv2: bool,
    /// Domains below which the first label is a bucket that is shown as a website.
    pub(crate) website_domains: Vec<String>,
    /// Pause between objects of access logs.
    pub(crate) access_log_seconds: u64,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            region: "us-east-1".to_owned(),
            etag: Etags::default(),
            sigv2: false,
            post_sigv2: true,
            website_domains: Vec::new(),
            access_log_seconds: 300,
        }
    }
}

/// The Swift front end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Swift {
    /// Domains below which names of hosts are accounts and containers.
    pub(crate) storage_domains: Vec<String>,
    /// Whether who owns all accounts makes and removes them over Swift too.
    pub(crate) account_management: bool,
    /// A Keystone elsewhere whose tokens are good here too.
    pub(crate) keystone: Option<KeystoneConfig>,
}

impl Default for Swift {
    fn default() -> Self {
        Self {
            storage_domains: Vec::new(),
            account_management: true,
            keystone: None,
        }
    }
}

/// The Pithos+ dialect of the Swift front end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pithos {
    /// Bytes of the blocks of containers made over it, 512 to 4 MiB.
    pub(crate) block_size: Spanned<u32>,
}

impl Default for Pithos {
    fn default() -> Self {
        Self {
            block_size: Spanned::new(0..0, 4 << 20),
        }
    }
}

/// Encryption of single objects, beside the repository's of everything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ObjectEncryption {
    /// Names of keys that clients may choose (S3: `aws:kms` with this key id). They are derived from
    /// the repository's key, so a name must not be forgotten while objects use it.
    pub(crate) keys: Vec<String>,
}

/// Where the catalog lies.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, tag = "engine", rename_all = "lowercase")]
pub(crate) enum CatalogConfig {
    /// A file in the data directory.
    #[default]
    Sqlite,
    /// A PostgreSQL database.
    Postgres {
        /// `postgres://user:password@host:port/database`.
        url: OptionValue,
    },
}

/// Named bounds of buffers and caches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// MiB of blocks on their way into packs, over all streams.
    pub(crate) ingest_mib: usize,
    /// Blocks read ahead of clients, over all streams.
    pub(crate) read_ahead_blocks: usize,
    /// MiB of opened blocks kept for the next reader; 0 keeps none.
    pub(crate) block_cache_mib: usize,
    /// MiB of shards kept on the local disk for providers that do not take them, for each array; 0 keeps none.
    pub(crate) spool_mib: u64,
    /// Connections served at the same time, on each listener.
    pub(crate) connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ingest_mib: 40,
            read_ahead_blocks: 8,
            block_cache_mib: 32,
            spool_mib: 4096,
            connections: 1024,
        }
    }
}

/// When garbage is freed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Collect {
    /// Age in seconds that a block nothing refers to must reach.
    pub(crate) garbage_age_seconds: u64,
    /// Age in seconds that a blob the catalog does not know must reach.
    pub(crate) orphan_age_seconds: u64,
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            garbage_age_seconds: 24 * 3600,
            orphan_age_seconds: 3600,
        }
    }
}

/// How much care arrays get by themselves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Care {
    /// Hours between checks of the listings; 0 for none.
    pub(crate) check_hours: f64,
    /// Days between scrubs, which read everything; 0 for none.
    pub(crate) scrub_days: f64,
    /// GiB that scrubs read a day; 0 for any number.
    pub(crate) scrub_gib_per_day: f64,
    /// MiB a second that scrubs and repairs read; 0 for any number.
    pub(crate) mib_per_second: f64,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            check_hours: 24.0,
            scrub_days: 30.0,
            scrub_gib_per_day: 0.0,
            mib_per_second: 0.0,
        }
    }
}

impl Care {
    /// As the store takes it. What is below 0 or no number is 0.
    pub(crate) fn settings(&self) -> dolium_store::CareSettings {
        let whole = |value: f64, unit: f64| (value.max(0.0) * unit) as u64;
        let span = |value: f64, unit: f64| std::time::Duration::from_secs(whole(value, unit));
        dolium_store::CareSettings {
            check_every: span(self.check_hours, 3600.0),
            scrub_every: span(self.scrub_days, 24.0 * 3600.0),
            scrub_bytes_per_day: whole(self.scrub_gib_per_day, (1u64 << 30) as f64),
            bytes_per_second: whole(self.mib_per_second, (1u64 << 20) as f64),
        }
    }
}

/// How lifecycle rules count.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lifecycle {
    /// The length of a day in seconds; another than 86,400 is for tests.
    pub(crate) day_seconds: u64,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            day_seconds: DAY_SECONDS,
        }
    }
}

/// One storage service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfig {
    pub(crate) name: Spanned<String>,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) options: std::collections::BTreeMap<String, OptionValue>,
}

/// One array.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArrayConfig {
    pub(crate) name: Spanned<String>,
    pub(crate) layout: Spanned<String>,
    pub(crate) providers: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) degraded_writes: DegradedWrites,
    /// The S3 storage class that means this array, where that is not its name.
    pub(crate) storage_class: Option<Spanned<String>>,
}

/// Whether a write may be answered with just enough shards to read it back.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DegradedWrites {
    #[default]
    Allow,
    Refuse,
}
