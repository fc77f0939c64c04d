//! Encryption of single objects, beside the repository's encryption of every block.
//!
//! An object may be encrypted with a key that its client sends with every request and that is never
//! stored (S3 calls it SSE-C), or with a key that the administrator named (SSE-KMS). The bytes are
//! encrypted before they are cut into blocks, with AES-256 in counter mode, so sizes and ranges stay
//! what they are; blocks are authenticated as all blocks are. An object's key is derived from the
//! repository's key, the client's or named one, and a random salt; each part of an upload has a key of
//! its own, derived from that, so no keystream is used twice.
//!
//! Kept in namespace `sealed` of the version: `by` (`repository`, `named:…`, `customer`), `salt`,
//! `check` (tells a wrong key from a right one and nothing else), `segments` (length and salt of each
//! part).
//! Promises: without the client's key nobody, not even with the repository's key, reads the object.
//! Does not: de-duplicate what it encrypts.

use aes::Aes256;
use bytes::{Bytes, BytesMut};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use dolium_block::Subkey;
use dolium_identity::constant_time_eq;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use zeroize::Zeroizing;

use crate::attributes::Attributes;
use crate::settings::Keys;
use crate::{Error, ErrorKind, Reason, Result};

/// The namespace of what an object is encrypted with.
pub(crate) const SEALED: &str = "sealed";
/// Who holds the key.
const BY: &str = "by";
const SALT: &str = "salt";
const CHECK: &str = "check";
const SEGMENTS: &str = "segments";
/// How a part keeps the salt of its segment, among its checksums.
pub(crate) const PART_SALT: &str = "sealed-salt";
const REPOSITORY: &str = "repository";
const CUSTOMER: &str = "customer";
const NAMED: &str = "named:";
/// The namespace of a container's default.
pub(crate) const DEFAULTS: &str = "encryption";
/// Its key.
pub(crate) const DEFAULT: &str = "default";

/// A key that a client sends and nobody stores. Erased from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerKey(Zeroizing<[u8; 32]>);

impl CustomerKey {
    /// Takes a key of 256 bits.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl std::fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerKey(…)")
    }
}

/// What an object is to be encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// The repository's key, as everything is: only said.
    Repository,
    /// A key that the administrator named.
    Named(String),
    /// The client's own key.
    Customer(CustomerKey),
}

/// What a version is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncryptedBy {
    /// The repository's key; the client asked for it.
    Repository,
    /// A named key.
    Named(String),
    /// A client's own key.
    Customer,
}

/// What attributes say a version is encrypted with.
pub(crate) fn encrypted_by(attributes: &Attributes) -> Option<EncryptedBy> {
    let by = attributes.get(SEALED, BY)?;
    Some(match by.strip_prefix(NAMED) {
        Some(name) => EncryptedBy::Named(name.to_owned()),
        None if by == CUSTOMER => EncryptedBy::Customer,
        None => EncryptedBy::Repository,
    })
}

/// The default of a container as attributes keep it; only what needs no client's key.
pub(crate) fn default_of(attributes: &Attributes) -> Option<Encryption> {
    let text = attributes.get(DEFAULTS, DEFAULT)?;
    Some(match text.strip_prefix(NAMED) {
        Some(name) => Encryption::Named(name.to_owned()),
        None => Encryption::Repository,
    })
}

/// The reverse of [`default_of`]; `None` for what cannot be a default.
pub(crate) fn default_text(encryption: &Encryption) -> Option<String> {
    match encryption {
        Encryption::Repository => Some(REPOSITORY.to_owned()),
        Encryption::Named(name) => Some(format!("{NAMED}{name}")),
        Encryption::Customer(_) => None,
    }
}

fn refused(context: &str) -> Error {
    Error::because(ErrorKind::Invalid, Reason::BadKey, context)
}

/// The key of one object, from which its segments' keys come.
pub(crate) struct ObjectKey(Subkey);

impl ObjectKey {
    fn derive(keys: &Keys, encryption: &Encryption, salt: &[u8]) -> Option<Self> {
        let holder = match encryption {
            Encryption::Repository => return None,
            Encryption::Named(name) => keys.object.derive(&[b"named", name.as_bytes()]),
            Encryption::Customer(key) => keys.object.derive(&[b"customer", &key.0[..]]),
        };
        Some(Self(holder.derive(&[b"object", salt])))
    }

    fn check(&self) -> String {
        hex::encode(&self.0.derive(&[b"check"]).as_bytes()[..16])
    }

    fn segment(&self, salt: &str) -> Keystream {
        let key = self.0.derive(&[b"segment", salt.as_bytes()]);
        let (key, start) = (key.as_bytes(), [0u8; 16]);
        Keystream(Ctr128BE::<Aes256>::new(key.into(), &start.into()))
    }
}

/// The keystream of one segment.
pub(crate) struct Keystream(Ctr128BE<Aes256>);

impl Keystream {
    /// Encrypts or decrypts the next bytes.
    pub(crate) fn apply(&mut self, bytes: Bytes) -> Bytes {
        // Bytes that nobody else holds are changed in place.
        let mut bytes = bytes
            .try_into_mut()
            .unwrap_or_else(|bytes| BytesMut::from(&bytes[..]));
        self.0.apply_keystream(&mut bytes);
        bytes.freeze()
    }
}

/// Notes in the attributes of a new object what it is encrypted with; `None` when the bytes stay as
/// they are.
pub(crate) fn begin(
    keys: &Keys,
    encryption: &Encryption,
    attributes: &mut Attributes,
) -> Option<ObjectKey> {
    let by = match encryption {
        Encryption::Customer(_) => CUSTOMER.to_owned(),
        other => default_text(other).unwrap_or_default(),
    };
    attributes.set(SEALED, BY, by);
    let salt = rand::random::<[u8; 16]>();
    let key = ObjectKey::derive(keys, encryption, &salt)?;
    attributes.set(SEALED, SALT, hex::encode(salt));
    attributes.set(SEALED, CHECK, key.check());
    Some(key)
}

/// A fresh segment of an object and the salt to keep of it.
pub(crate) fn segment(key: &ObjectKey) -> (Keystream, String) {
    let salt = hex::encode(rand::random::<[u8; 8]>());
    (key.segment(&salt), salt)
}

/// Notes the segments of a finished object: their lengths and salts.
pub(crate) fn set_segments(attributes: &mut Attributes, segments: &[(u64, String)]) {
    let texts = segments.iter().map(|(len, salt)| format!("{len}:{salt}"));
    let text = texts.collect::<Vec<_>>().join(",");
    attributes.set(SEALED, SEGMENTS, text);
}

/// The key of an object that exists; `None` when its bytes are as they are. Fails when the client's key
/// is missing, wrong, or sent for an object that has none.
pub(crate) fn open(
    keys: &Keys,
    attributes: &Attributes,
    given: Option<&CustomerKey>,
) -> Result<Option<ObjectKey>> {
    let encryption = match (encrypted_by(attributes), given) {
        (Some(EncryptedBy::Customer), Some(key)) => Encryption::Customer(key.clone()),
        (Some(EncryptedBy::Customer), None) => {
            return Err(refused(
                "The object was stored using a form of Server Side Encryption. The correct \
                 parameters must be provided to retrieve the object.",
            ));
        }
        (_, Some(_)) => {
            return Err(refused(
                "The encryption parameters are not applicable to this object.",
            ));
        }
        (Some(EncryptedBy::Named(name)), None) => Encryption::Named(name),
        (Some(EncryptedBy::Repository) | None, None) => return Ok(None),
    };
    let damaged = || {
        let context = "the catalog does not say how the object was encrypted";
        Error::new(ErrorKind::Corrupt, context)
    };
    let salt = attributes.get(SEALED, SALT).map(hex::decode);
    let salt = salt.and_then(std::result::Result::ok).ok_or_else(damaged)?;
    let key = ObjectKey::derive(keys, &encryption, &salt).ok_or_else(damaged)?;
    let check = attributes.get(SEALED, CHECK).ok_or_else(damaged)?;
    if constant_time_eq(key.check().as_bytes(), check.as_bytes()) {
        return Ok(Some(key));
    }
    let context = "the key is not the one that the object was encrypted with";
    Err(Error::because(
        ErrorKind::Invalid,
        Reason::WrongKey,
        context,
    ))
}

/// The plain bytes of a range of an object, from its encrypted ones.
pub(crate) fn plain(
    key: ObjectKey,
    attributes: &Attributes,
    start: u64,
    sealed: BoxStream<'static, Result<Bytes>>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let segments = attributes.get(SEALED, SEGMENTS).unwrap_or_default();
    let mut walk = Walk {
        key,
        segments: parse(segments)?.into_iter(),
        now: None,
    };
    walk.skip(start);
    let opened = sealed
        .map(move |item| item.and_then(|bytes| walk.open(bytes)))
        .flat_map(|item| match item {
            Ok(pieces) => stream::iter(pieces.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        });
    Ok(opened.boxed())
}

fn parse(text: &str) -> Result<Vec<(u64, String)>> {
    let damaged = || Error::new(ErrorKind::Corrupt, "the catalog holds malformed segments");
    let texts = text.split(',').filter(|text| !text.is_empty());
    let segment = |text: &str| {
        let (len, salt) = text.split_once(':').ok_or_else(damaged)?;
        Ok((len.parse().map_err(|_| damaged())?, salt.to_owned()))
    };
    texts.map(segment).collect()
}

/// A place in the segments of an object.
struct Walk {
    key: ObjectKey,
    segments: std::vec::IntoIter<(u64, String)>,
    /// The keystream of the present segment and what is left of it.
    now: Option<(Keystream, u64)>,
}

impl Walk {
    fn skip(&mut self, mut bytes: u64) {
        for (len, salt) in self.segments.by_ref() {
            if bytes < len {
                let mut keystream = self.key.segment(&salt);
                keystream.0.seek(bytes);
                self.now = Some((keystream, len - bytes));
                return;
            }
            bytes -= len;
        }
    }

    fn open(&mut self, mut bytes: Bytes) -> Result<Vec<Bytes>> {
        let mut opened = Vec::with_capacity(1);
        while !bytes.is_empty() {
            let Some((keystream, left)) = self.now.as_mut().filter(|(_, left)| *left > 0) else {
                let Some((len, salt)) = self.segments.next() else {
                    let context = "an encrypted object is longer than its segments";
                    return Err(Error::new(ErrorKind::Corrupt, context));
                };
                self.now = Some((self.key.segment(&salt), len));
                continue;
            };
            let len = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            *left -= len as u64;
            opened.push(keystream.apply(bytes.split_to(len)));
        }
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use dolium_block::MasterKey;
    use futures::TryStreamExt;
    use proptest::prelude::*;

    use super::*;

    fn keys() -> Keys {
        Keys::new(&MasterKey::random())
    }

    fn customer(byte: u8) -> Encryption {
        Encryption::Customer(CustomerKey::new([byte; 32]))
    }

    fn given(encryption: &Encryption) -> Option<&CustomerKey> {
        match encryption {
            Encryption::Customer(key) => Some(key),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn any_range_of_any_segments_comes_back(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..6),
            at in any::<prop::sample::Index>(), cut in 1usize..20, named in any::<bool>(),
        ) {
            let keys = keys();
            let encryption = if named { Encryption::Named("k".into()) } else { customer(7) };
            let mut attributes = Attributes::default();
            let key = begin(&keys, &encryption, &mut attributes).unwrap();
            let (mut sealed, mut segments) = (Vec::new(), Vec::new());
            for part in &parts {
                let (mut keystream, salt) = segment(&key);
                sealed.extend_from_slice(&keystream.apply(Bytes::copy_from_slice(part)));
                segments.push((part.len() as u64, salt));
            }
            set_segments(&mut attributes, &segments);
            let text = parts.concat();
            let start = at.index(text.len());
            let pieces: Vec<_> = sealed[start..].chunks(cut).map(Bytes::copy_from_slice).collect();
            let body = stream::iter(pieces.into_iter().map(Ok)).boxed();
            let key = open(&keys, &attributes, given(&encryption)).unwrap().unwrap();
            let plain = plain(key, &attributes, start as u64, body).unwrap();
            let plain: Vec<Bytes> = futures::executor::block_on(plain.try_collect()).unwrap();
            prop_assert_eq!(plain.concat(), &text[start..]);
        }
    }

    #[test]
    fn keys_must_be_the_right_ones() {
        let keys = keys();
        let mut attributes = Attributes::default();
        begin(&keys, &customer(1), &mut attributes);
        let reason = |key: Option<&CustomerKey>, attributes: &Attributes| {
            open(&keys, attributes, key)
                .err()
                .and_then(|error| error.reason())
        };
        assert_eq!(reason(given(&customer(1)), &attributes), None);
        assert_eq!(
            reason(given(&customer(2)), &attributes),
            Some(Reason::WrongKey)
        );
        assert_eq!(reason(None, &attributes), Some(Reason::BadKey));
        let plain = Attributes::default();
        assert_eq!(reason(given(&customer(1)), &plain), Some(Reason::BadKey));
        assert_eq!(reason(None, &plain), None);
        let other = Keys::new(&MasterKey::random());
        assert!(open(&other, &attributes, given(&customer(1))).is_err());
    }
}
