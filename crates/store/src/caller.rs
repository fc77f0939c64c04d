//! Who asks.
//!
//! Every verb takes a [`Caller`]: a user or nobody, with the circumstances that policies look at (the
//! address it came from, whether the way was encrypted, what the request says of itself).
//!
//! Promises: a caller without a principal is anonymous and may do only what is open to everybody.
//! Does not: authenticate; a front end hands in a principal that it has verified.

use std::sync::Arc;

use dolium_access::{Context, Requester};
use dolium_catalog::UserId;
use dolium_identity::Principal;

/// The canonical id that objects of nobody carry as their owner, as on AWS.
pub const ANONYMOUS_ID: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// Who asks, and under which circumstances. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    principal: Option<Arc<Principal>>,
    account: String,
    context: Arc<Context>,
}

impl Caller {
    /// A verified user.
    pub fn user(principal: impl Into<Arc<Principal>>) -> Self {
        let principal = principal.into();
        Self {
            account: principal.account_id.to_string(),
            principal: Some(principal),
            context: Arc::default(),
        }
    }

    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Adds the circumstances.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Self {
            context: Arc::new(context),
            ..self
        }
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

    /// Whether an administrator asks, who may do everything.
    pub(crate) fn is_admin(&self) -> bool {
        self.principal().is_some_and(|user| user.admin)
    }

    /// The caller as permissions see it.
    pub(crate) fn requester(&self) -> Option<Requester<'_>> {
        self.principal().map(|user| Requester {
            canonical_id: &user.canonical_id,
            name: &user.name,
            account: &self.account,
            account_name: &user.name,
        })
    }
}

impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self::user(principal)
    }
}
