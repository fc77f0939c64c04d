//! Who asks.
//!
//! Every verb takes a [`Caller`]: a user or nobody, with the circumstances that policies look at (the
//! address it came from, whether the way was encrypted, what the request says of itself).
//!
//! Promises: a caller without a principal is anonymous and may do only what is open to everybody.
//! Does not: authenticate; a front end hands in a principal that it has verified.

use std::sync::Arc;

use dolium_access::{Context, Requester};
use dolium_catalog::{AccountId, ContainerId, Role, UserId};
use dolium_identity::Principal;

use crate::names::AccountName;

/// The canonical id that objects of nobody carry as their owner, as on AWS.
pub const ANONYMOUS_ID: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// Who asks, and under which circumstances. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    principal: Option<Arc<Principal>>,
    account: String,
    context: Arc<Context>,
    groups: Arc<[String]>,
    vouched: bool,
    expired: bool,
    pass: Option<Arc<Pass>>,
    link: Option<Arc<(ContainerId, Vec<u8>)>>,
}

/// What somebody who may open a container's doors gave to whoever has it, such as a signed URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The account that it is for.
    pub account: AccountName,
    /// The only container that it is for; `None` is all of the account's.
    pub container: Option<String>,
    /// Whether objects may be read and listed.
    pub read: bool,
    /// Whether objects may be written and deleted.
    pub write: bool,
}

impl Caller {
    /// A verified user.
    pub fn user(principal: impl Into<Arc<Principal>>) -> Self {
        let principal = principal.into();
        // Who only belongs to an account must not pass for its owner anywhere.
        let account = if principal.owns_account() {
            principal.account_id.to_string()
        } else {
            String::new()
        };
        Self {
            account,
            groups: Arc::new([principal.login.clone(), principal.account.clone()]),
            principal: Some(principal),
            ..Self::default()
        }
    }

    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Replaces what lists of grantees may name the user as, where a protocol has other words for its users
    /// than `account:user` and `account`.
    #[must_use]
    pub fn known_as(self, groups: Vec<String>) -> Self {
        Self {
            groups: groups.into(),
            ..self
        }
    }

    /// Adds the circumstances.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Self {
            context: Arc::new(context),
            ..self
        }
    }

    /// Adds the word of a service, which opens the accounts that services keep for users.
    #[must_use]
    pub fn vouched_for(self, service: &Principal) -> Self {
        let vouched = service.role == Role::Service;
        Self { vouched, ..self }
    }

    /// Looks also at objects that have ended and are still there, where the caller owns them.
    #[must_use]
    pub fn seeing_expired(self) -> Self {
        Self {
            expired: true,
            ..self
        }
    }

    /// Adds a pass that a front end has checked.
    #[must_use]
    pub fn with_pass(self, pass: Pass) -> Self {
        Self {
            pass: Some(Arc::new(pass)),
            ..self
        }
    }

    /// Adds a public link that was followed to a path.
    pub(crate) fn by_link(self, container: ContainerId, path: Vec<u8>) -> Self {
        Self {
            link: Some(Arc::new((container, path))),
            ..self
        }
    }

    /// Whether the caller followed a public link to this path.
    pub(crate) fn came_by_link_to(&self, container: ContainerId, path: &[u8]) -> bool {
        let link = self.link.as_deref();
        link.is_some_and(|link| link.0 == container && link.1 == path)
    }

    /// The name by which shares and groups know the user.
    pub fn grantee(&self) -> Option<String> {
        self.principal().and_then(Principal::grantee)
    }

    /// Whether the user owns an account, by being of it or by owning all.
    pub(crate) fn owns(&self, account: AccountId) -> bool {
        self.principal().is_some_and(|user| {
            user.owns_all() || (user.account_id == account && user.owns_account())
        })
    }

    /// The pass, if there is one.
    pub(crate) fn pass(&self) -> Option<&Pass> {
        self.pass.as_deref()
    }

    /// The user, unless the caller is anonymous.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_deref()
    }

    /// The circumstances.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The canonical id of the user, or of nobody.
    pub fn canonical_id(&self) -> &str {
        self.principal()
            .map_or(ANONYMOUS_ID, |user| user.canonical_id.as_str())
    }

    /// The name of the user for people; empty for nobody.
    pub fn display_name(&self) -> &str {
        self.principal()
            .map_or("", |user| user.display_name.as_str())
    }

    /// The user as the author of a version; zero for nobody.
    pub(crate) fn author(&self) -> UserId {
        self.principal().map_or(UserId(0), |user| user.user_id)
    }

    /// Whether one asks who may do everything.
    pub(crate) fn is_admin(&self) -> bool {
        self.principal().is_some_and(Principal::owns_all)
    }

    /// What lists of grantees may name the user as.
    pub(crate) fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether a service has vouched.
    pub(crate) fn is_vouched_for(&self) -> bool {
        self.vouched
    }

    /// Whether objects that have ended are looked for.
    pub(crate) fn sees_expired(&self) -> bool {
        self.expired
    }

    /// The caller as permissions see it.
    pub(crate) fn requester(&self) -> Option<Requester<'_>> {
        self.principal().map(|user| Requester {
            canonical_id: &user.canonical_id,
            name: &user.name,
            account: &self.account,
            account_name: if self.account.is_empty() {
                ""
            } else {
                &user.account
            },
        })
    }
}

impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self::user(principal)
    }
}
