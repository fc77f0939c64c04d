//! Object lock: the configuration of buckets, retention and legal hold of versions.
//!
//! Promises: what the store refuses is refused with AWS's codes.
//! Does not: enforce anything, the store does.

use dolium_store::{ContainerLock, Instant, LockDefault, LockPeriod, ReadAction, Retention};
use s3s::dto::{
    DefaultRetention, GetObjectLegalHoldInput, GetObjectLegalHoldOutput,
    GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, GetObjectRetentionInput,
    GetObjectRetentionOutput, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockLegalHold,
    ObjectLockLegalHoldStatus, ObjectLockRetention, ObjectLockRetentionMode, ObjectLockRule,
    PutObjectLegalHoldInput, PutObjectLegalHoldOutput, PutObjectLockConfigurationInput,
    PutObjectLockConfigurationOutput, PutObjectRetentionInput, PutObjectRetentionOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::error::{not_configured, of_store, refuse, unnamed};
use crate::guards::{mode_of, word_of};
use crate::names::{container, source_of};
use crate::reading::read_error;
use crate::time::{timestamp, to_instant};

fn malformed(message: &str) -> S3Error {
    refuse(S3ErrorCode::MalformedXML, message)
}

fn lock_mode(mode: Option<&ObjectLockRetentionMode>) -> S3Result<dolium_store::LockMode> {
    mode.and_then(|mode| mode_of(mode.as_str()))
        .ok_or_else(|| malformed("The mode is GOVERNANCE or COMPLIANCE"))
}

/// GetObjectLockConfiguration.
pub(crate) async fn configuration(
    api: &Api,
    request: S3Request<GetObjectLockConfigurationInput>,
) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let lock = api.store.container_lock(&caller, &name).await;
    let Some(lock) = lock.map_err(of_store)? else {
        return not_configured(S3ErrorCode::ObjectLockConfigurationNotFoundError);
    };
    let rule = lock.default.map(|default| {
        let (days, years) = match default.period {
            LockPeriod::Days(days) => (i32::try_from(days).ok(), None),
            LockPeriod::Years(years) => (None, i32::try_from(years).ok()),
        };
        ObjectLockRule {
            default_retention: Some(DefaultRetention {
                days,
                mode: Some(ObjectLockRetentionMode::from_static(word_of(default.mode))),
                years,
            }),
        }
    });
    Ok(S3Response::new(GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
            rule,
        }),
    }))
}

/// PutObjectLockConfiguration.
pub(crate) async fn put_configuration(
    api: &Api,
    request: S3Request<PutObjectLockConfigurationInput>,
) -> S3Result<S3Response<PutObjectLockConfigurationOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let given = request
        .input
        .object_lock_configuration
        .ok_or_else(|| malformed("The configuration is missing"))?;
    let lock = lock_of(&given)?;
    let done = api.store.set_container_lock(&caller, &name, lock).await;
    done.map_err(of_store)?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

fn lock_of(given: &ObjectLockConfiguration) -> S3Result<ContainerLock> {
    let enabled = given.object_lock_enabled.as_ref();
    if enabled.map(ObjectLockEnabled::as_str) != Some(ObjectLockEnabled::ENABLED) {
        return Err(malformed("ObjectLockEnabled must be Enabled"));
    }
    let Some(rule) = &given.rule else {
        return Ok(ContainerLock::default());
    };
    let given = rule
        .default_retention
        .as_ref()
        .ok_or_else(|| malformed("A rule needs its default retention"))?;
    let count = |count: i32| u32::try_from(count).unwrap_or(0);
    let period = match (given.days, given.years) {
        (Some(days), None) => LockPeriod::Days(count(days)),
        (None, Some(years)) => LockPeriod::Years(count(years)),
        _ => return Err(malformed("A default retention has days or years")),
    };
    let mode = lock_mode(given.mode.as_ref())?;
    Ok(ContainerLock {
        default: Some(LockDefault { mode, period }),
    })
}

/// GetObjectRetention.
pub(crate) async fn retention(
    api: &Api,
    request: S3Request<GetObjectRetentionInput>,
) -> S3Result<S3Response<GetObjectRetentionOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    require_lock(api, &source.container).await?;
    let action = ReadAction::RETENTION;
    let version = match api.store.describe(&caller, &source, action).await {
        Ok(version) => version,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    let Some(retention) = version.retention else {
        return not_configured(unnamed("NoSuchObjectLockConfiguration"));
    };
    Ok(S3Response::new(GetObjectRetentionOutput {
        retention: Some(ObjectLockRetention {
            mode: Some(ObjectLockRetentionMode::from_static(word_of(
                retention.mode,
            ))),
            retain_until_date: Some(timestamp(Instant(retention.until))),
        }),
    }))
}

/// PutObjectRetention.
pub(crate) async fn put_retention(
    api: &Api,
    request: S3Request<PutObjectRetentionInput>,
) -> S3Result<S3Response<PutObjectRetentionOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let given = input
        .retention
        .ok_or_else(|| malformed("The retention is missing"))?;
    let retention = match (&given.mode, &given.retain_until_date) {
        (None, None) => None,
        (mode, Some(until)) => Some(Retention {
            mode: lock_mode(mode.as_ref())?,
            until: to_instant(until).0,
        }),
        _ => return Err(malformed("A retention has a mode and a date")),
    };
    let bypass = input.bypass_governance_retention.unwrap_or_default();
    let done = api
        .store
        .set_retention(&caller, &source, retention, bypass)
        .await;
    match done {
        Ok(_) => Ok(S3Response::new(PutObjectRetentionOutput::default())),
        Err(error) => Err(read_error(api, &caller, &source, error).await),
    }
}

/// GetObjectLegalHold.
pub(crate) async fn legal_hold(
    api: &Api,
    request: S3Request<GetObjectLegalHoldInput>,
) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    require_lock(api, &source.container).await?;
    let version = match api.store.describe(&caller, &source, ReadAction::HOLD).await {
        Ok(version) => version,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    Ok(S3Response::new(GetObjectLegalHoldOutput {
        legal_hold: Some(ObjectLockLegalHold {
            status: Some(hold_word(version.hold)),
        }),
    }))
}

/// The word for a legal hold.
pub(crate) fn hold_word(on: bool) -> ObjectLockLegalHoldStatus {
    ObjectLockLegalHoldStatus::from_static(if on {
        ObjectLockLegalHoldStatus::ON
    } else {
        ObjectLockLegalHoldStatus::OFF
    })
}

/// PutObjectLegalHold.
pub(crate) async fn put_legal_hold(
    api: &Api,
    request: S3Request<PutObjectLegalHoldInput>,
) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let status = input.legal_hold.and_then(|hold| hold.status);
    let on = match status.as_ref().map(ObjectLockLegalHoldStatus::as_str) {
        Some(ObjectLockLegalHoldStatus::ON) => true,
        Some(ObjectLockLegalHoldStatus::OFF) => false,
        _ => return Err(malformed("The status of a legal hold is ON or OFF")),
    };
    match api.store.set_legal_hold(&caller, &source, on).await {
        Ok(_) => Ok(S3Response::new(PutObjectLegalHoldOutput::default())),
        Err(error) => Err(read_error(api, &caller, &source, error).await),
    }
}

/// AWS refuses even to look where a bucket has no lock.
async fn require_lock(api: &Api, name: &dolium_store::ContainerName) -> S3Result<()> {
    match api
        .store
        .container_attributes(name)
        .await
        .map_err(of_store)?
    {
        Some((_, attributes)) if attributes.get("lock", "container").is_none() => Err(refuse(
            S3ErrorCode::InvalidRequest,
            "Bucket is missing Object Lock Configuration",
        )),
        _ => Ok(()),
    }
}
