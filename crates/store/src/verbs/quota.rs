//! Quotas, checked after a change, whose transaction an error undoes.
//!
//! Quotas in bytes count all versions, those in objects the current ones. An account may have some for
//! each array, in namespace `quota` of its attributes; a container may have one for the bytes of its
//! current objects there. What shrinks a container is let through while it holds more than that.

use dolium_catalog::{ContainerRow, WriteTx};

use super::accounts::QUOTA;
use crate::rows::{decode_attributes, mentions};
use crate::{Error, ErrorKind, Reason, Result};

/// The key, in namespace `quota` of a container, of the bytes that its current objects may have.
pub const CURRENT_BYTES: &str = "current-bytes";

fn passed(what: &str) -> Error {
    let context = format!("the quota of the {what} is used up");
    Error::because(ErrorKind::Denied, Reason::QuotaExceeded, context)
}

/// The quota of current bytes, of which clients are told the numbers.
fn check_current(tx: &mut WriteTx<'_>, container: &ContainerRow) -> Result<()> {
    let attributes = decode_attributes(&container.attributes)?;
    let limit = attributes.get(QUOTA, CURRENT_BYTES);
    let Some(limit) = limit.and_then(|limit| limit.parse::<i64>().ok()) else {
        return Ok(());
    };
    let usage = tx.container_state(container.id)?;
    let usage = usage.map_or(0, |state| state.bytes);
    if usage <= limit {
        return Ok(());
    }
    let context = format!("Container quota exceeded: limit: {limit}, usage: {usage}");
    Err(Error::because(
        ErrorKind::Denied,
        Reason::QuotaExceeded,
        context,
    ))
}

/// What more an account that has a quota may be given to keep; `None` is no limit.
pub(super) fn room(tx: &mut WriteTx<'_>, container: &ContainerRow) -> Result<Option<i64>> {
    let account = tx.account(container.account_id)?;
    let Some(quota) = account.and_then(|account| account.quota_bytes) else {
        return Ok(None);
    };
    let used = tx.account_usage(container.account_id)?.version_bytes;
    let loose = tx.uploaded_bytes(container.account_id)?;
    Ok(Some(quota.saturating_sub(used).saturating_sub(loose)))
}

/// That the quota of an account is used up.
pub(super) fn account_passed() -> Error {
    passed("account")
}

/// Fails when the container or its account hold more than they may.
pub(super) fn check(tx: &mut WriteTx<'_>, container: &ContainerRow) -> Result<()> {
    if mentions(&container.attributes, QUOTA) {
        check_current(tx, container)?;
    }
    if container.quota_bytes.is_some() || container.quota_objects.is_some() {
        let state = tx.container_state(container.id)?;
        let passes = |held: i64, quota: Option<i64>| quota.is_some_and(|quota| held > quota);
        let over = state.is_some_and(|state| {
            passes(state.version_bytes, container.quota_bytes)
                || passes(state.objects, container.quota_objects)
        });
        if over {
            return Err(passed("container"));
        }
    }
    let account = tx.account(container.account_id)?;
    if let Some(quota) = account.and_then(|account| account.quota_bytes)
        && tx.account_usage(container.account_id)?.version_bytes > quota
    {
        return Err(passed("account"));
    }
    check_more(tx, container)
}

/// The quotas of an account that are seldom there.
fn check_more(tx: &mut WriteTx<'_>, container: &ContainerRow) -> Result<()> {
    let attributes = tx.account_attributes(container.account_id)?;
    if !mentions(&attributes, QUOTA) {
        return Ok(());
    }
    let attributes = decode_attributes(&attributes)?;
    let array = &container.array_name;
    let quota = |key: &str| attributes.get(QUOTA, key)?.parse::<i64>().ok();
    let usage = tx.usage_by_array(container.account_id)?;
    let objects: i64 = usage.iter().map(|usage| usage.objects).sum();
    let here = usage.iter().find(|usage| usage.array == *array);
    let (here_objects, here_bytes) =
        here.map_or((0, 0), |usage| (usage.objects, usage.version_bytes));
    let over = [
        (objects, quota("objects")),
        (here_objects, quota(&format!("objects/{array}"))),
        (here_bytes, quota(&format!("bytes/{array}"))),
    ];
    if over
        .iter()
        .any(|(held, quota)| quota.is_some_and(|quota| *held > quota))
    {
        return Err(passed("account"));
    }
    Ok(())
}
