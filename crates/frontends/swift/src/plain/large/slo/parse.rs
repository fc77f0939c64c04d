//! Manifests as clients send them.
//!
//! Promises: all that is wrong with the structure is said at once, each with the index of its part.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Map, Value};

use super::PARTS_MAX;
use crate::error::{Refusal, Result};
use crate::target::object_in_path;

/// A range of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartRange {
    From(u64, Option<u64>),
    Last(u64),
}

/// A part that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// An object.
    Object {
        path: String,
        container: String,
        object: String,
        etag: Option<String>,
        size: Option<u64>,
        range: Option<PartRange>,
    },
    /// Bytes, in base64.
    Data(String),
}

/// Parses a manifest for an object of this path.
pub(super) fn parse(body: &[u8], own: (&str, &str)) -> Result<Vec<Asked>> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| Refusal::bad("Manifest must be valid JSON.\n"))?;
    let Value::Array(list) = value else {
        return Err(Refusal::bad("Manifest must be a list.\n"));
    };
    let mut parts = Vec::with_capacity(list.len());
    let mut errors = Vec::new();
    let last = list.len().saturating_sub(1);
    for (index, value) in list.into_iter().enumerate() {
        match part(value, own, index == last) {
            Ok(part) => parts.push(part),
            Err(why) => errors.extend(why.iter().map(|why| format!("Index {index}: {why}"))),
        }
    }
    let objects = parts
        .iter()
        .filter(|part| matches!(part, Asked::Object { .. }));
    let objects = objects.count();
    if errors.is_empty() && objects == 0 {
        let text = "Inline data segments require at least one object-backed segment.";
        errors.push(text.to_owned());
    }
    if objects > PARTS_MAX {
        let text = format!("Number of object-backed segments must be <= {PARTS_MAX}\n");
        return Err(Refusal::text(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    if errors.is_empty() {
        return Ok(parts);
    }
    Err(Refusal::bad(errors.join("\n") + "\n"))
}

fn part(value: Value, own: (&str, &str), is_last: bool) -> std::result::Result<Asked, Vec<String>> {
    let Value::Object(map) = value else {
        return Err(vec!["not a JSON object".to_owned()]);
    };
    if map.contains_key("data") {
        return data(&map);
    }
    object(&map, own, is_last)
}

fn extraneous(map: &Map<String, Value>, known: &[&str]) -> Option<String> {
    let keys: Vec<String> = map
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| format!("{key:?}"))
        .collect();
    (!keys.is_empty()).then(|| format!("extraneous keys {}", keys.join(", ")))
}

fn data(map: &Map<String, Value>) -> std::result::Result<Asked, Vec<String>> {
    let mut errors: Vec<String> = extraneous(map, &["data"]).into_iter().collect();
    let text = map.get("data").and_then(Value::as_str);
    match text.map(|text| STANDARD.decode(text)) {
        Some(Ok(bytes)) if !bytes.is_empty() => {}
        Some(Ok(_)) => errors.push("too small; each data segment must be at least 1 byte.".into()),
        Some(Err(_)) | None => errors.push("data must be valid base64".to_owned()),
    }
    match (errors.is_empty(), text) {
        (true, Some(text)) => Ok(Asked::Data(text.to_owned())),
        _ => Err(errors),
    }
}

fn object(
    map: &Map<String, Value>,
    own: (&str, &str),
    is_last: bool,
) -> std::result::Result<Asked, Vec<String>> {
    let known = ["path", "etag", "size_bytes", "range"];
    let mut errors: Vec<String> = extraneous(map, &known).into_iter().collect();
    let Some(path) = map.get("path").and_then(Value::as_str) else {
        errors.push("expected keys to include one of \"path\", \"data\"".to_owned());
        return Err(errors);
    };
    let named = object_in_path(path);
    match &named {
        None => {
            let text = "path does not refer to an object. Path must be of the form \
                        /container/object.";
            errors.push(text.to_owned());
        }
        Some((container, object)) if (container.as_str(), object.as_str()) == own => {
            errors.push("manifest must not include itself as a segment".to_owned());
        }
        Some(_) => {}
    }
    let size = match map.get("size_bytes") {
        None | Some(Value::Null) => None,
        Some(value) => match size(value) {
            None => {
                errors.push("invalid size_bytes".to_owned());
                None
            }
            Some(0) if !is_last => {
                errors.push("too small; each segment must be at least 1 byte.".to_owned());
                None
            }
            size => size,
        },
    };
    let range = match map.get("range") {
        None | Some(Value::Null) => None,
        Some(value) => match range(value, size) {
            Ok(range) => Some(range),
            Err(why) => {
                errors.push(why.to_owned());
                None
            }
        },
    };
    let etag = match map.get("etag") {
        None | Some(Value::Null) => None,
        Some(Value::String(etag)) => Some(crate::condition::unquoted(etag).to_owned()),
        Some(_) => {
            errors.push("etag must be a string".to_owned());
            None
        }
    };
    match (errors.is_empty(), named) {
        (true, Some((container, object))) => Ok(Asked::Object {
            path: path.to_owned(),
            container,
            object,
            etag,
            size,
            range,
        }),
        _ => Err(errors),
    }
}

fn size(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn range(value: &Value, size: Option<u64>) -> std::result::Result<PartRange, &'static str> {
    let text = value.as_str().ok_or("invalid range")?.trim();
    if text.contains(',') {
        return Err("multiple ranges (only one allowed)");
    }
    let (first, last) = text.split_once('-').ok_or("invalid range")?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| "invalid range");
    let range = match (first.trim(), last.trim()) {
        ("", last) => PartRange::Last(number(last)?),
        (first, "") => PartRange::From(number(first)?, None),
        (first, last) => PartRange::From(number(first)?, Some(number(last)?)),
    };
    if matches!(range, PartRange::From(first, Some(last)) if first > last) {
        return Err("invalid range");
    }
    if size.is_some_and(|size| range.within(size).is_none()) {
        return Err("unsatisfiable range");
    }
    Ok(range)
}

impl PartRange {
    /// The bytes that it means of an object of this length.
    pub(super) fn within(self, size: u64) -> Option<std::ops::Range<u64>> {
        match self {
            Self::From(first, last) if first < size => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                Some(first..end).filter(|range| !range.is_empty())
            }
            Self::Last(len) if len > 0 && size > 0 => Some(size.saturating_sub(len)..size),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn errors(text: &str) -> String {
        match parse(text.as_bytes(), ("c", "own")) {
            Ok(_) => String::new(),
            Err(refusal) => refusal.sentence().trim_end().to_owned(),
        }
    }

    #[test]
    fn structure() {
        for (text, expected) in [
            (r#"[{"path": "/c/o"}]"#, ""),
            (
                r#"[{"path": "c/o", "size_bytes": "12", "etag": null, "range": "-5"}]"#,
                "",
            ),
            (r#"[{"path": "/c/o"}, {"data": "YQ=="}]"#, ""),
            ("nope", "Manifest must be valid JSON."),
            ("{}", "Manifest must be a list."),
            ("[1]", "Index 0: not a JSON object"),
            (
                r#"[{"path": "/c"}]"#,
                "Index 0: path does not refer to an object. Path must be of the form \
                 /container/object.",
            ),
            (
                r#"[{"path": "/c/own"}]"#,
                "Index 0: manifest must not include itself as a segment",
            ),
            (
                r#"[{"path": "/c/o", "teag": 1}]"#,
                "Index 0: extraneous keys \"teag\"",
            ),
            (
                r#"[{"path": "/c/o", "size_bytes": "x"}]"#,
                "Index 0: invalid size_bytes",
            ),
            (
                r#"[{"path": "/c/o", "range": "1-2,3-4"}]"#,
                "Index 0: multiple ranges (only one allowed)",
            ),
            (
                r#"[{"path": "/c/o", "size_bytes": 3, "range": "5-9"}]"#,
                "Index 0: unsatisfiable range",
            ),
            (
                r#"[{"path": "/c/o", "size_bytes": 0}, {"x": 1}]"#,
                "Index 0: too small; each segment must be at least 1 byte.\n\
                 Index 1: extraneous keys \"x\"\n\
                 Index 1: expected keys to include one of \"path\", \"data\"",
            ),
            (
                r#"[{"data": "YQ=="}]"#,
                "Inline data segments require at least one object-backed segment.",
            ),
        ] {
            assert_eq!(errors(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, ("c", "o"));
        }

        #[test]
        fn what_looks_like_a_manifest_is_judged(
            key in "path|etag|size_bytes|range|data|other",
            value in prop_oneof![
                Just(json!(null)), Just(json!(-1)), Just(json!(1e300)), Just(json!(u64::MAX)), Just(json!([])),
                "[-0-9,/cow=]{0,12}".prop_map(Value::String), "\\PC{0,12}".prop_map(Value::String),
            ],
            count in 0usize..4,
        ) {
            let mut part = json!({"path": "/c/p"});
            part[key] = value;
            let list = Value::Array(vec![part; count]);
            if let Ok(parts) = parse(list.to_string().as_bytes(), ("c", "o")) {
                prop_assert_eq!(parts.len(), count);
            }
        }

        #[test]
        fn a_range_lies_within_its_part(first in any::<u64>(), last in any::<Option<u64>>(), size in any::<u64>()) {
            for range in [PartRange::From(first, last), PartRange::Last(first)] {
                if let Some(found) = range.within(size) {
                    prop_assert!(found.start < found.end && found.end <= size);
                }
            }
        }
    }
}
