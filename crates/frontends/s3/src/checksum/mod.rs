//! Checksums: what a client claims, what is computed, what is kept.
//!
//! Each request that carries bytes gets a [`Plan`]: which digests to compute and which claims to hold
//! against them. The plan becomes the store's finish hook, which runs after the last byte (when trailers
//! are known) and before anything is committed, so a wrong claim stores nothing.
//! Promises: an object without a claimed checksum gets CRC-64/NVME, as on AWS; claims are compared as
//! bytes, so two base64 spellings are equal.
//! Does not: combine checksums of parts (`composite`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dolium_store::{DigestSet, Digests, Finish, FinishHook, Reason, Version, opaque_tag};
use http::HeaderMap;
use s3s::dto::ChecksumType;
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders};

use crate::error::{refuse, unnamed};
use crate::verdict::Verdict;

/// The namespace of a version's attributes that holds checksums.
pub(crate) const NAMESPACE: &str = "checksum";
/// The key in that namespace that tells `FULL_OBJECT` from `COMPOSITE`.
pub(crate) const TYPE: &str = "type";
/// A checksum over all bytes of an object.
pub(crate) const FULL_OBJECT: &str = "FULL_OBJECT";
/// A checksum over the checksums of parts.
pub(crate) const COMPOSITE: &str = "COMPOSITE";

/// A checksum algorithm of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// CRC-32.
    Crc32,
    /// CRC-32C.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name in attributes: lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The name in the protocol: upper case.
    pub(crate) fn upper(self) -> String {
        self.name().to_ascii_uppercase()
    }

    /// The header and trailer that carry it.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Length of the checksum in bytes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The algorithm of a name in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Adds it to what is computed.
    pub(crate) fn add_to(self, set: &mut DigestSet) {
        match self {
            Self::Crc32 => set.crc32 = true,
            Self::Crc32c => set.crc32c = true,
            Self::Crc64Nvme => set.crc64nvme = true,
            Self::Sha1 => set.sha1 = true,
            Self::Sha256 => set.sha256 = true,
        }
    }

    /// Its value among computed digests.
    pub(crate) fn of(self, digests: &Digests) -> Option<&[u8]> {
        match self {
            Self::Crc32 => digests.crc32.as_ref().map(<[u8; 4]>::as_slice),
            Self::Crc32c => digests.crc32c.as_ref().map(<[u8; 4]>::as_slice),
            Self::Crc64Nvme => digests.crc64nvme.as_ref().map(<[u8; 8]>::as_slice),
            Self::Sha1 => digests.sha1.as_ref().map(<[u8; 20]>::as_slice),
            Self::Sha256 => digests.sha256.as_ref().map(<[u8; 32]>::as_slice),
        }
    }

    /// Parses a claimed value.
    pub(crate) fn decode(self, text: &str) -> S3Result<Vec<u8>> {
        match BASE64.decode(text.trim()) {
            Ok(bytes) if bytes.len() == self.len() => Ok(bytes),
            _ => Err(self.bad_value()),
        }
    }

    fn bad_value(self) -> S3Error {
        let header = self.header();
        // A value that is none matches nothing.
        refuse(
            S3ErrorCode::BadDigest,
            format!("Value for {header} header is invalid."),
        )
    }
}

/// Where the claimed value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Claim {
    Header(Vec<u8>),
    Trailer,
}

/// What the ETag of a body that is stored as it came says of its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Etags {
    /// It is their MD5, as on AWS: about a third of what a large upload costs.
    #[default]
    Md5,
    /// Nothing, unless the client sent `Content-MD5`: a tag of its own for each write, of the form of those of
    /// multipart uploads, which no client takes for an MD5. Bytes are still checked with CRC-64/NVME or what the
    /// client chose.
    Opaque,
}

/// What to compute and what to hold against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    etags: Etags,
    md5: Option<Vec<u8>>,
    claim: Option<(Algorithm, Claim)>,
    keep: Vec<Algorithm>,
}

impl Plan {
    /// Reads the claims of a request. `expected` is what an upload was begun with.
    pub(crate) fn of(headers: &HeaderMap, expected: Option<Algorithm>) -> S3Result<Self> {
        let claim = claim(headers)?;
        if let (Some((given, _)), Some(expected)) = (&claim, expected)
            && *given != expected
        {
            return Err(refuse(
                S3ErrorCode::InvalidRequest,
                format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum \
                     Type: {}",
                    expected.name(),
                    given.name()
                ),
            ));
        }
        let own = claim.as_ref().map(|(algorithm, _)| *algorithm).or(expected);
        let keep = vec![own.unwrap_or(Algorithm::Crc64Nvme)];
        Ok(Self {
            etags: Etags::default(),
            md5: content_md5(headers)?,
            claim,
            keep,
        })
    }

    /// Also computes and keeps this one: parts of an upload begun without an algorithm need
    /// CRC-64/NVME beside what the client chose.
    pub(crate) fn also(mut self, algorithm: Algorithm) -> Self {
        if !self.keep.contains(&algorithm) {
            self.keep.push(algorithm);
        }
        self
    }

    /// Gives such ETags.
    pub(crate) fn tagged(mut self, etags: Etags) -> Self {
        self.etags = etags;
        self
    }

    /// The digests that the hook needs.
    pub(crate) fn digests(&self) -> DigestSet {
        let mut set = DigestSet {
            md5: self.etags == Etags::Md5 || self.md5.is_some(),
            ..DigestSet::default()
        };
        for algorithm in &self.keep {
            algorithm.add_to(&mut set);
        }
        set
    }

    /// The hook that the store runs after the last byte.
    pub(crate) fn hook(self, trailers: Option<TrailingHeaders>, verdict: Verdict) -> FinishHook {
        Box::new(move |digests| {
            self.check(digests, trailers.as_ref()).map_err(|error| {
                let message = error.message().unwrap_or_default().to_owned();
                verdict.stop(error.code().clone(), Reason::DigestMismatch, message)
            })
        })
    }

    fn check(&self, digests: &Digests, trailers: Option<&TrailingHeaders>) -> S3Result<Finish> {
        let md5 = digests.md5.as_ref();
        if let Some(claimed) = &self.md5
            && md5.map(<[u8; 16]>::as_slice) != Some(claimed)
        {
            return Err(refuse(
                S3ErrorCode::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        if let Some((algorithm, claim)) = &self.claim {
            let claimed = match claim {
                Claim::Header(value) => value.clone(),
                Claim::Trailer => trailer(*algorithm, trailers)?,
            };
            if algorithm.of(digests) != Some(claimed.as_slice()) {
                return Err(mismatch(*algorithm));
            }
        }
        let mut checksums = Vec::with_capacity(self.keep.len() + 1);
        for algorithm in &self.keep {
            if let Some(value) = algorithm.of(digests) {
                checksums.push((algorithm.name().to_owned(), BASE64.encode(value)));
            }
        }
        checksums.push((TYPE.to_owned(), FULL_OBJECT.to_owned()));
        Ok(Finish {
            etag: md5.map_or_else(|| opaque_tag(1), hex::encode),
            checksums,
        })
    }
}

/// The refusal of a checksum that does not match.
pub(crate) fn mismatch(algorithm: Algorithm) -> S3Error {
    let name = algorithm.upper();
    refuse(
        S3ErrorCode::BadDigest,
        format!("The {name} you specified did not match what we received."),
    )
}

/// The value of `Content-MD5`.
pub(crate) fn content_md5(headers: &HeaderMap) -> S3Result<Option<Vec<u8>>> {
    let Some(value) = headers.get("content-md5") else {
        return Ok(None);
    };
    match BASE64.decode(value.as_bytes()) {
        Ok(md5) if md5.len() == 16 => Ok(Some(md5)),
        _ => Err(refuse(
            S3ErrorCode::InvalidDigest,
            "The Content-MD5 you specified was invalid.",
        )),
    }
}

fn claim(headers: &HeaderMap) -> S3Result<Option<(Algorithm, Claim)>> {
    let mut found =
        claimed_header(headers)?.map(|(algorithm, value)| (algorithm, Claim::Header(value)));
    if let Some(names) = headers.get("x-amz-trailer") {
        let names = names.to_str().unwrap_or_default();
        for name in names.split(',').map(str::trim) {
            let known = Algorithm::ALL
                .into_iter()
                .find(|a| name.eq_ignore_ascii_case(a.header()));
            let Some(algorithm) = known else {
                let message = "The value specified in the x-amz-trailer header is not supported";
                return Err(refuse(S3ErrorCode::InvalidRequest, message));
            };
            if found.replace((algorithm, Claim::Trailer)).is_some() {
                return Err(too_many());
            }
        }
    }
    if found.is_none() && headers.contains_key("x-amz-sdk-checksum-algorithm") {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
             x-amz-trailer headers were found.",
        ));
    }
    Ok(found)
}

/// The one checksum that headers may claim.
pub(crate) fn claimed_header(headers: &HeaderMap) -> S3Result<Option<(Algorithm, Vec<u8>)>> {
    let claim = claimed_text(headers)?;
    claim
        .map(|(algorithm, text)| Ok((algorithm, algorithm.decode(&text)?)))
        .transpose()
}

/// The one checksum that a completion may claim; it may end in `-` and the number of parts.
pub(crate) fn claimed_of_parts(headers: &HeaderMap) -> S3Result<Option<(Algorithm, Vec<u8>)>> {
    let claim = claimed_text(headers)?;
    claim
        .map(|(algorithm, text)| {
            let value = text
                .split_once('-')
                .map_or(text.as_str(), |(value, _)| value);
            Ok((algorithm, algorithm.decode(value)?))
        })
        .transpose()
}

fn claimed_text(headers: &HeaderMap) -> S3Result<Option<(Algorithm, String)>> {
    let mut found = None;
    for algorithm in Algorithm::ALL {
        let mut values = headers.get_all(algorithm.header()).iter();
        let Some(value) = values.next() else { continue };
        if values.next().is_some() || found.is_some() {
            return Err(too_many());
        }
        let text = value.to_str().map_err(|_| algorithm.bad_value())?;
        found = Some((algorithm, text.to_owned()));
    }
    Ok(found)
}

fn too_many() -> S3Error {
    refuse(
        S3ErrorCode::InvalidRequest,
        "Expecting a single x-amz-checksum- header",
    )
}

fn trailer(algorithm: Algorithm, trailers: Option<&TrailingHeaders>) -> S3Result<Vec<u8>> {
    let read = |headers: &HeaderMap| {
        let value = headers.get(algorithm.header())?.to_str().ok()?;
        Some(algorithm.decode(value))
    };
    let value = trailers.and_then(|trailers| trailers.read(read)).flatten();
    value.unwrap_or_else(|| {
        let message = "The request declared a trailing checksum and ended without it.";
        Err(refuse(unnamed("MalformedTrailerError"), message))
    })
}

/// Whether the checksum of a version is over its bytes or over those of its parts.
pub(crate) fn kind_of(version: &Version) -> Option<ChecksumType> {
    let kind = version.attributes.get(NAMESPACE, TYPE)?;
    Some(kind.to_owned().into())
}

/// Copies kept checksums into the like-named fields of an answer.
macro_rules! fill_checksums {
    ($target:expr, $pairs:expr) => {
        for (name, value) in $pairs {
            let field = match name.as_ref() {
                "crc32" => &mut $target.checksum_crc32,
                "crc32c" => &mut $target.checksum_crc32c,
                "crc64nvme" => &mut $target.checksum_crc64nvme,
                "sha1" => &mut $target.checksum_sha1,
                "sha256" => &mut $target.checksum_sha256,
                _ => continue,
            };
            *field = Some(value.to_string());
        }
    };
}
pub(crate) use fill_checksums;

#[cfg(test)]
mod tests;
