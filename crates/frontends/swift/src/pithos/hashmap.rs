//! Hash maps as documents: read from clients, written for them.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use dolium_store::{BlockId, Hashmap, Opened};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use crate::body::Bytestream;
use crate::listing::entry::text;

/// The longest document: some 470,000 blocks, which are 1.8 TiB at 4 MiB. A longer object is put together by
/// updates, which need no map.
pub(super) const DOCUMENT_LEN_MAX: usize = 32 << 20;
/// MiB of documents that may be held at a time; what they say takes about three times as much.
const HELD_MIB: u32 = 32;
static HELD: Semaphore = Semaphore::const_new(HELD_MIB as usize);
/// Names of blocks that are written at a time.
const NAMES_AT_A_TIME: usize = 512;

/// Waits until there is room for one more document of this length; one of unknown length may be the longest.
pub(super) async fn room(len: Option<u64>) -> Result<SemaphorePermit<'static>> {
    let shut = |_| Fault::of(http::StatusCode::SERVICE_UNAVAILABLE, "Shutting down");
    let mib = len.map_or(u64::from(HELD_MIB), |len| len.div_ceil(1 << 20));
    let mib = u32::try_from(mib).unwrap_or(HELD_MIB).clamp(1, HELD_MIB);
    HELD.acquire_many(mib).await.map_err(shut)
}

/// A map as a client wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// The map.
    pub(super) map: Hashmap,
    /// What stands for names that no block can have, by what they were written as.
    odd: HashMap<BlockId, String>,
}

impl Document {
    /// Reads a document.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let read: Read = serde_json::from_slice(bytes).map_err(|error| {
            match error.to_string().split_once(BAD_HASH) {
                Some((_, rest)) => {
                    let hash = rest.split(" at line").next().unwrap_or_default();
                    Fault::bad(format!("{BAD_HASH}{hash}"))
                }
                None => Fault::bad("Invalid data formatting"),
            }
        })?;
        Ok(Self {
            map: Hashmap {
                size: read.bytes,
                hashes: read.hashes.names,
            },
            odd: read.hashes.odd,
        })
    }

    /// Names as the client wrote them, as a JSON array.
    pub(super) fn written(&self, names: &[BlockId]) -> String {
        let written: Vec<String> = names
            .iter()
            .map(|name| match self.odd.get(name) {
                Some(odd) => odd.clone(),
                None => name.to_string(),
            })
            .collect();
        serde_json::json!(written).to_string()
    }
}

/// What the complaint about a hash begins with.
const BAD_HASH: &str = "Invalid hash: ";
/// The longest hash that is looked at.
const HASH_LEN_MAX: usize = 256;

struct Read {
    bytes: u64,
    hashes: Hashes,
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Read;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a hash map")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Read, A::Error> {
                let (mut bytes, mut hashes) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "bytes" => bytes = Some(map.next_value::<Number>()?.0),
                        "hashes" => hashes = Some(map.next_value::<Hashes>()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                let missing = serde::de::Error::missing_field;
                Ok(Read {
                    bytes: bytes.ok_or_else(|| missing("bytes"))?,
                    hashes: hashes.ok_or_else(|| missing("hashes"))?,
                })
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// A number, which may be written as text.
#[derive(Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Number(u64);

impl TryFrom<serde_json::Value> for Number {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> std::result::Result<Self, Self::Error> {
        let number = match &value {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| i64::try_from(*number).is_ok());
        number.map(Self).ok_or("bytes is no length")
    }
}

#[derive(Default)]
struct Hashes {
    names: Vec<BlockId>,
    odd: HashMap<BlockId, String>,
}

impl Hashes {
    fn push(&mut self, hash: &str) -> std::result::Result<(), String> {
        let shown: String = hash.chars().take(HASH_LEN_MAX).collect();
        let is_hex = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hash.is_empty() || !is_hex || !hash.len().is_multiple_of(2) {
            return Err(format!("{BAD_HASH}{shown}"));
        }
        let lower = shown.to_ascii_lowercase();
        match lower.parse() {
            Ok(name) if hash.len() == lower.len() => self.names.push(name),
            _ => {
                // No block has a name of such a length: it is missing, by a name that nothing has.
                let name = BlockId::of(format!("no block has the name {lower}").as_bytes());
                self.names.push(name);
                self.odd.insert(name, lower);
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Hashes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of hashes")
            }
            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> std::result::Result<Hashes, A::Error> {
                let mut hashes = Hashes::default();
                while let Some(hash) = list.next_element::<String>()? {
                    hashes.push(&hash).map_err(serde::de::Error::custom)?;
                }
                Ok(hashes)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// The hash map of an object as a document that is written while it is read.
pub(super) fn document(opened: &Opened, path: &str, format: Format) -> Result<Bytestream> {
    let (size, block) = (opened.version().size, opened.block_len());
    let names = opened.hashes().map_err(of_store)?;
    // Nothing is one block of zeros.
    let names = match size {
        0 => stream::once(async { Ok(BlockId::of(b"")) }).boxed(),
        _ => names,
    };
    let (begin, before, after, between, end) = match format {
        Format::Xml => (
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<object name=\"{}\" bytes=\"{size}\" \
                 block_size=\"{block}\" block_hash=\"sha256\">",
                text(path)
            ),
            "<hash>",
            "</hash>",
            "",
            "</object>",
        ),
        Format::Text | Format::Json => (
            format!(
                "{{\"block_hash\": \"sha256\", \"block_size\": {block}, \"bytes\": {size}, \
                 \"hashes\": ["
            ),
            "\"",
            "\"",
            ", ",
            "]}",
        ),
    };
    let mut first = true;
    let written = names.try_chunks(NAMES_AT_A_TIME).map(move |names| {
        let names = names.map_err(|stopped| stopped.1)?;
        let mut out = String::with_capacity(names.len() * 80);
        for name in names {
            if !std::mem::take(&mut first) {
                out.push_str(between);
            }
            out.push_str(&format!("{before}{name}{after}"));
        }
        Ok(Bytes::from(out))
    });
    let whole = |text: String| stream::once(async move { Ok(Bytes::from(text)) });
    Ok(whole(begin)
        .chain(written)
        .chain(whole(end.to_owned()))
        .boxed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<(u64, Vec<String>)> {
        let document = Document::parse(text.as_bytes()).ok()?;
        let names = document.map.hashes.iter().map(BlockId::to_string);
        Some((document.map.size, names.collect()))
    }

    #[test]
    fn documents() {
        let name = BlockId::of(b"x").to_string();
        let upper = name.to_uppercase();
        let good = format!(r#"{{"a": [{{}}], "hashes": ["{upper}"], "bytes": "7"}}"#);
        assert_eq!(parse(&good), Some((7, vec![name])));
        assert_eq!(parse(r#"{"bytes": 0, "hashes": []}"#), Some((0, vec![])));
        for bad in [
            "",
            "[]",
            "<hashmap/>",
            r#"{"bytes": 7}"#,
            r#"{"hashes": []}"#,
            r#"{"bytes": -1, "hashes": []}"#,
            r#"{"bytes": 1.5, "hashes": []}"#,
            r#"{"bytes": 18446744073709551615, "hashes": []}"#,
            r#"{"bytes": 0, "hashes": null}"#,
            r#"{"bytes": 0, "hashes": "ab"}"#,
            r#"{"bytes": 1, "hashes": ["zz"]}"#,
            r#"{"bytes": 1, "hashes": [1]}"#,
            r#"{"bytes": 1, "hashes": [""]}"#,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_that_no_block_has_come_back_as_they_were() {
        let document = Document::parse(br#"{"bytes": 1, "hashes": ["ABCD"]}"#).unwrap();
        let written = document.written(&document.map.hashes);
        assert_eq!(written, r#"["abcd"]"#);
    }

    proptest! {
        #[test]
        fn hostile_documents_never_panic(text in r#"[\[\]{}":,a-f0-9byteshas ]{0,200}"#) {
            let _ = parse(&text);
        }

        #[test]
        fn hostile_hashes_never_panic(hash in ".{0,300}") {
            let text = serde_json::json!({"bytes": 1, "hashes": [hash]}).to_string();
            let _ = parse(&text);
        }
    }
}
