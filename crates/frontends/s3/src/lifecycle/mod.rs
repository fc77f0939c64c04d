//! Lifecycle configurations: between S3's document and the store's rules.
//!
//! The store applies the rules; the document is kept beside them, so that it is returned as it was put,
//! with a name for each rule that came without one.
//!
//! Promises: what AWS refuses is refused with its codes before anything is kept.
//! Does not: end anything, nor know when something ends; the store does.

use std::collections::{BTreeMap, HashSet};

use dolium_store::access::Action;
use dolium_store::{
    Expiration, Filter, NEWER_VERSIONS_MAX, NoncurrentExpiration, NoncurrentTransition,
    RULE_ID_LEN_MAX, RULES_MAX, Rule, Transition, Version, When,
};
use s3s::dto::{
    BucketLifecycleConfiguration, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
    ExpirationStatus, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, PutBucketLifecycleConfigurationInput,
    PutBucketLifecycleConfigurationOutput, Tag, Timestamp, TimestampFormat, TransitionStorageClass,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{not_configured, of_store, refuse};
use crate::escape;
use crate::names::container;
use crate::setting;
use crate::time::{timestamp, to_instant};

/// The setting that keeps the document.
const SETTING: &str = "lifecycle";
/// A day in microseconds: dates are whole ones.
const DAY_US: i64 = 86_400_000_000;

fn malformed(message: &str) -> S3Error {
    refuse(S3ErrorCode::MalformedXML, message)
}

fn invalid(message: impl Into<String>) -> S3Error {
    refuse(S3ErrorCode::InvalidArgument, message)
}

/// GetBucketLifecycleConfiguration.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    let (caller, bucket) = (caller(&request)?, &request.input.bucket);
    let action = Action::GetLifecycleConfiguration;
    let kept: Option<BucketLifecycleConfiguration> =
        setting::load(api, &caller, action, bucket, SETTING).await?;
    let Some(kept) = kept else {
        return not_configured(S3ErrorCode::NoSuchLifecycleConfiguration);
    };
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules: Some(kept.rules),
        ..GetBucketLifecycleConfigurationOutput::default()
    }))
}

/// PutBucketLifecycleConfiguration.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let given = request.input.lifecycle_configuration;
    let mut given = given.ok_or_else(|| malformed("The lifecycle configuration is missing"))?;
    let rules = rules_of(&mut given)?;
    let changes = vec![setting::change(SETTING, Some(setting::to_text(&given)?))];
    let done = api
        .store
        .set_lifecycle(&caller, &name, Some(rules), changes);
    done.await.map_err(of_store)?;
    Ok(S3Response::new(
        PutBucketLifecycleConfigurationOutput::default(),
    ))
}

/// DeleteBucketLifecycle.
pub(crate) async fn delete(
    api: &Api,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let changes = vec![setting::change(SETTING, None)];
    let done = api.store.set_lifecycle(&caller, &name, None, changes);
    done.await.map_err(of_store)?;
    Ok(no_content(DeleteBucketLifecycleOutput {}))
}

/// What `x-amz-expiration` says of a version.
pub(crate) fn expiration_of(version: &Version) -> Option<String> {
    let (at, rule) = version.expiry.as_ref()?;
    let mut date = Vec::with_capacity(32);
    let written = timestamp(*at).format(TimestampFormat::HttpDate, &mut date);
    written.ok()?;
    let (date, rule) = (String::from_utf8_lossy(&date), escape::path(rule));
    Some(format!("expiry-date=\"{date}\", rule-id=\"{rule}\""))
}

/// The rules of a document. Rules without a name get one.
fn rules_of(given: &mut BucketLifecycleConfiguration) -> S3Result<Vec<Rule>> {
    if given.rules.is_empty() || given.rules.len() > RULES_MAX {
        return Err(malformed("A lifecycle configuration has 1 to 1000 rules"));
    }
    name_rules(&mut given.rules)?;
    given.rules.iter().map(rule_of).collect()
}

fn name_rules(rules: &mut [LifecycleRule]) -> S3Result<()> {
    let mut taken: HashSet<String> = HashSet::new();
    for id in rules.iter().filter_map(|rule| rule.id.as_ref()) {
        if id.len() > RULE_ID_LEN_MAX {
            let message = "ID length should not exceed allowed limit of 255";
            return Err(invalid(message));
        }
        if !id.is_empty() && !taken.insert(id.clone()) {
            let message = "Rule ID must be unique. Found same ID for more than one rule";
            return Err(invalid(message));
        }
    }
    let mut names = (1..).map(|n: u32| format!("rule-{n}"));
    for rule in rules {
        if rule.id.as_ref().is_none_or(String::is_empty) {
            rule.id = names.find(|name| !taken.contains(name));
        }
    }
    Ok(())
}

fn rule_of(given: &LifecycleRule) -> S3Result<Rule> {
    let enabled = match given.status.as_str() {
        ExpirationStatus::ENABLED => true,
        ExpirationStatus::DISABLED => false,
        _ => return Err(malformed("The status of a rule is Enabled or Disabled")),
    };
    let rule = Rule {
        id: given.id.clone().unwrap_or_default(),
        enabled,
        filter: filter_of(given)?,
        expiration: given.expiration.as_ref().map(expiration).transpose()?,
        noncurrent: noncurrent(given)?,
        abort_incomplete_days: abort_days(given)?,
        transitions: transitions(given)?,
        noncurrent_transitions: noncurrent_transitions(given)?,
    };
    check_actions(&rule)?;
    Ok(rule)
}

fn check_actions(rule: &Rule) -> S3Result<()> {
    let refused = |message: &str| Err(refuse(S3ErrorCode::InvalidRequest, message));
    let none = rule.expiration.is_none()
        && rule.noncurrent.is_none()
        && rule.abort_incomplete_days.is_none()
        && rule.transitions.is_empty()
        && rule.noncurrent_transitions.is_empty();
    if none {
        return refused("At least one action needs to be specified in a rule");
    }
    let Filter {
        tags,
        larger_than,
        smaller_than,
        ..
    } = &rule.filter;
    let sized = larger_than.is_some() || smaller_than.is_some();
    if rule.abort_incomplete_days.is_some() && (sized || !tags.is_empty()) {
        return refused("AbortIncompleteMultipartUpload cannot be specified with Tags or sizes");
    }
    if rule.expiration == Some(Expiration::LoneMarkers) && (sized || !tags.is_empty()) {
        return refused("ExpiredObjectDeleteMarker cannot be specified with Tags or sizes");
    }
    for transition in &rule.transitions {
        let Some(Expiration::At(expiration)) = rule.expiration else {
            continue;
        };
        let after = match (transition.at, expiration) {
            (When::Days(moved), When::Days(ended)) => ended > moved,
            (When::Date(moved), When::Date(ended)) => ended > moved,
            _ => {
                return refused(
                    "Found mixed 'Date' and 'Days' based Expiration and Transition actions",
                );
            }
        };
        if !after {
            let message = "The Expiration action must be later than the Transition action";
            return Err(invalid(message));
        }
    }
    Ok(())
}

fn filter_of(given: &LifecycleRule) -> S3Result<Filter> {
    match (&given.prefix, &given.filter) {
        (Some(prefix), None) => Ok(Filter {
            prefix: prefix.clone(),
            ..Filter::default()
        }),
        (None, Some(filter)) => filter_of_members(filter),
        _ => Err(malformed("A rule has a Filter or a Prefix")),
    }
}

/// A filter has one member; several are joined by `And`.
fn filter_of_members(given: &LifecycleRuleFilter) -> S3Result<Filter> {
    let members = usize::from(given.and.is_some())
        + usize::from(given.object_size_greater_than.is_some())
        + usize::from(given.object_size_less_than.is_some())
        + usize::from(given.prefix.is_some())
        + usize::from(given.tag.is_some());
    if members > 1 {
        return Err(malformed("A Filter has one member; And joins several"));
    }
    let Some(and) = &given.and else {
        return conjunction(
            given.prefix.as_ref(),
            given.tag.as_slice(),
            (given.object_size_greater_than, given.object_size_less_than),
        );
    };
    let tags = and.tags.as_deref().unwrap_or_default();
    let joined = usize::from(and.prefix.is_some())
        + usize::from(and.object_size_greater_than.is_some())
        + usize::from(and.object_size_less_than.is_some())
        + tags.len();
    if joined < 2 {
        return Err(malformed("And joins two members or more"));
    }
    conjunction(
        and.prefix.as_ref(),
        tags,
        (and.object_size_greater_than, and.object_size_less_than),
    )
}

fn conjunction(
    prefix: Option<&String>,
    tags: &[Tag],
    (larger_than, smaller_than): (Option<i64>, Option<i64>),
) -> S3Result<Filter> {
    let size = |size: i64| {
        u64::try_from(size).map_err(|_| {
            let message = "The object size of a filter must not be negative";
            refuse(S3ErrorCode::InvalidRequest, message)
        })
    };
    let (larger_than, smaller_than) = (
        larger_than.map(size).transpose()?,
        smaller_than.map(size).transpose()?,
    );
    if let (Some(larger), Some(smaller)) = (larger_than, smaller_than)
        && larger >= smaller
    {
        let message = "ObjectSizeLessThan must be greater than ObjectSizeGreaterThan";
        return Err(refuse(S3ErrorCode::InvalidRequest, message));
    }
    let mut filter = Filter {
        prefix: prefix.cloned().unwrap_or_default(),
        tags: BTreeMap::new(),
        larger_than,
        smaller_than,
    };
    for tag in tags {
        let key = tag.key.clone().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| malformed("A tag needs a key"))?;
        let value = tag.value.clone().unwrap_or_default();
        if filter.tags.insert(key, value).is_some() {
            let message = "Duplicate Tag Keys are not allowed.";
            return Err(refuse(S3ErrorCode::InvalidRequest, message));
        }
    }
    Ok(filter)
}

fn expiration(given: &LifecycleExpiration) -> S3Result<Expiration> {
    let lone_markers = given.expired_object_delete_marker == Some(true);
    match (given.days, &given.date, lone_markers) {
        (Some(days), None, false) => {
            let days = positive(days, "'Days' for Expiration action")?;
            Ok(Expiration::At(When::Days(days)))
        }
        (None, Some(date), false) => Ok(Expiration::At(When::Date(midnight(date)?))),
        (None, None, true) => Ok(Expiration::LoneMarkers),
        _ => Err(malformed(
            "An Expiration has Days, Date or ExpiredObjectDeleteMarker",
        )),
    }
}

fn positive(number: i32, what: &str) -> S3Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| *number > 0);
    number.ok_or_else(|| invalid(format!("{what} must be a positive integer")))
}

fn not_negative(number: i32, what: &str) -> S3Result<u32> {
    u32::try_from(number).map_err(|_| invalid(format!("{what} must be nonnegative")))
}

fn midnight(date: &Timestamp) -> S3Result<i64> {
    let at = to_instant(date).0;
    if at.rem_euclid(DAY_US) == 0 {
        Ok(at)
    } else {
        Err(invalid("'Date' must be at midnight GMT"))
    }
}

/// How many newer versions a rule keeps.
fn keep(newer: Option<i32>) -> S3Result<u32> {
    let Some(newer) = newer else { return Ok(0) };
    let newer = positive(newer, "'NewerNoncurrentVersions'")?;
    if newer > NEWER_VERSIONS_MAX {
        let message = "'NewerNoncurrentVersions' must be between 1 and 100";
        return Err(invalid(message));
    }
    Ok(newer)
}

fn noncurrent(given: &LifecycleRule) -> S3Result<Option<NoncurrentExpiration>> {
    let Some(given) = &given.noncurrent_version_expiration else {
        return Ok(None);
    };
    let days = given
        .noncurrent_days
        .ok_or_else(|| malformed("NoncurrentDays is missing"))?;
    let what = "'NoncurrentDays' for NoncurrentVersionExpiration action";
    Ok(Some(NoncurrentExpiration {
        days: positive(days, what)?,
        keep: keep(given.newer_noncurrent_versions)?,
    }))
}

fn abort_days(given: &LifecycleRule) -> S3Result<Option<u32>> {
    let Some(given) = &given.abort_incomplete_multipart_upload else {
        return Ok(None);
    };
    let days = given
        .days_after_initiation
        .ok_or_else(|| malformed("DaysAfterInitiation is missing"))?;
    let what = "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action";
    positive(days, what).map(Some)
}

fn class(given: Option<&TransitionStorageClass>) -> S3Result<String> {
    let class = given.ok_or_else(|| malformed("StorageClass is missing"))?;
    Ok(class.as_str().to_owned())
}

fn transitions(given: &LifecycleRule) -> S3Result<Vec<Transition>> {
    let given = given.transitions.as_deref().unwrap_or_default();
    let one = |given: &s3s::dto::Transition| {
        let at = match (given.days, &given.date) {
            (Some(days), None) => When::Days(not_negative(days, "'Days' for Transition action")?),
            (None, Some(date)) => When::Date(midnight(date)?),
            _ => return Err(malformed("A Transition has Days or Date")),
        };
        let class = class(given.storage_class.as_ref())?;
        Ok(Transition { at, class })
    };
    given.iter().map(one).collect()
}

fn noncurrent_transitions(given: &LifecycleRule) -> S3Result<Vec<NoncurrentTransition>> {
    let given = given.noncurrent_version_transitions.as_deref();
    let one = |given: &s3s::dto::NoncurrentVersionTransition| {
        let days = given
            .noncurrent_days
            .ok_or_else(|| malformed("NoncurrentDays is missing"))?;
        let what = "'NoncurrentDays' for NoncurrentVersionTransition action";
        Ok(NoncurrentTransition {
            days: not_negative(days, what)?,
            keep: keep(given.newer_noncurrent_versions)?,
            class: class(given.storage_class.as_ref())?,
        })
    };
    given.unwrap_or_default().iter().map(one).collect()
}

#[cfg(test)]
mod tests;
