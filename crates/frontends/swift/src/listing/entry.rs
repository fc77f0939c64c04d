//! Entries of listings, and how each format writes them.
//!
//! Promises: bytes that XML cannot carry are written as references or left out, never raw.

use quick_xml::escape::escape;
use serde_json::{Map, Value, json};

/// An entry of any listing.
pub(crate) enum Entry {
    /// A name that stands for all that begins with it.
    Prefix(String),
    /// A container or an object: its name, then what JSON and XML say of it besides, in this order.
    Item(String, Vec<(&'static str, Value)>),
}

impl Entry {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Prefix(name) | Self::Item(name, _) => name,
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Prefix(name) => json!({ "subdir": name }),
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

    /// Its element; an item's is called `kind`.
    pub(crate) fn xml(&self, kind: &str, out: &mut String) {
        match self {
            Self::Prefix(name) => {
                let name = text(name);
                out.push_str(&format!(
                    "<subdir name=\"{name}\"><name>{name}</name></subdir>"
                ));
            }
            Self::Item(name, fields) => {
                out.push_str(&format!("<{kind}><name>{}</name>", text(name)));
                for (key, value) in fields {
                    let value = match value {
                        Value::String(value) => text(value),
                        other => other.to_string(),
                    };
                    out.push_str(&format!("<{key}>{value}</{key}>"));
                }
                out.push_str(&format!("</{kind}>"));
            }
        }
    }
}

/// Text as XML carries it. Control characters that it cannot carry become the replacement character.
pub(crate) fn text(raw: &str) -> String {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if raw.contains(forbidden) {
        let cleaned: String = raw
            .chars()
            .map(|c| {
                if forbidden(c) {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            })
            .collect();
        return escape(cleaned.as_str()).into_owned();
    }
    escape(raw).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let item = Entry::Item(
            "a<b".to_owned(),
            vec![("count", json!(3)), ("hash", json!("x&y"))],
        );
        assert_eq!(
            item.json(),
            json!({"name": "a<b", "count": 3, "hash": "x&y"})
        );
        let mut out = String::new();
        item.xml("object", &mut out);
        Entry::Prefix("p/\u{1}".to_owned()).xml("object", &mut out);
        assert_eq!(
            out,
            "<object><name>a&lt;b</name><count>3</count><hash>x&amp;y</hash></object>\
             <subdir name=\"p/\u{fffd}\"><name>p/\u{fffd}</name></subdir>"
        );
    }
}
