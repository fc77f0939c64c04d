//! Storage classes: S3's word for the array that keeps an object.
//!
//! `STANDARD` is the default array; the others are called as the configuration says. An object on its way from one
//! array to another shows the class that it will have.
//!
//! Promises: a class that there is not is refused, whichever operation names it.
//! Does not: choose arrays or move data; the store does.

use dolium_store::{STANDARD_CLASS, Upload, Version};
use http::HeaderMap;

use crate::api::Api;

/// The header that asks for a class.
const HEADER: &str = "x-amz-storage-class";

/// The class that a request asks for.
pub(crate) fn asked(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(HEADER)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The class of a version.
pub(crate) fn of(api: &Api, version: &Version) -> String {
    api.store.class_of_array(&version.array).to_owned()
}

/// The class of a version as GET and HEAD tell it: AWS leaves the usual one out.
pub(crate) fn told(api: &Api, version: &Version) -> Option<String> {
    Some(of(api, version)).filter(|class| class != STANDARD_CLASS)
}

/// The class of the object that an upload will be.
pub(crate) fn of_upload(api: &Api, upload: &Upload) -> String {
    api.store.class_of_array(&upload.array).to_owned()
}
