//! Storage services over the network, through OpenDAL.
//!
//! Promises: every attempt of an operation has a time limit, and transient failures are tried again
//! a few times with a growing pause (the limit inside the retry, or a silent peer would end it);
//! a bounded number of operations is under way; errors are classified for the floors above.
//! Does not: create buckets, which is the administrator's act; trust a service to honour
//! `If-None-Match`, or to list in the order of bytes, when the settings say
//! `conditional_put = "false"` or `ordered_list = "false"`.

mod services;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::try_join_all;
use opendal::layers::{ConcurrentLimitLayer, RetryLayer, TimeoutLayer};
use opendal::{Buffer, EntryMode, Metadata, Operator};

use crate::range::{nothing, passes_end};
use crate::settings::Options;
use crate::{
    BlobInfo, BlobName, Capabilities, Error, ErrorKind, ListPage, Payload, Provider, Result, Status,
};
pub(crate) use services::Service;
use services::{CONDITIONAL_PUT, ORDERED_LIST, SERVICES};

/// Time for an operation without a body, in one attempt.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for one transfer: a 16 MiB shard at 2 Mbit/s.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(70);
/// Attempts after the first. Few: the array has other providers to turn to.
const RETRIES_MAX: usize = 3;
/// The first pause between attempts; each doubles.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
/// The longest pause between attempts.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);

/// A provider reached through OpenDAL.
#[derive(Debug)]
pub struct RemoteProvider {
    service: &'static Service,
    operator: Operator,
    atomic_put: bool,
    ordered: bool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind)
    }
}

/// The kinds of services there are.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|service| service.kind)
}

/// The options of a kind.
pub(crate) fn options_of(kind: &str) -> Option<&'static Options> {
    SERVICES
        .iter()
        .find(|service| service.kind == kind)
        .map(|service| &service.options)
}

/// Takes a switch of ours out of the options; on unless the settings say otherwise.
fn switch(options: &mut BTreeMap<String, String>, name: &str) -> Result<bool> {
    match options.remove(name).as_deref() {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => {
            let why = format!("{name} must be \"true\" or \"false\"");
            Err(Error::new(ErrorKind::Invalid, "provider settings", why))
        }
    }
}

/// A way to a service of `kind`, with time limits, retries and a bound on what is under way.
pub(crate) fn connect(
    kind: &str,
    options: BTreeMap<String, String>,
) -> Result<(&'static Service, Operator)> {
    let service = SERVICES
        .iter()
        .find(|service| service.kind == kind)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "provider settings",
                format!("unknown kind {kind:?}"),
            )
        })?;
    // Without its process constructor OpenDAL has no HTTP client, and every call fails. Idempotent.
    opendal::install_default();
    let operator = (service.connect)(options)
        .map_err(|source| failed("provider settings", service.kind, source))?
        .layer(
            TimeoutLayer::new()
                .with_timeout(OPERATION_TIMEOUT)
                .with_io_timeout(TRANSFER_TIMEOUT),
        )
        .layer(
            RetryLayer::new()
                .with_jitter()
                .with_max_times(RETRIES_MAX)
                .with_min_delay(RETRY_DELAY_MIN)
                .with_max_delay(RETRY_DELAY_MAX),
        )
        .layer(ConcurrentLimitLayer::new(service.concurrent_max));
    Ok((service, operator))
}

impl RemoteProvider {
    /// Makes a provider of `kind`. Nothing is contacted yet.
    pub fn open(kind: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = options.clone();
        let conditional_put = switch(&mut options, CONDITIONAL_PUT)?;
        let ordered = switch(&mut options, ORDERED_LIST)?;
        let (service, operator) = connect(kind, options)?;
        let atomic_put = conditional_put && operator.info().capability().write_with_if_not_exists;
        Ok(Self {
            service,
            operator,
            atomic_put,
            ordered: ordered && service.ordered,
        })
    }

    /// Looks first where the service cannot do both at once.
    async fn refuse_existing(&self, name: &BlobName) -> Result<()> {
        match self.head(name).await {
            Ok(_) => Err(Error::new(ErrorKind::AlreadyExists, "put", name.as_str())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Walks a listing into a page; unordered services are read to their end.
    async fn walk(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage> {
        let capability = self.operator.info().capability();
        // Services with directories list a directory; the prefix may end inside a name.
        let base = match prefix.rfind('/') {
            _ if !self.service.directories => prefix,
            Some(slash) => &prefix[..=slash],
            None => "",
        };
        let mut options = opendal::options::ListOptions {
            recursive: true,
            ..Default::default()
        };
        if capability.list_with_start_after && self.ordered {
            options.start_after = after.map(ToString::to_string);
        }
        if capability.list_with_limit && self.ordered {
            options.limit = Some(limit.saturating_add(1).min(PAGE_MAX));
        }
        let failed = |source| failed("list", prefix, source);
        let mut lister = self
            .operator
            .lister_options(base, options)
            .await
            .map_err(failed)?;
        let mut found = BTreeMap::new();
        while let Some(entry) = lister.try_next().await.map_err(failed)? {
            let (path, metadata) = entry.into_parts();
            let Some(name) = BlobName::new(path).ok().filter(|name| {
                metadata.mode() == EntryMode::FILE
                    && name.as_str().starts_with(prefix)
                    && after.is_none_or(|after| name > after)
            }) else {
                continue;
            };
            found.insert(name.clone(), info(name, &metadata));
            if found.len() > limit.saturating_add(1) {
                found.pop_last();
            }
            if self.ordered && found.len() > limit {
                break;
            }
        }
        let more = found.len() > limit;
        Ok(ListPage {
            blobs: found.into_values().take(limit).collect(),
            more,
        })
    }
}

/// Requests of one removal that are made at the same time.
const DELETES_MAX: usize = 8;
/// The most entries that any service returns in one page.
const PAGE_MAX: usize = 1000;

#[async_trait]
impl Provider for RemoteProvider {
    fn kind(&self) -> &'static str {
        self.service.kind
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_put_if_absent: self.atomic_put,
            consistent_list: self.service.consistent_list,
            list_has_md5: false,
            persistent: true,
        }
    }

    async fn prepare(&self) -> Result<()> {
        if self.service.directories {
            let root = self.operator.create_dir("/").await;
            return root.map_err(|source| failed("prepare", "/", source));
        }
        // Buckets carry policies and costs: theirs to create, ours to check.
        self.walk("", None, 1).await.map(drop).map_err(|error| {
            let why = format!("create the bucket or container first: {}", error.context());
            Error::new(error.kind(), "prepare", why)
                .with_status(error.status())
                .with_source(error)
        })
    }

    async fn put(&self, name: &BlobName, body: Payload) -> Result<()> {
        if !self.atomic_put {
            self.refuse_existing(name).await?;
        }
        let options = opendal::options::WriteOptions {
            if_not_exists: self.atomic_put,
            ..Default::default()
        };
        let body = Buffer::from(body.segments().to_vec());
        match self
            .operator
            .write_options(name.as_str(), body, options)
            .await
        {
            Ok(_) => Ok(()),
            Err(source) if source.kind() == opendal::ErrorKind::ConditionNotMatch => {
                let taken = Error::new(ErrorKind::AlreadyExists, "put", name.as_str());
                Err(taken.with_source(source))
            }
            Err(source) => Err(failed("put", name.as_str(), source)),
        }
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let invalid = || passes_end(name, &range);
        if range.start >= range.end {
            return nothing(self, name, &range).await;
        }
        let options = opendal::options::ReadOptions {
            range: range.clone().into(),
            ..Default::default()
        };
        match self.operator.read_options(name.as_str(), options).await {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => Ok(bytes.to_bytes()),
            // Too little may also mean that there is a directory of that name.
            Ok(_) => Err(self.head(name).await.err().unwrap_or_else(invalid)),
            Err(source) => {
                let error = failed("get", name.as_str(), source);
                // A range past the end shows as an error of the service's own, or as too little data,
                // which OpenDAL takes for a broken connection. The length tells.
                let unclear =
                    matches!(error.kind(), ErrorKind::Unexpected | ErrorKind::Unavailable);
                if !unclear {
                    return Err(error);
                }
                match self.head(name).await {
                    Ok(info) if info.len < range.end => Err(invalid()),
                    Err(absent) if absent.kind() == ErrorKind::NotFound => Err(absent),
                    _ => Err(error),
                }
            }
        }
    }

    async fn head(&self, name: &BlobName) -> Result<BlobInfo> {
        let metadata = self.operator.stat(name.as_str()).await;
        let metadata = metadata.map_err(|source| failed("head", name.as_str(), source))?;
        if self.service.directories && metadata.mode() != EntryMode::FILE {
            return Err(Error::new(ErrorKind::NotFound, "head", name.as_str()));
        }
        Ok(info(name.clone(), &metadata))
    }

    async fn list(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage> {
        self.walk(prefix, after, limit).await
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        match self.operator.delete(name.as_str()).await {
            Err(source) if source.kind() == opendal::ErrorKind::NotFound => Ok(()),
            other => other
                .map(drop)
                .map_err(|source| failed("delete", name.as_str(), source)),
        }
    }

    async fn delete_all(&self, names: &[BlobName]) -> Result<()> {
        for names in names.chunks(DELETES_MAX) {
            let deletes: Vec<_> = names.iter().map(|name| self.delete(name)).collect();
            try_join_all(deletes).await?;
        }
        Ok(())
    }
}

fn info(name: BlobName, metadata: &Metadata) -> BlobInfo {
    BlobInfo {
        name,
        len: metadata.content_length(),
        etag: metadata
            .etag()
            .map(|etag| etag.trim_matches('"').to_owned()),
        modified: metadata.last_modified().map(SystemTime::from),
    }
}

/// Classifies what OpenDAL said about `context`.
pub(crate) fn failed(operation: &'static str, context: &str, source: opendal::Error) -> Error {
    use opendal::ErrorKind as Dal;
    let temporary = source.is_temporary() || source.is_persistent();
    let (kind, status) = match source.kind() {
        // OpenDAL's WebDAV does not know what 401 means; it tells the answer as it came.
        Dal::Unexpected if source.to_string().contains("status: 401") => {
            (ErrorKind::Denied, Status::Permanent)
        }
        Dal::NotFound => (ErrorKind::NotFound, Status::Permanent),
        Dal::AlreadyExists => (ErrorKind::AlreadyExists, Status::Permanent),
        Dal::PermissionDenied => (ErrorKind::Denied, Status::Permanent),
        Dal::ConfigInvalid | Dal::RangeNotSatisfied => (ErrorKind::Invalid, Status::Permanent),
        Dal::Unsupported => (ErrorKind::Unsupported, Status::Permanent),
        Dal::RateLimited => (ErrorKind::RateLimited, Status::RateLimited),
        Dal::Conflict | Dal::ConditionNotMatch => (ErrorKind::Conflict, Status::Temporary),
        _ if temporary => (ErrorKind::Unavailable, Status::Temporary),
        _ => (ErrorKind::Unexpected, Status::Permanent),
    };
    Error::new(kind, operation, format!("{context}: {}", source.message()))
        .with_status(status)
        .with_source(source)
}

#[cfg(test)]
mod tests;
