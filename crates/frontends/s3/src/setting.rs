//! Settings of a bucket that are S3's own: kept as the XML that S3 calls them by.
//!
//! Promises: what was put is what is got, member for member.
//! Does not: interpret or check a setting; each has a module that does.

use dolium_store::access::Action;
use dolium_store::{Attributes, Caller, ContainerName, SettingChange};
use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};
use s3s::{S3ErrorCode, S3Result};

use crate::api::Api;
use crate::error::of_store;
use crate::names::container;

/// The namespace of S3's own settings.
const NAMESPACE: &str = "s3";

/// A setting as text.
pub(crate) fn to_text<T: Serialize>(value: &T) -> S3Result<String> {
    let mut bytes = Vec::with_capacity(256);
    let written = value.serialize(&mut Serializer::new(&mut bytes));
    let text = written.ok().and_then(|()| String::from_utf8(bytes).ok());
    text.ok_or_else(|| {
        tracing::error!("a bucket setting cannot be written as XML");
        S3ErrorCode::InternalError.into()
    })
}

/// The reverse of [`to_text`].
pub(crate) fn of_text<T: for<'a> Deserialize<'a>>(text: &str) -> S3Result<T> {
    T::deserialize(&mut Deserializer::new(text.as_bytes())).map_err(|error| {
        tracing::error!(%error, "a bucket setting is damaged");
        S3ErrorCode::InternalError.into()
    })
}

/// A setting among attributes that were read already.
pub(crate) fn of_attributes<T: for<'a> Deserialize<'a>>(
    attributes: &Attributes,
    key: &str,
) -> S3Result<Option<T>> {
    attributes.get(NAMESPACE, key).map(of_text).transpose()
}

/// Reads a setting for who may do this.
pub(crate) async fn load<T: for<'a> Deserialize<'a>>(
    api: &Api,
    caller: &Caller,
    action: Action,
    bucket: &str,
    key: &'static str,
) -> S3Result<Option<T>> {
    let bucket = container(bucket)?;
    let text = api
        .store
        .setting(caller, action, &bucket, NAMESPACE, key)
        .await
        .map_err(of_store)?;
    text.as_deref().map(of_text).transpose()
}

/// Keeps a setting for who may do this.
pub(crate) async fn save<T: Serialize>(
    api: &Api,
    caller: &Caller,
    action: Action,
    bucket: &str,
    key: &'static str,
    value: &T,
) -> S3Result<()> {
    let text = to_text(value)?;
    let changes = vec![change(key, Some(text))];
    set(api, caller, action, &container(bucket)?, changes).await
}

/// Removes a setting for who may do this.
pub(crate) async fn clear(
    api: &Api,
    caller: &Caller,
    action: Action,
    bucket: &str,
    key: &'static str,
) -> S3Result<()> {
    let changes = vec![change(key, None)];
    set(api, caller, action, &container(bucket)?, changes).await
}

/// Changes several settings at once.
pub(crate) async fn set(
    api: &Api,
    caller: &Caller,
    action: Action,
    bucket: &ContainerName,
    changes: Vec<SettingChange>,
) -> S3Result<()> {
    let done = api.store.set_settings(caller, action, bucket, changes);
    done.await.map_err(of_store)
}

/// The change of one setting, for verbs that change more than settings.
pub(crate) fn change(key: &'static str, value: Option<String>) -> SettingChange {
    SettingChange {
        namespace: NAMESPACE,
        key,
        value,
    }
}
