//! Reports: how many things went well and which did not, as the body of an answer whose status says
//! only that the report is there.
//!
//! They are written as text, JSON or XML, as the client accepts.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::{sentence, title};
use crate::error::Result;
use crate::listing::entry::text;
use crate::listing::format::Format;
use crate::query::Query;

/// What was done to many things.
pub(super) struct Report {
    /// What the whole is called in XML.
    pub(super) root: &'static str,
    /// Counts and facts, by their names.
    pub(super) fields: Vec<(&'static str, Value)>,
    /// How it ended.
    pub(super) status: StatusCode,
    /// A sentence in place of that of the status.
    pub(super) body: Option<String>,
    /// What did not go well, and why.
    pub(super) errors: Vec<(String, String)>,
}

impl Report {
    /// A report of nothing yet.
    pub(super) fn new(root: &'static str) -> Self {
        Self {
            root,
            fields: Vec::new(),
            status: StatusCode::OK,
            body: None,
            errors: Vec::new(),
        }
    }

    /// What is said of the end.
    fn end(&self) -> (String, String) {
        let body = match &self.body {
            Some(body) => body.clone(),
            None if self.status.is_success() => String::new(),
            None => format!("{}\n{}", title(self.status), sentence(self.status)),
        };
        (
            format!("{} {}", self.status.as_u16(), title(self.status)),
            body,
        )
    }

    /// The report in a format.
    pub(super) fn write(&self, format: Format) -> String {
        let (status, body) = self.end();
        let mut facts: Vec<(&str, Value)> = self.fields.clone();
        facts.push(("Response Body", json!(body)));
        facts.push(("Response Status", json!(status)));
        match format {
            Format::Json => {
                let mut map: Map<String, Value> = facts
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect();
                map.insert("Errors".to_owned(), json!(self.errors));
                Value::Object(map).to_string()
            }
            Format::Text => {
                let mut out = String::new();
                for (key, value) in facts {
                    out.push_str(&format!("{key}: {}\n", plain(&value)));
                }
                out.push_str("Errors:\n");
                for (name, why) in &self.errors {
                    out.push_str(&format!("{name}, {why}\n"));
                }
                out
            }
            Format::Xml | Format::TextXml => {
                let root = self.root;
                let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}>\n");
                for (key, value) in facts {
                    let key = key.to_ascii_lowercase().replace(' ', "_");
                    out.push_str(&format!("<{key}>{}</{key}>\n", text(&plain(&value))));
                }
                out.push_str("<errors>\n");
                for (name, why) in &self.errors {
                    let (name, why) = (text(name), text(why));
                    out.push_str(&format!(
                        "<object><name>{name}</name><status>{why}</status></object>\n"
                    ));
                }
                out.push_str(&format!("</errors>\n</{root}>\n"));
                out
            }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The format that a client accepts its reports in.
pub(super) fn format_of(headers: &HeaderMap) -> Result<Format> {
    Format::of(&Query::default(), headers)
}

/// The media type of a report.
pub(super) fn media_type(format: Format) -> &'static str {
    match format {
        Format::Text => "text/plain",
        Format::Json => "application/json",
        Format::Xml => "application/xml",
        Format::TextXml => "text/xml",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let mut report = Report::new("delete");
        report.fields.push(("Number Deleted", json!(1)));
        report
            .errors
            .push(("/c/<o>".to_owned(), "404 Not Found".to_owned()));
        assert_eq!(
            report.write(Format::Text),
            "Number Deleted: 1\nResponse Body: \nResponse Status: 200 OK\nErrors:\n\
             /c/<o>, 404 Not Found\n"
        );
        let value: Value = serde_json::from_str(&report.write(Format::Json)).unwrap();
        assert_eq!(value["Errors"][0][1], "404 Not Found");
        assert!(
            report
                .write(Format::Xml)
                .contains("<name>/c/&lt;o&gt;</name>")
        );
    }
}
