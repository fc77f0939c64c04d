//! An object opened once and read in any number of ranges: all of one version.

use std::ops::Range;

use bytes::Bytes;
use dolium_catalog::{ContainerRow, ReadTx, VersionRow};
use futures::stream::BoxStream;

use crate::caller::Caller;
use crate::envelope::{self, CustomerKey};
use crate::permission::ReadAction;
use crate::request::{Source, Version};
use crate::store::Store;
use crate::underway::Ongoing;
use crate::{Error, ErrorKind, Reason, Result, rows, sharing};

/// See the module.
pub struct Opened {
    version: Version,
    pub(super) store: Store,
    pub(super) container: ContainerRow,
    pub(super) row: VersionRow,
    key: Option<CustomerKey>,
    /// The attributes of the account.
    account: Vec<u8>,
    tells_sharing: bool,
    /// Keeps its blocks as long as it is open.
    held: Ongoing,
}

impl Store {
    /// Opens a version for reading; nothing is read yet.
    pub async fn open_object(&self, who: &Caller, source: &Source) -> Result<Opened> {
        let held = self.inner.underway.begin();
        let (container, row, current) = self.open_source(who, source, ReadAction::GET).await?;
        let id = container.account_id;
        let (here, owns) = (container.id, who.owns(id));
        let look = move |tx: &mut ReadTx<'_>| {
            let is_any = sharing::is_any(tx, here)?;
            Ok((tx.account_attributes(id)?, is_any))
        };
        let (account, is_any) = self.look(look).await?;
        let version = rows::version(row.clone(), current)?;
        envelope::open(&self.inner.keys, &version.attributes, source.key.as_ref())?;
        Ok(Opened {
            version,
            store: self.clone(),
            container,
            row,
            key: source.key.clone(),
            account,
            tells_sharing: is_any || !owns,
            held,
        })
    }
}

impl Opened {
    /// The version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The number of its container.
    pub fn container_id(&self) -> i64 {
        self.container.id.0
    }

    /// Whether [`Store::sharing_of`] can have anything to tell of it: an owner whose container shares
    /// nothing need not ask.
    pub fn tells_sharing(&self) -> bool {
        self.tells_sharing
    }

    /// A setting that a protocol keeps of the container or, where that says nothing, of its account.
    pub fn setting(&self, namespace: &str, key: &str) -> Option<String> {
        let of = |attributes: &[u8]| {
            if !rows::mentions(attributes, namespace) {
                return None;
            }
            let attributes = rows::decode_attributes(attributes).ok()?;
            attributes.get(namespace, key).map(str::to_owned)
        };
        of(&self.container.attributes).or_else(|| of(&self.account))
    }

    /// The bytes of a range.
    pub fn read(&self, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        if range.start > range.end || range.end > self.version.size {
            let context = "the range lies outside the object";
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadRange,
                context,
            ));
        }
        let key = self.key.as_ref();
        self.store
            .content(&self.container, &self.row, range, key, self.held.clone())
    }
}
