//! Object lock: versions that cannot be deleted or replaced before their time.
//!
//! A container that has lock switched on keeps its versions (versioning cannot be suspended). A version
//! may carry a retention, in `governance` (who may bypass it can) or `compliance` mode (nobody can), and
//! a legal hold. Kept in namespace `lock`: on the container `container` (JSON), on versions `retention`
//! (JSON) and `hold`.
//!
//! Promises: nothing that deletes a version (a request, lifecycle, a replaced null version) passes by
//! [`check_delete`]; a compliance retention is never shortened.
//! Does not: trust the clock of a client.

use dolium_access::Action;
use dolium_catalog::{ContainerRow, ReadTx, VersionRow};
use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::clock::now;
use crate::names::Instant;
use crate::permission::{self, Target};
use crate::rows::{decode_attributes, mentions};
use crate::{Error, ErrorKind, Reason, Result};

/// The namespace of locks.
pub(crate) const LOCK: &str = "lock";
/// Its key for a container's lock.
pub(crate) const CONTAINER: &str = "container";
/// Its key for a version's retention.
pub(crate) const RETENTION: &str = "retention";
/// Its key for a version's legal hold.
pub(crate) const HOLD: &str = "hold";
/// What a legal hold that is on says.
pub(crate) const ON: &str = "ON";
/// A day in microseconds.
const DAY: i64 = 86_400_000_000;
/// Days of a year of retention, as on AWS.
const YEAR_DAYS: i64 = 365;
/// The longest retention in days: a hundred years, as on AWS.
const DAYS_MAX: u32 = 36_500;

/// How strict a retention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LockMode {
    /// Who has the permission may bypass it.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Until when a version cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// How strict.
    pub mode: LockMode,
    /// Until when, in microseconds since the epoch.
    pub until: i64,
}

/// How long new versions of a container are retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockPeriod {
    /// So many days.
    Days(u32),
    /// So many years of 365 days.
    Years(u32),
}

/// The retention that new versions of a container get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockDefault {
    /// How strict.
    pub mode: LockMode,
    /// How long.
    pub period: LockPeriod,
}

/// The lock of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLock {
    /// What new versions get.
    pub default: Option<LockDefault>,
}

impl LockPeriod {
    fn days(self) -> Option<u32> {
        let days = match self {
            Self::Days(days) => Some(days),
            Self::Years(years) => years.checked_mul(YEAR_DAYS as u32),
        };
        days.filter(|days| (1..=DAYS_MAX).contains(days))
    }
}

impl ContainerLock {
    /// Refuses a default period that is none.
    pub(crate) fn check(&self) -> Result<()> {
        if self
            .default
            .is_some_and(|default| default.period.days().is_none())
        {
            let context = "the default retention period is 1 day to 100 years";
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadRetentionPeriod,
                context,
            ));
        }
        Ok(())
    }
}

/// The lock of a container, if it has one.
pub(crate) fn of_container(attributes: &Attributes) -> Result<Option<ContainerLock>> {
    read(attributes.get(LOCK, CONTAINER))
}

/// The retention of a version.
pub(crate) fn retention_of(attributes: &Attributes) -> Result<Option<Retention>> {
    read(attributes.get(LOCK, RETENTION))
}

fn read<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Result<Option<T>> {
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|error| {
        let context = format!("the catalog holds a malformed lock: {error}");
        Error::new(ErrorKind::Corrupt, context)
    })
}

/// A lock setting as attributes keep it.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain structs are always JSON")
}

/// Fails unless the container has lock switched on.
pub(crate) fn require(attributes: &Attributes) -> Result<ContainerLock> {
    of_container(attributes)?.ok_or_else(|| {
        let context = "the container has no object lock";
        Error::because(ErrorKind::Invalid, Reason::LockMissing, context)
    })
}

/// Gives a new version the retention of its container, when it states none.
pub(crate) fn apply_default(container: &ContainerRow, attributes: &mut Attributes) -> Result<()> {
    if attributes.get(LOCK, RETENTION).is_some() || !mentions(&container.attributes, LOCK) {
        return Ok(());
    }
    let lock = of_container(&decode_attributes(&container.attributes)?)?;
    let Some(default) = lock.and_then(|lock| lock.default) else {
        return Ok(());
    };
    let days = default.period.days().unwrap_or(DAYS_MAX);
    let retention = Retention {
        mode: default.mode,
        until: now().0.saturating_add(i64::from(days) * DAY),
    };
    attributes.set(LOCK, RETENTION, write(&retention));
    Ok(())
}

/// Refuses a retention that ends in the past.
pub(crate) fn check_new(retention: &Retention) -> Result<()> {
    if retention.until > now().0 {
        return Ok(());
    }
    let context = "the retain until date must be in the future";
    Err(Error::because(
        ErrorKind::Invalid,
        Reason::BadRetention,
        context,
    ))
}

fn locked(context: &str) -> Error {
    Error::because(ErrorKind::Denied, Reason::Locked, context)
}

/// Refuses to delete a version that is retained or held.
pub(crate) fn check_delete(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    version: &VersionRow,
    bypass: bool,
) -> Result<()> {
    let attributes = decode_attributes(&version.meta)?;
    if attributes.get(LOCK, HOLD) == Some(ON) {
        return Err(locked("the version is under legal hold"));
    }
    let retention = retention_of(&attributes)?;
    let Some(retention) = retention.filter(|retention| retention.until > now().0) else {
        return Ok(());
    };
    let may = bypass
        && retention.mode == LockMode::Governance
        && may_bypass(tx, who, container, version)?;
    if may {
        return Ok(());
    }
    Err(locked("the version is retained and cannot be deleted yet"))
}

/// Whether a version may go without anybody asking: lifecycle never goes past a lock.
pub(crate) fn is_free(version: &Attributes, at: Instant) -> Result<bool> {
    let retained = retention_of(version)?.is_some_and(|retention| retention.until > at.0);
    Ok(!retained && version.get(LOCK, HOLD) != Some(ON))
}

/// Refuses to loosen a retention that is in force.
pub(crate) fn check_change(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    version: &VersionRow,
    new: Option<&Retention>,
    bypass: bool,
) -> Result<()> {
    let old = retention_of(&decode_attributes(&version.meta)?)?;
    let Some(old) = old.filter(|old| old.until > now().0) else {
        return Ok(());
    };
    let tighter = new.is_some_and(|new| new.until >= old.until && new.mode == old.mode);
    if tighter {
        return Ok(());
    }
    if old.mode == LockMode::Governance && bypass && may_bypass(tx, who, container, version)? {
        return Ok(());
    }
    Err(locked("the retention cannot be shortened or loosened"))
}

fn may_bypass(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    version: &VersionRow,
) -> Result<bool> {
    let action = Action::BypassGovernanceRetention;
    permission::allows(tx, who, container, action, Target::Version(version))
}
