//! A request as a policy judges it, and the values of condition keys in it.
//!
//! Policies and requests come from strangers, who may fit them to each other so that comparing takes
//! long. So each judgement has a number of steps, and a request that needs more is denied.

use std::borrow::Cow;
use std::cell::Cell;

use crate::action::Action;
use crate::context::Context;
use crate::policy::key::{Derived, Key};
use crate::requester::{Requester, padded_account};

/// What condition keys say of a requester who did not sign.
pub(super) const ANONYMOUS: &str = "anonymous";

/// The most steps of one judgement, about a character compared each. The longest policy over a long
/// key needs a tenth.
const STEPS_MAX: usize = 10_000_000;

/// A request as a policy judges it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Who asks; `None` is anonymous.
    pub who: Option<Requester<'a>>,
    /// What is asked for.
    pub action: Action,
    /// The bucket.
    pub bucket: &'a str,
    /// The object's key; ignored for actions on the bucket.
    pub key: Option<&'a str>,
    /// What the request says about itself.
    pub context: &'a Context,
    /// The number of the account that owns the bucket.
    pub resource_account: &'a str,
}

/// A request while it is judged.
#[derive(Clone, Debug)]
pub(super) struct Facts<'a> {
    pub(super) request: Judged<'a>,
    steps: Cell<usize>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(request: Judged<'a>) -> Self {
        Self {
            request,
            steps: Cell::new(STEPS_MAX),
        }
    }

    /// Pays for work. `None` when nothing is left to pay with.
    pub(super) fn spend(&self, steps: usize) -> Option<()> {
        let left = self.steps.get().saturating_sub(steps);
        self.steps.set(left);
        (left > 0).then_some(())
    }

    /// How many steps are left.
    pub(super) fn steps_left(&self) -> usize {
        self.steps.get()
    }

    /// What the action is done to, without the ARN's head: `bucket` or `bucket/key`.
    pub(super) fn resource(&self) -> String {
        let Judged {
            action,
            bucket,
            key,
            ..
        } = self.request;
        match key {
            Some(key) if action.is_on_object() => format!("{bucket}/{key}"),
            _ => bucket.to_owned(),
        }
    }

    /// The values of a condition key; `None` when the request has none.
    pub(super) fn values(&self, key: &Key) -> Option<Vec<Cow<'_, str>>> {
        if let Some(derived) = key.derived() {
            return self.derived(derived).map(|value| vec![value]);
        }
        let values = self.request.context.get(key.name())?;
        Some(values.iter().map(|v| Cow::Borrowed(v.as_str())).collect())
    }

    fn derived(&self, derived: Derived) -> Option<Cow<'_, str>> {
        let anonymous = Cow::Borrowed(ANONYMOUS);
        match derived {
            Derived::ResourceAccount => {
                Some(Cow::Owned(padded_account(self.request.resource_account)))
            }
            Derived::PrincipalType => Some(match self.request.who {
                Some(_) => Cow::Borrowed("User"),
                None => Cow::Borrowed("Anonymous"),
            }),
            Derived::UserId => Some(match &self.request.who {
                Some(who) => Cow::Borrowed(who.canonical_id),
                None => anonymous,
            }),
            Derived::PrincipalAccount => Some(match &self.request.who {
                Some(who) => Cow::Owned(padded_account(who.account)),
                None => anonymous,
            }),
            Derived::UserName => self.request.who.as_ref().map(|who| Cow::Borrowed(who.name)),
            Derived::PrincipalArn => self.request.who.as_ref().map(|who| Cow::Owned(who.arn())),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const ANN: Requester<'static> = Requester {
        canonical_id: "ann-id",
        name: "ann",
        account: "42",
        account_name: "family",
    };

    pub(crate) fn facts<'a>(who: Option<Requester<'a>>, context: &'a Context) -> Facts<'a> {
        Facts::new(Judged {
            who,
            action: Action::GetObject,
            bucket: "photos",
            key: Some("a/b.jpg"),
            context,
            resource_account: "7",
        })
    }

    #[test]
    fn who_asks_is_not_for_the_request_to_say() {
        let mut context = Context::new();
        for key in ["aws:username", "aws:userid", "aws:PrincipalArn"] {
            context.set(key, "eve");
        }
        context.set("aws:PrincipalAccount", "1");
        let value = |who, key| {
            let key = Key::parse(key).expect("is a key");
            let facts = facts(who, &context);
            facts.values(&key).map(|values| values.concat())
        };
        let table = [
            ("aws:username", Some("ann"), None),
            ("aws:userid", Some("ann-id"), Some("anonymous")),
            (
                "aws:PrincipalAccount",
                Some("000000000042"),
                Some("anonymous"),
            ),
            (
                "aws:PrincipalArn",
                Some("arn:aws:iam::000000000042:user/ann"),
                None,
            ),
            ("aws:PrincipalType", Some("User"), Some("Anonymous")),
            (
                "s3:ResourceAccount",
                Some("000000000007"),
                Some("000000000007"),
            ),
            ("s3:prefix", None, None),
        ];
        for (key, signed, unsigned) in table {
            assert_eq!(value(Some(ANN), key).as_deref(), signed, "{key}");
            assert_eq!(value(None, key).as_deref(), unsigned, "{key}");
        }
    }

    #[test]
    fn steps_run_out() {
        let context = Context::new();
        let facts = facts(None, &context);
        assert_eq!(facts.spend(STEPS_MAX - 1), Some(()));
        assert_eq!(facts.spend(usize::MAX), None);
        assert_eq!(facts.spend(0), None);
        assert_eq!(facts.steps_left(), 0);
    }

    #[test]
    fn resources() {
        let context = Context::new();
        let mut facts = facts(None, &context);
        assert_eq!(facts.resource(), "photos/a/b.jpg");
        facts.request.action = Action::ListBucket;
        assert_eq!(facts.resource(), "photos");
    }
}
