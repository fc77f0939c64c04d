//! The array itself: its members, its secrets, and the small operations on all members.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dolium_provider::{BlobName, Payload, Provider};
use futures::future::join_all;
use tokio::sync::broadcast;

use crate::member::{Peer, Traffic};
use crate::shard::{Codes, ShardKeys};
use crate::{
    ArraySettings, BlobId, Error, ErrorKind, Layout, Member, MemberId, MemberStatus, Result,
    Timeouts,
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
    pub(crate) layout: Layout,
    pub(crate) peers: Vec<Arc<Peer>>,
    pub(crate) keys: ShardKeys,
    pub(crate) codes: Codes,
    pub(crate) allow_degraded_writes: bool,
    pub(crate) timeouts: Timeouts,
    suspects: broadcast::Sender<Suspect>,
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            name,
            layout,
            peers,
            ..
        } = &*self.inner;
        write!(f, "Array({name:?}, {layout}, {} members)", peers.len())
    }
}

impl Array {
    /// Makes an array. Nothing is contacted yet.
    pub fn new(settings: ArraySettings) -> Result<Self> {
        let layout = settings.layout.validated()?;
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "array settings", why);
        let (members, name) = (&settings.members, &settings.name);
        let ids: BTreeSet<MemberId> = members.iter().map(|member| member.id).collect();
        if ids.len() != members.len() {
            return Err(invalid(format!("{name}: two members have one number")));
        }
        if members.len() < usize::from(layout.shards()) {
            let (want, got) = (layout.shards(), members.len());
            return Err(invalid(format!(
                "{name}: {layout} needs {want} providers, there are {got}"
            )));
        }
        let peer = |member| Arc::new(Peer::new(member, settings.timeouts.cool_down));
        let inner = Inner {
            name: settings.name,
            layout,
            peers: settings.members.into_iter().map(peer).collect(),
            keys: ShardKeys::new(&settings.shard_key),
            codes: Codes::default(),
            allow_degraded_writes: settings.allow_degraded_writes,
            timeouts: settings.timeouts,
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
        self.inner.layout
    }

    /// The members, in the order of the settings.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.inner.peers.iter().map(|peer| &peer.member)
    }

    /// How each member is doing.
    pub fn status(&self) -> Vec<MemberStatus> {
        self.inner.peers.iter().map(|peer| peer.status()).collect()
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
        join_all(self.inner.peers.iter().map(prepare)).await
    }

    /// Replaces the identity record that a member keeps: the caller's sealed bytes.
    pub async fn put_identity(&self, member: MemberId, bytes: Bytes) -> Result<()> {
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
        let replace = async {
            provider.delete(&name).await?;
            provider.put(&name, Payload::from(bytes)).await
        };
        peer.probe(
            "identity",
            self.inner.timeouts.write,
            Traffic::None,
            replace,
        )
        .await
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
    pub(crate) fn peer(&self, id: MemberId) -> Option<&Arc<Peer>> {
        self.peers.iter().find(|peer| peer.id() == id)
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
