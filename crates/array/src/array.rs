//! The array itself: its members, its secrets, and the small operations on all members.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use dolium_provider::{BlobName, Payload, Provider};
use futures::future::join_all;
use tokio::sync::broadcast;

use crate::member::{Peer, Traffic};
use crate::membership::{Membership, Shape};
use crate::shard::{Codes, ShardKeys};
use crate::siblings::Siblings;
use crate::spool::Spool;
use crate::{
    ArraySettings, BlobId, Error, ErrorKind, Layout, Member, MemberId, MemberStatus, Result,
    SpoolStatus, Timeouts,
};

/// Suspects that wait for a listener; when nobody keeps up the oldest are forgotten, and scrub finds
/// them again.
const SUSPECTS_MAX: usize = 1024;

/// Where a member keeps the identity of its array.
const IDENTITY_NAME: &str = "dolium/identity";
/// Identities are small records; a longer one is not ours.
const IDENTITY_LEN_MAX: u64 = 64 << 10;

/// A shard that a read found missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The blob.
    pub id: BlobId,
    /// Which of its shards.
    pub index: u8,
    /// Who should have it.
    pub member: MemberId,
}

/// Several providers as one. Cloning is cheap; clones share health and events.
#[derive(Clone)]
pub struct Array {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) name: String,
    membership: RwLock<Arc<Membership>>,
    pub(crate) keys: ShardKeys,
    pub(crate) codes: Codes,
    pub(crate) allow_degraded_writes: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) spool: Option<Spool>,
    pub(crate) siblings: Siblings,
    suspects: broadcast::Sender<Suspect>,
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.inner.now();
        let (name, layout, members) = (self.name(), now.layout, now.peers.len());
        write!(f, "Array({name:?}, {layout}, {members} members)")
    }
}

impl Array {
    /// Makes an array. Nothing is contacted yet; the spool, if there is one, is opened.
    pub fn new(settings: ArraySettings) -> Result<Self> {
        let shape = Shape {
            layout: settings.layout,
            members: settings.members,
            draining: settings.draining,
        };
        let cool_down = settings.timeouts.cool_down;
        let membership = Membership::new(&settings.name, shape, cool_down, None)?;
        let inner = Inner {
            name: settings.name,
            membership: RwLock::new(Arc::new(membership)),
            keys: ShardKeys::new(&settings.shard_key),
            codes: Codes::default(),
            allow_degraded_writes: settings.allow_degraded_writes,
            timeouts: settings.timeouts,
            spool: settings.spool.map(Spool::open).transpose()?,
            siblings: Siblings::default(),
            suspects: broadcast::Sender::new(SUSPECTS_MAX),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The array's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// How new blobs are cut.
    pub fn layout(&self) -> Layout {
        self.inner.now().layout
    }

    /// The members, in the order of the settings.
    pub fn members(&self) -> Vec<Member> {
        self.inner.now().shape().members
    }

    /// What the array consists of now.
    pub fn shape(&self) -> Shape {
        self.inner.now().shape()
    }

    /// Gives the array another shape: for what is written from now on. What is stored stays where it is,
    /// and can be read as long as its members are there.
    pub fn reshape(&self, shape: Shape) -> Result<()> {
        let mut membership = self
            .inner
            .membership
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let cool_down = self.inner.timeouts.cool_down;
        let next = Membership::new(self.name(), shape, cool_down, Some(&membership))?;
        *membership = Arc::new(next);
        Ok(())
    }

    /// The array as it would be in another shape: to plan with. It has no spool.
    pub fn in_shape(&self, shape: Shape) -> Result<Self> {
        let Inner {
            name,
            keys,
            allow_degraded_writes,
            timeouts,
            ..
        } = &*self.inner;
        let now = self.inner.now();
        let membership = Membership::new(name, shape, timeouts.cool_down, Some(&now))?;
        let inner = Inner {
            name: name.clone(),
            membership: RwLock::new(Arc::new(membership)),
            keys: keys.clone(),
            codes: Codes::default(),
            allow_degraded_writes: *allow_degraded_writes,
            timeouts: *timeouts,
            spool: None,
            siblings: Siblings::default(),
            suspects: broadcast::Sender::new(1),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What waits on the local disk for members that do not take it.
    pub fn spool_status(&self) -> SpoolStatus {
        let spool = self.inner.spool.as_ref();
        spool.map(Spool::status).unwrap_or_default()
    }

    /// How each member is doing.
    pub fn status(&self) -> Vec<MemberStatus> {
        let now = self.inner.now();
        let status = |peer: &Arc<Peer>| MemberStatus {
            draining: now.is_draining(peer.id()),
            ..peer.status()
        };
        now.peers.iter().map(status).collect()
    }

    /// Shards that reads find missing or damaged, from now on. A slow listener misses the oldest.
    pub fn suspects(&self) -> broadcast::Receiver<Suspect> {
        self.inner.suspects.subscribe()
    }

    /// Creates what members need before their first blob. For new members and repair only: it must
    /// not run at every start, or an unmounted disk would be taken for an empty one.
    pub async fn prepare(&self) -> Vec<(MemberId, Result<()>)> {
        let limit = self.inner.timeouts.read;
        let prepare = |peer: &Arc<Peer>| {
            let peer = Arc::clone(peer);
            async move {
                let provider = &peer.member.provider;
                let call = peer.probe("prepare", limit, Traffic::None, provider.prepare());
                (peer.id(), call.await)
            }
        };
        join_all(self.inner.now().peers.iter().map(prepare)).await
    }

    /// Replaces the identity record that a member keeps: the caller's sealed bytes.
    pub async fn put_identity(&self, member: MemberId, bytes: Bytes) -> Result<()> {
        self.write_identity(member, bytes, true).await
    }

    /// Gives a member that has none its identity record; refused when it has one by now.
    pub async fn claim_identity(&self, member: MemberId, bytes: Bytes) -> Result<()> {
        self.write_identity(member, bytes, false).await
    }

    async fn write_identity(&self, member: MemberId, bytes: Bytes, replace: bool) -> Result<()> {
        let peer = self.inner.peer(member).ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "identity",
                format!("there is no member {member}"),
            )
        })?;
        if bytes.len() as u64 > IDENTITY_LEN_MAX {
            return Err(Error::new(
                ErrorKind::Invalid,
                "identity",
                "longer than 64 KiB",
            ));
        }
        let name = identity_name()?;
        let provider = &peer.member.provider;
        let write = async {
            if replace {
                provider.delete(&name).await?;
            }
            provider.put(&name, Payload::from(bytes)).await
        };
        peer.probe("identity", self.inner.timeouts.write, Traffic::None, write)
            .await
    }

    /// Removes the identity record of a provider that is no member any more.
    pub async fn forget_identity(provider: &dyn Provider) -> Result<()> {
        let deleted = provider.delete(&identity_name()?).await;
        deleted.map_err(|source| Error::of_member(provider.kind(), source))
    }

    /// The identity record that a provider keeps; nothing when it keeps none.
    pub async fn read_identity(provider: &dyn Provider) -> Result<Option<Bytes>> {
        let name = identity_name()?;
        let failed = |source| Error::of_member(provider.kind(), source);
        let len = match provider.head(&name).await {
            Ok(info) => info.len,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        if len > IDENTITY_LEN_MAX {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "identity",
                "longer than 64 KiB",
            ));
        }
        provider.get(&name, 0..len).await.map(Some).map_err(failed)
    }
}

fn identity_name() -> Result<BlobName> {
    BlobName::new(IDENTITY_NAME).map_err(|source| Error::of_member("identity", source))
}

impl Inner {
    /// The membership of now, for one piece of work.
    pub(crate) fn now(&self) -> Arc<Membership> {
        let membership = self
            .membership
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&membership)
    }

    pub(crate) fn peer(&self, id: MemberId) -> Option<Arc<Peer>> {
        self.now().peer(id).cloned()
    }

    /// The name of a member for people, also of one that is no longer there.
    pub(crate) fn name_of(&self, id: MemberId) -> String {
        self.peer(id).map_or_else(
            || format!("former member {id}"),
            |peer| peer.name().to_owned(),
        )
    }

    /// Names and counts a member that does not have what it was given, and tells who listens.
    pub(crate) fn suspect(&self, id: &BlobId, index: u8, peer: &Peer, why: &str) {
        let provider = peer.name();
        tracing::warn!(provider, blob = %id, shard = index, why, "bad shard");
        peer.note_damage(&format!("{provider}: shard {index} of {id}: {why}"));
        // Nobody listening is fine: scrub finds it again.
        let _ = self.suspects.send(Suspect {
            id: id.clone(),
            index,
            member: peer.id(),
        });
    }
}
