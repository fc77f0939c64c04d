//! Listings as this dialect writes them.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::format::Format;
use super::reply::{empty, written};
use crate::body::Body;
use crate::listing::entry::text;
use crate::query::Query;

/// The most entries of one page, and how many there are when nothing is said.
pub(super) const LIMIT_MAX: usize = 10_000;

/// An entry of a listing.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A name that stands for all that begins with it.
    Subdir(String),
    /// A name, and what JSON and XML say of it besides.
    Item(String, Vec<(&'static str, Value)>),
}

impl Entry {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Subdir(name) | Self::Item(name, _) => name,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Subdir(name) => json!({ "subdir": name }),
            Self::Item(name, fields) => {
                let mut map = Map::new();
                map.insert("name".to_owned(), Value::String(name.clone()));
                for (key, value) in fields {
                    map.insert((*key).to_owned(), value.clone());
                }
                Value::Object(map)
            }
        }
    }

    fn xml(&self, kind: &str, out: &mut String) {
        match self {
            Self::Subdir(name) => {
                out.push_str(&format!("<subdir name=\"{}\"/>", text(name)));
            }
            Self::Item(name, fields) => {
                out.push_str(&format!("<{kind}><name>{}</name>", text(name)));
                for (key, value) in fields {
                    out.push_str(&format!("<{key}>{}</{key}>", xml_value(value)));
                }
                out.push_str(&format!("</{kind}>"));
            }
        }
    }
}

fn xml_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(value) => text(value),
        Value::Object(pairs) => pairs
            .iter()
            .map(|(key, value)| {
                let (key, value) = (text(key), xml_value(value));
                format!("<key>{key}</key><value>{value}</value>")
            })
            .collect(),
        other => other.to_string(),
    }
}

/// How many entries a request wants.
pub(super) fn limit(query: &Query) -> usize {
    let given = query.get("limit").and_then(super::words::whole_number);
    let given = given.and_then(|limit| usize::try_from(limit).ok());
    match given {
        None | Some(0) => LIMIT_MAX,
        Some(limit) => limit.min(LIMIT_MAX),
    }
}

/// A listing as an answer; an empty one in text has no body and says so.
pub(super) fn answer(
    format: Format,
    headers: HeaderMap,
    (root, name, kind): (&str, Option<&str>, &str),
    entries: &[Entry],
) -> Response<Body> {
    let body = match format {
        Format::Text if entries.is_empty() => {
            return empty(StatusCode::NO_CONTENT, format, headers);
        }
        Format::Text => entries
            .iter()
            .flat_map(|entry| [entry.name(), "\n"])
            .collect(),
        Format::Json => Value::Array(entries.iter().map(Entry::json).collect()).to_string(),
        Format::Xml => {
            let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            match name {
                Some(name) => out.push_str(&format!("<{root} name=\"{}\">", text(name))),
                None => out.push_str(&format!("<{root}>")),
            }
            entries.iter().for_each(|entry| entry.xml(kind, &mut out));
            out.push_str(&format!("</{root}>"));
            out
        }
    };
    written(StatusCode::OK, format, headers, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        let policy = json!({"quota": "0"});
        let item = Entry::Item("a<b".to_owned(), vec![("count", json!(3)), ("p", policy)]);
        let mut out = String::new();
        item.xml("container", &mut out);
        Entry::Subdir("d/".to_owned()).xml("object", &mut out);
        assert_eq!(
            out,
            "<container><name>a&lt;b</name><count>3</count>\
             <p><key>quota</key><value>0</value></p></container><subdir name=\"d/\"/>"
        );
    }

    #[test]
    fn limits() {
        let limit = |text: &str| limit(&Query::parse(Some(text)));
        assert_eq!(limit("limit=5"), 5);
        for most in [
            "",
            "limit=0",
            "limit=x",
            "limit=-1",
            "limit=10001",
            "limit=999999999999999999999",
        ] {
            assert_eq!(limit(most), LIMIT_MAX, "{most}");
        }
    }
}
