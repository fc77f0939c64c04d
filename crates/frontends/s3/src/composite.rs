//! The ETag and checksums of an object made of parts.
//!
//! Promises: a full-object CRC is combined from the CRCs of the parts without reading a byte; where a
//! part has none (it was copied), the object has none either, rather than a wrong one.
//! Does not: check sizes and order of parts, the store does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};
use dolium_store::{DigestSet, Digester, Part};

use crate::checksum::{Algorithm, COMPOSITE, FULL_OBJECT};

/// How the checksum of an upload is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// Over which algorithm.
    pub(crate) algorithm: Algorithm,
    /// Over the checksums of the parts instead of the bytes.
    pub(crate) composite: bool,
}

impl Scheme {
    /// The name that S3 has for the kind.
    pub(crate) fn kind(self) -> &'static str {
        if self.composite {
            COMPOSITE
        } else {
            FULL_OBJECT
        }
    }
}

/// The ETag of an object of parts: the MD5 of their MD5s, and their number.
pub(crate) fn etag(parts: &[Part]) -> String {
    etag_of_tags(parts.iter().map(|part| part.etag.as_str()))
}

/// The ETag of an object whose parts have these.
pub(crate) fn etag_of_tags<'a>(tags: impl Iterator<Item = &'a str>) -> String {
    let mut count = 0;
    let mut digester = Digester::new(DigestSet {
        md5: true,
        ..DigestSet::default()
    });
    for tag in tags {
        count += 1;
        match hex::decode(tag) {
            Ok(md5) => digester.update(&md5),
            // Every tag that this front end gives is hexadecimal; another front end's still counts.
            Err(_) => digester.update(tag.as_bytes()),
        }
    }
    let md5 = digester.finish().md5.unwrap_or_default();
    format!("{}-{count}", hex::encode(md5))
}

/// The checksum of an object of parts, base64; `None` when a part lacks it.
pub(crate) fn checksum(scheme: Scheme, parts: &[Part]) -> Option<String> {
    let values: Option<Vec<(Vec<u8>, u64)>> = parts
        .iter()
        .map(|part| Some((part_checksum(scheme.algorithm, part)?, part.size)))
        .collect();
    let values = values?;
    if scheme.composite {
        let mut set = DigestSet::default();
        scheme.algorithm.add_to(&mut set);
        let mut digester = Digester::new(set);
        values.iter().for_each(|(value, _)| digester.update(value));
        let digests = digester.finish();
        let digest = scheme.algorithm.of(&digests)?;
        return Some(format!("{}-{}", BASE64.encode(digest), parts.len()));
    }
    combine(scheme.algorithm, &values).map(|value| BASE64.encode(value))
}

/// The checksum that a part was stored with.
fn part_checksum(algorithm: Algorithm, part: &Part) -> Option<Vec<u8>> {
    let (_, value) = part
        .checksums
        .iter()
        .find(|(name, _)| name == algorithm.name())?;
    algorithm.decode(value).ok()
}

fn combine(algorithm: Algorithm, values: &[(Vec<u8>, u64)]) -> Option<Vec<u8>> {
    let crc = match algorithm {
        Algorithm::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
        Algorithm::Crc32c => CrcAlgorithm::Crc32Iscsi,
        Algorithm::Crc64Nvme => CrcAlgorithm::Crc64Nvme,
        Algorithm::Sha1 | Algorithm::Sha256 => return None,
    };
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let mut values = values.iter();
    let mut whole = number(&values.next()?.0);
    for (value, len) in values {
        whole = checksum_combine(crc, whole, number(value), *len);
    }
    Some(whole.to_be_bytes()[8 - algorithm.len()..].to_vec())
}

/// The longest list of checksums that is kept with an object: listings read it with every object.
const SUMS_LEN_MAX: usize = 8 << 10;

/// The checksums of all parts, `crc32:a,b,c`; `None` when one lacks it or there are too many to keep.
pub(crate) fn sums_text(scheme: Scheme, parts: &[Part]) -> Option<String> {
    let name = scheme.algorithm.name();
    let sum = |part: &Part| {
        let found = part.checksums.iter().find(|(kept, _)| kept == name);
        found.map(|(_, value)| value.clone())
    };
    let sums = parts.iter().map(sum).collect::<Option<Vec<String>>>()?;
    let text = format!("{name}:{}", sums.join(","));
    (text.len() <= SUMS_LEN_MAX).then_some(text)
}

/// Sizes of parts as run lengths, `5242880x9999,123`: kept with the object so that a part can be read
/// by its number.
pub(crate) fn sizes_text(parts: &[Part]) -> String {
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for part in parts {
        match runs.last_mut() {
            Some((size, count)) if *size == part.size => *count += 1,
            _ => runs.push((part.size, 1)),
        }
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(size, count)| {
            if count == 1 {
                size.to_string()
            } else {
                format!("{size}x{count}")
            }
        })
        .collect();
    runs.join(",")
}

/// Reads [`sizes_text`]; `None` for anything else.
pub(crate) fn parse_sizes(text: &str) -> Option<Vec<u64>> {
    let mut sizes = Vec::new();
    for run in text.split(',') {
        let (size, count) = run.split_once('x').unwrap_or((run, "1"));
        let count: usize = count.parse().ok()?;
        if count > (crate::multipart::PART_NUMBER_MAX as usize).saturating_sub(sizes.len()) {
            return None;
        }
        sizes.resize(sizes.len() + count, size.parse().ok()?);
    }
    Some(sizes)
}

#[cfg(test)]
mod tests {
    use dolium_store::Instant;
    use proptest::prelude::*;

    use super::*;

    fn part(number: u32, body: &[u8]) -> Part {
        let all = DigestSet {
            md5: true,
            crc32: true,
            crc32c: true,
            crc64nvme: true,
            sha1: true,
            sha256: true,
        };
        let mut digester = Digester::new(all);
        digester.update(body);
        let digests = digester.finish();
        let checksums = Algorithm::ALL
            .iter()
            .map(|a| (a.name().to_owned(), BASE64.encode(a.of(&digests).unwrap())))
            .collect();
        let etag = hex::encode(digests.md5.unwrap());
        Part {
            number,
            size: body.len() as u64,
            etag,
            checksums,
            created: Instant(0),
        }
    }

    proptest! {
        #[test]
        fn full_object_crcs_equal_those_of_the_whole(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6)) {
            let parts: Vec<Part> = bodies.iter().enumerate().map(|(i, b)| part(i as u32 + 1, b)).collect();
            let whole = part(1, &bodies.concat());
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let combined = checksum(Scheme { algorithm, composite: false }, &parts).unwrap();
                let direct = BASE64.encode(part_checksum(algorithm, &whole).unwrap());
                prop_assert_eq!(combined, direct);
            }
        }

        #[test]
        fn sizes_round_trip(sizes in prop::collection::vec(prop_oneof![Just(5u64), 0u64..9], 1..40)) {
            let parts: Vec<Part> = sizes.iter().map(|size| Part { size: *size, ..part(1, b"") }).collect();
            prop_assert_eq!(parse_sizes(&sizes_text(&parts)), Some(sizes));
        }

        #[test]
        fn hostile_sizes_do_not_panic(text in "[0-9x,]{0,40}") {
            let _ = parse_sizes(&text);
        }
    }

    #[test]
    fn etag_is_the_md5_of_md5s() {
        let parts = [part(1, b"a"), part(2, b"b")];
        // From Python: hashlib.md5(md5(b"a").digest() + md5(b"b").digest()).
        assert_eq!(etag(&parts), "96e024ba2074fe77e8e965ba43a704be-2");
    }

    #[test]
    fn composite_has_the_number_of_parts_and_copied_parts_have_none() {
        let mut parts = vec![part(1, b"a"), part(2, b"b")];
        let scheme = Scheme {
            algorithm: Algorithm::Sha256,
            composite: true,
        };
        assert!(checksum(scheme, &parts).unwrap().ends_with("=-2"));
        parts[1].checksums.clear();
        assert_eq!(checksum(scheme, &parts), None);
    }
}
