//! Looking back, and looking closer: listings and settings as of a moment, and listings of what a test lets
//! through.
//!
//! Versions say themselves what a container held. What accounts and containers said of themselves is kept
//! when their user metadata change.
//!
//! Promises: a listing as of a moment reads the versions of what it returns; numbers that would need more than
//! [`COUNTED_MAX`] objects to be counted are not given rather than guessed.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolium_access::Action;
use dolium_catalog::{
    AccountRow, BrowseQuery, ContainerId, ContainerRow, ListItem, PastSettingsRow, ReadTx,
    SettingsKind, UserId, VersionSummary, WriteTx,
};

use super::accounts::known;
use super::loose_blocks::owned_in;
use super::revisions::absent;
use crate::attributes::{Attributes, Namespace};
use crate::caller::Caller;
use crate::clock::now;
use crate::listing::{ListEntry, ListPage};
use crate::names::{AccountName, ContainerName, Instant, ObjectPath, Serial};
use crate::permission::{self, Target, permitted};
use crate::request::Version;
use crate::rows::{decode_attributes, encode_attributes};
use crate::standing::Standing;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

/// Entries of one page, whatever was asked for.
const PAGE_ENTRIES_MAX: usize = 10_000;
/// Objects that are counted for what a container held at a moment.
const COUNTED_MAX: u64 = 100_000;
/// Objects read at a time when they are counted.
const COUNT_PAGE: usize = 1000;
/// Versions of one path that are listed: the newest so many.
const SERIALS_MAX: i64 = 100_000;
/// Objects looked at for the names of their metadata.
const NAMED_MAX: usize = 1000;
/// The namespace whose past is kept.
const USER: &str = "user";

/// What a listing lets through.
pub type BrowseTest = Arc<dyn Fn(&Version) -> bool + Send + Sync>;

/// Which part of a container to look at.
#[derive(Clone, Default)]
pub struct BrowseRequest {
    /// Only paths that start with it.
    pub prefix: String,
    /// Fold paths at the first occurrence after the prefix, but for those that end there.
    pub delimiter: Option<String>,
    /// Strictly after this path or common prefix.
    pub after: Option<String>,
    /// At most so many entries, common prefixes counted.
    pub limit: usize,
    /// Without common prefixes.
    pub objects_only: bool,
    /// As of just before this moment, for owners; `None` is now.
    pub before: Option<Instant>,
    /// What is let through; `None` is everything.
    pub test: Option<BrowseTest>,
}

/// What a container was just before a moment.
#[derive(Clone, Debug, Default)]
pub struct ContainerPast {
    /// Its objects, if they could be counted.
    pub objects: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Its user metadata, in namespace `user`.
    pub attributes: Attributes,
    /// When the newest of what is still known of then was written.
    pub changed: Instant,
}

/// Whose settings are kept.
pub(super) struct Owner {
    kind: SettingsKind,
    id: i64,
    created: i64,
}

impl Owner {
    pub(super) fn account(row: &AccountRow) -> Self {
        Self {
            kind: SettingsKind::Account,
            id: row.id.0,
            created: row.created,
        }
    }

    pub(super) fn container(row: &ContainerRow) -> Self {
        Self {
            kind: SettingsKind::Container,
            id: row.id.0,
            created: row.created,
        }
    }
}

fn user_metadata(attributes: &Attributes) -> Attributes {
    let pairs = attributes.namespace(USER);
    let pairs: Namespace = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut own = Attributes::default();
    own.replace(USER, pairs);
    own
}

/// Keeps the user metadata that settings had and have now, if they changed.
pub(super) fn keep(
    tx: &mut WriteTx<'_>,
    owner: &Owner,
    before: &Attributes,
    after: &Attributes,
) -> Result<()> {
    let (before, after) = (user_metadata(before), user_metadata(after));
    if before == after {
        return Ok(());
    }
    let row = |at: i64, attributes: &Attributes| PastSettingsRow {
        kind: owner.kind,
        owner_id: owner.id,
        at,
        attributes: encode_attributes(attributes),
    };
    if !tx.has_past_settings(owner.kind, owner.id)? {
        tx.keep_settings(&row(owner.created, &before))?;
    }
    Ok(tx.keep_settings(&row(now().0, &after))?)
}

/// The user metadata just before a moment, and since when.
fn settings_at(
    tx: &mut ReadTx<'_>,
    owner: &Owner,
    present: &[u8],
    at: Instant,
) -> Result<(Attributes, Instant)> {
    if let Some(row) = tx.past_settings(owner.kind, owner.id, at.0)? {
        return Ok((decode_attributes(&row.attributes)?, Instant(row.at)));
    }
    if tx.has_past_settings(owner.kind, owner.id)? {
        return Ok((Attributes::default(), Instant(owner.created)));
    }
    let present = user_metadata(&decode_attributes(present)?);
    Ok((present, Instant(owner.created)))
}

impl Store {
    /// A page of objects and common prefixes.
    pub async fn browse(
        &self,
        who: &Caller,
        container: &ContainerName,
        request: BrowseRequest,
    ) -> Result<ListPage> {
        let (who, container) = (who.clone(), container.clone());
        self.look(move |tx| {
            let row = match request.before {
                Some(_) => owned_in(tx, &who, &container)?,
                None => permitted(tx, &who, &container, Action::ListBucket, Target::Container)?,
            };
            let query = BrowseQuery {
                prefix: request.prefix.into_bytes(),
                after: request.after.map(String::into_bytes),
                delimiter: request.delimiter.map(String::into_bytes),
                limit: request.limit.min(PAGE_ENTRIES_MAX),
                objects_only: request.objects_only,
                before: request.before.map(|at| at.0),
            };
            let test = request.test;
            // What cannot be read is let through, so that the listing fails and does not hide it.
            let mut passes = |row: &VersionSummary| match (&test, rows::summary(row.clone(), true))
            {
                (Some(test), Ok(version)) => test(&version),
                _ => true,
            };
            let page = match test {
                Some(_) => tx.browse(row.id, &query, Some(&mut passes))?,
                None => tx.browse(row.id, &query, None)?,
            };
            let mut entries = Vec::with_capacity(page.items.len());
            for item in page.items {
                entries.push(match item {
                    ListItem::Object(object) => ListEntry::Version(rows::summary(*object, true)?),
                    ListItem::Prefix(prefix) => ListEntry::Prefix(text(prefix)?),
                });
            }
            Ok(ListPage {
                entries,
                more: page.more,
            })
        })
        .await
    }

    /// What a container was just before a moment, for its owner. Up to so many objects are counted.
    pub async fn container_at(
        &self,
        who: &Caller,
        name: &ContainerName,
        at: Instant,
        counted: u64,
    ) -> Result<ContainerPast> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let row = owned_in(tx, &who, &name)?;
            if row.created >= at.0 {
                let context = format!("there was no container {name}");
                let reason = Reason::NoSuchContainer;
                return Err(Error::because(ErrorKind::NotFound, reason, context));
            }
            past_of(tx, &row, at, counted.min(COUNTED_MAX))
        })
        .await
    }

    /// What an account held just before a moment, for its owner: each container by name with its policy as it
    /// is now; and the account's own user metadata.
    pub async fn account_at(
        &self,
        who: &Caller,
        name: &AccountName,
        at: Instant,
    ) -> Result<(Attributes, BTreeMap<String, ContainerPast>)> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let (account, _) = known(tx, &who, &name, Standing::Owner)?;
            let present = tx.account_attributes(account.id)?;
            let (attributes, _) = settings_at(tx, &Owner::account(&account), &present, at)?;
            let mut found = BTreeMap::new();
            let mut room = COUNTED_MAX;
            let mut after: Option<Vec<u8>> = None;
            loop {
                let page = tx.containers(account.id, after.as_deref(), COUNT_PAGE as i64)?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                for row in page.iter().filter(|row| row.created < at.0) {
                    let past = past_of(tx, row, at, room)?;
                    room = room.saturating_sub(past.objects.unwrap_or(room));
                    found.insert(text(row.name.clone())?, past);
                }
            }
            Ok((attributes, found))
        })
        .await
    }

    /// The versions of a path with content, the oldest first, with their moments; for who may read the path.
    pub async fn versions_of(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
    ) -> Result<Vec<(Serial, Instant)>> {
        let (who, name, path) = (who.clone(), container.clone(), path.clone());
        self.look(move |tx| {
            let row = permission::find(tx, &who, &name)?;
            let target = Target::Path(path.as_str().as_bytes());
            permission::require(tx, &who, &row, Action::GetObjectVersion, target)?;
            let found = tx.serials(row.id, path.as_str().as_bytes(), SERIALS_MAX)?;
            if found.is_empty() {
                return Err(absent());
            }
            let with_content = found
                .into_iter()
                .rev()
                .filter(|(_, cluster, _)| *cluster != dolium_catalog::Cluster::Deleted);
            Ok(with_content
                .map(|(serial, _, created)| (Serial(serial), Instant(created)))
                .collect())
        })
        .await
    }

    /// When objects of these containers changed last, as far as they ever did.
    pub async fn changed_at(&self, containers: Vec<i64>) -> Result<Vec<Option<Instant>>> {
        self.look(move |tx| {
            let mut found = Vec::with_capacity(containers.len());
            for id in containers {
                let change = tx.last_change(ContainerId(id))?;
                found.push(change.map(|change| Instant(change.at)));
            }
            Ok(found)
        })
        .await
    }

    /// The names of user metadata of a container's objects, of as many objects as are looked at for it; as of
    /// a moment or of now.
    pub async fn names_of_metadata(
        &self,
        who: &Caller,
        container: &ContainerName,
        before: Option<Instant>,
    ) -> Result<Vec<String>> {
        let request = BrowseRequest {
            limit: NAMED_MAX,
            before,
            ..BrowseRequest::default()
        };
        let page = self.browse(who, container, request).await?;
        let mut names = std::collections::BTreeSet::new();
        for entry in page.entries {
            if let ListEntry::Version(version) = entry {
                let user = version.attributes.namespace(USER);
                names.extend(user.map(|(name, _)| name.to_owned()));
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The names by which users are known, as shares have them.
    pub async fn names_of_users(&self, ids: Vec<i64>) -> Result<BTreeMap<i64, String>> {
        self.look(move |tx| {
            let mut names = BTreeMap::new();
            for id in ids {
                if names.contains_key(&id) {
                    continue;
                }
                if let Some(name) = name_of_user(tx, UserId(id))? {
                    names.insert(id, name);
                }
            }
            Ok(names)
        })
        .await
    }
}

fn name_of_user(tx: &mut ReadTx<'_>, id: UserId) -> Result<Option<String>> {
    let Some(user) = tx.user(id)? else {
        return Ok(None);
    };
    let login = tx.login_of_user(id)?;
    if let Some(login) = login.filter(|login| login.role == dolium_catalog::Role::Member) {
        return Ok(Some(dolium_catalog::member_grantee(&login.name)));
    }
    Ok(tx.account(user.account_id)?.map(|account| account.name))
}

fn past_of(
    tx: &mut ReadTx<'_>,
    row: &ContainerRow,
    at: Instant,
    most: u64,
) -> Result<ContainerPast> {
    let owner = Owner::container(row);
    let (attributes, changed) = settings_at(tx, &owner, &row.attributes, at)?;
    let mut past = ContainerPast {
        attributes,
        changed,
        ..ContainerPast::default()
    };
    let mut query = BrowseQuery {
        limit: COUNT_PAGE,
        before: Some(at.0),
        ..BrowseQuery::default()
    };
    let (mut objects, mut bytes) = (0u64, 0u64);
    loop {
        let page = tx.browse(row.id, &query, None)?;
        for item in &page.items {
            if let ListItem::Object(object) = item {
                objects += 1;
                bytes += object.size.max(0) as u64;
                past.changed = past.changed.max(Instant(object.created));
            }
        }
        query.after = page.items.last().map(|item| item.marker().to_vec());
        if !page.more {
            past.objects = Some(objects);
            past.bytes = Some(bytes);
            return Ok(past);
        }
        if objects >= most {
            return Ok(past);
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        let context = "the catalog holds a name that is not text";
        Error::new(ErrorKind::Corrupt, context)
    })
}
