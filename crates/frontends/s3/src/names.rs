//! Buckets, keys and version ids as S3 writes them.
//!
//! Promises: keys are opaque, `a/../b` and `//` are names like any other; what this module lets
//! through is a valid name for the store.
//! Does not: know whether anything of that name exists.

use dolium_store::{
    Condition, ContainerName, ObjectPath, PATH_LEN_MAX, Selector, Serial, Source, Version,
};
use s3s::validation::NameValidation;
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::error::{of_store, refuse};

/// What S3 calls the version written while versioning was off or suspended.
const NULL: &str = "null";
/// Endings that AWS keeps for access points and directory buckets.
const RESERVED_ENDINGS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
/// Beginnings that AWS keeps.
const RESERVED_BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];

/// The naming rules of general purpose buckets.
pub(crate) struct BucketRules;

impl NameValidation for BucketRules {
    fn validate_bucket_name(&self, name: &str) -> bool {
        s3s::path::check_bucket_name(name)
            && !RESERVED_ENDINGS.iter().any(|ending| name.ends_with(ending))
            && !RESERVED_BEGINNINGS
                .iter()
                .any(|beginning| name.starts_with(beginning))
    }
}

/// The container that a bucket is.
pub(crate) fn container(bucket: &str) -> S3Result<ContainerName> {
    if !BucketRules.validate_bucket_name(bucket) {
        return Err(refuse(
            S3ErrorCode::InvalidBucketName,
            "The specified bucket is not valid.",
        ));
    }
    ContainerName::new(bucket).map_err(of_store)
}

/// The path that a key is.
pub(crate) fn path(key: &str) -> S3Result<ObjectPath> {
    if key.len() > PATH_LEN_MAX {
        return Err(refuse(S3ErrorCode::KeyTooLongError, "Your key is too long"));
    }
    // No XML document can carry it, so it could be stored and never be listed.
    if key.contains('\0') {
        return Err(refuse(
            S3ErrorCode::InvalidURI,
            "A key cannot hold a NUL character",
        ));
    }
    ObjectPath::new(key).map_err(of_store)
}

/// The version that a request addresses; absent and empty mean the newest.
pub(crate) fn selector(version_id: Option<&str>) -> S3Result<Selector> {
    match version_id {
        None | Some("") => Ok(Selector::Current),
        Some(NULL) => Ok(Selector::Null),
        Some(text) => parse_serial(text).map(Selector::Serial),
    }
}

fn parse_serial(text: &str) -> S3Result<Serial> {
    let bad =
        || -> S3Error { refuse(S3ErrorCode::InvalidArgument, "Invalid version id specified") };
    let hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !hex {
        return Err(bad());
    }
    let serial = u64::from_str_radix(text, 16).map_err(|_| bad())?;
    i64::try_from(serial).map(Serial).map_err(|_| bad())
}

/// The version that bucket, key and version id address.
pub(crate) fn source_of(bucket: &str, key: &str, version_id: Option<&str>) -> S3Result<Source> {
    Ok(Source {
        container: container(bucket)?,
        path: path(key)?,
        version: selector(version_id)?,
        condition: Condition::default(),
        key: None,
    })
}

/// A serial as a version id.
pub(crate) fn serial_id(serial: Serial) -> String {
    format!("{:016x}", serial.0)
}

/// The version id of a version, as listings show it.
pub(crate) fn version_id(version: &Version) -> String {
    marker_id(version.serial, version.null)
}

/// The version id of a delete marker.
pub(crate) fn marker_id(serial: Serial, null: bool) -> String {
    if null {
        NULL.to_owned()
    } else {
        serial_id(serial)
    }
}

/// The version id that an answer's header carries: none for an unversioned object that was addressed
/// without one.
pub(crate) fn header_version_id(version: &Version, asked: Selector) -> Option<String> {
    (!version.null || asked == Selector::Null).then(|| version_id(version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bucket_rules() {
        for good in ["abc", "a.b-c", "123", "my-bucket", &"a".repeat(63)] {
            assert!(container(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "ab",
            &long,
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            "a..b",
            "192.168.1.1",
            "xn--a",
            "x-s3alias",
        ] {
            assert!(container(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_opaque_within_limits() {
        for good in [
            "../other/key",
            "a//b",
            "/",
            ".",
            "..",
            " ",
            "é",
            "a\nb",
            &"k".repeat(1024),
        ] {
            assert_eq!(path(good).unwrap().as_str(), good);
        }
        let code = |key: &str| path(key).unwrap_err().code().as_str().to_owned();
        assert_eq!(code(&"k".repeat(1025)), "KeyTooLongError");
        assert_eq!(code("a\0b"), "InvalidURI");
        assert_eq!(code(""), "InvalidArgument");
    }

    #[test]
    fn version_ids() {
        assert_eq!(selector(None).unwrap(), Selector::Current);
        assert_eq!(selector(Some("null")).unwrap(), Selector::Null);
        for bad in [
            "1",
            "000000000000000G",
            "ffffffffffffffff",
            "0000000000000001 ",
            "+00000000000001f",
        ] {
            assert!(selector(Some(bad)).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn serials_round_trip(serial in 0i64..) {
            let id = serial_id(Serial(serial));
            prop_assert_eq!(selector(Some(&id)).unwrap(), Selector::Serial(Serial(serial)));
        }
    }
}
