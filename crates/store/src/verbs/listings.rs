//! Listings: pages of objects and of versions, in byte order of their paths.

use dolium_access::Action;
use dolium_catalog::{ListItem, ListQuery, VersionListItem, VersionListQuery, VersionMarker};

use crate::caller::Caller;
use crate::listing::{ListEntry, ListPage, ListRequest};
use crate::names::{ContainerName, Selector};
use crate::permission::{Target, permitted};
use crate::place::with_array;
use crate::rows;
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

/// Entries of one page, whatever was asked for.
const PAGE_ENTRIES_MAX: usize = 10_000;

impl Store {
    /// A page of current objects and common prefixes.
    pub async fn list(
        &self,
        who: &Caller,
        container: &ContainerName,
        request: ListRequest,
    ) -> Result<ListPage> {
        let (who, container) = (who.clone(), container.clone());
        self.look(move |tx| {
            let row = permitted(tx, &who, &container, Action::ListBucket, Target::Container)?;
            let query = ListQuery {
                prefix: request.prefix.into_bytes(),
                after: request.after.map(String::into_bytes),
                delimiter: delimiter(request.delimiter),
                limit: request.limit.min(PAGE_ENTRIES_MAX),
                until: request.until.map(String::into_bytes),
                downwards: request.downwards,
                one_level: request.one_level,
            };
            let page = tx.list_live(row.id, &query)?;
            let mut entries = Vec::with_capacity(page.items.len());
            for item in page.items {
                entries.push(match item {
                    ListItem::Object(object) => {
                        ListEntry::Version(with_array(&row, rows::summary(*object, true)?))
                    }
                    ListItem::Prefix(prefix) => ListEntry::Prefix(utf8(prefix)?),
                });
            }
            Ok(ListPage {
                entries,
                more: page.more,
            })
        })
        .await
    }

    /// A page of all versions and common prefixes, within a path from the newest to the oldest unless
    /// downwards.
    pub async fn list_versions(
        &self,
        who: &Caller,
        container: &ContainerName,
        request: ListRequest,
    ) -> Result<ListPage> {
        let (who, container) = (who.clone(), container.clone());
        self.look(move |tx| {
            let row = permitted(
                tx,
                &who,
                &container,
                Action::ListBucketVersions,
                Target::Container,
            )?;
            let after = match request.after {
                None => None,
                Some(after) => {
                    let path = after.into_bytes();
                    let serial = match request.after_version {
                        None | Some(Selector::Current) => None,
                        Some(Selector::Serial(serial)) => Some(serial.0),
                        Some(Selector::Null) => {
                            let null = tx.null_version(row.id, &path)?;
                            let newest = Some(i64::MAX).filter(|_| !request.downwards);
                            null.map(|version| version.serial).or(newest)
                        }
                    };
                    Some(VersionMarker { path, serial })
                }
            };
            let query = VersionListQuery {
                prefix: request.prefix.into_bytes(),
                after,
                delimiter: delimiter(request.delimiter),
                limit: request.limit.min(PAGE_ENTRIES_MAX),
                until: request.until.map(String::into_bytes),
                downwards: request.downwards,
            };
            let page = tx.list_versions(row.id, &query)?;
            let mut entries = Vec::with_capacity(page.items.len());
            for item in page.items {
                entries.push(match item {
                    VersionListItem::Version(item) => {
                        let version = rows::summary(item.version, item.latest)?;
                        ListEntry::Version(with_array(&row, version))
                    }
                    VersionListItem::Prefix(prefix) => ListEntry::Prefix(utf8(prefix)?),
                });
            }
            Ok(ListPage {
                entries,
                more: page.more,
            })
        })
        .await
    }
}

fn delimiter(delimiter: Option<String>) -> Option<Vec<u8>> {
    delimiter
        .filter(|delimiter| !delimiter.is_empty())
        .map(String::into_bytes)
}

/// A common prefix cut within a character has no text form. Delimiters are text, so this means that
/// the catalog holds a path that is not.
fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        Error::new(
            ErrorKind::Corrupt,
            "the catalog holds a path that is not text",
        )
    })
}
