//! Who keeps the shards of an array now, and how new blobs are cut.
//!
//! A membership never changes; another takes its place. What has begun goes on with the one it began with.
//!
//! Promises: members have numbers of their own; enough of them take new shards for the layout.
//! Does not: move anything: blobs stay as they were written until `care` moves them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::member::Peer;
use crate::{Error, ErrorKind, Layout, Member, MemberId, Result};

/// What an array consists of.
#[derive(Debug, Clone)]
pub struct Shape {
    /// How new blobs are cut.
    pub layout: Layout,
    /// At least as many as the layout has shards, beside those that are being emptied.
    pub members: Vec<Member>,
    /// Members that are being emptied: they are read, and get nothing new.
    pub draining: BTreeSet<MemberId>,
}

/// A shape with the health of its members.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) layout: Layout,
    pub(crate) peers: Vec<Arc<Peer>>,
    draining: BTreeSet<MemberId>,
}

impl Membership {
    /// Checks a shape. Members that `before` has already keep their health.
    pub(crate) fn new(
        name: &str,
        shape: Shape,
        cool_down: Duration,
        before: Option<&Self>,
    ) -> Result<Self> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "array settings", why);
        let layout = shape.layout.validated()?;
        let ids: BTreeSet<MemberId> = shape.members.iter().map(|member| member.id).collect();
        if ids.len() != shape.members.len() {
            return Err(invalid(format!("{name}: two members have one number")));
        }
        let peer = |member: Member| {
            let known = before.and_then(|before| before.peer(member.id));
            match known {
                Some(peer) if peer.is(&member) => Arc::clone(peer),
                _ => Arc::new(Peer::new(member, cool_down)),
            }
        };
        let membership = Self {
            layout,
            peers: shape.members.into_iter().map(peer).collect(),
            draining: shape.draining,
        };
        let (want, got) = (usize::from(layout.shards()), membership.keepers().count());
        if got < want {
            return Err(invalid(format!(
                "{name}: {layout} needs {want} providers that take new data, there are {got}"
            )));
        }
        Ok(membership)
    }

    pub(crate) fn peer(&self, id: MemberId) -> Option<&Arc<Peer>> {
        self.peers.iter().find(|peer| peer.id() == id)
    }

    /// True when a member is to be emptied.
    pub(crate) fn is_draining(&self, id: MemberId) -> bool {
        self.draining.contains(&id)
    }

    /// The members that take new shards.
    pub(crate) fn keepers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers
            .iter()
            .filter(|peer| !self.is_draining(peer.id()))
    }

    /// True when a member is there and takes new shards.
    pub(crate) fn keeps(&self, id: MemberId) -> bool {
        self.peer(id).is_some() && !self.is_draining(id)
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            layout: self.layout,
            members: self.peers.iter().map(|peer| peer.member.clone()).collect(),
            draining: self.draining.clone(),
        }
    }
}
