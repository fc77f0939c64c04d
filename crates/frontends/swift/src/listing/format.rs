//! The format of a listing: text, JSON or XML, by parameter or by what the client accepts.

use http::header::ACCEPT;
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::entry::{Entry, text};
use crate::answer::{bare, document, set};
use crate::body::Body;
use crate::error::{Refusal, Result};
use crate::query::Query;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Xml,
    /// XML under its other name.
    TextXml,
}

impl Format {
    const ALL: [Self; 4] = [Self::Text, Self::Json, Self::Xml, Self::TextXml];

    fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::TextXml => "text/xml",
        }
    }

    /// The format that a request asks for.
    pub(crate) fn of(query: &Query, headers: &HeaderMap) -> Result<Self> {
        match query.get("format").map(str::to_ascii_lowercase).as_deref() {
            Some("json") => return Ok(Self::Json),
            Some("xml") => return Ok(Self::Xml),
            Some(_) => return Ok(Self::Text),
            None => {}
        }
        let Some(accept) = headers.get(ACCEPT) else {
            return Ok(Self::Text);
        };
        let accept = accept.to_str().unwrap_or("?");
        let ranges = parse_accept(accept).ok_or_else(|| Refusal::bad("Invalid Accept header"))?;
        if ranges.is_empty() {
            return Ok(Self::Text);
        }
        let quality = |format: Self| best(&ranges, format.media_type());
        let mut found: Option<(Self, f32)> = None;
        for format in Self::ALL {
            let quality = quality(format);
            if quality > found.map_or(0.0, |(_, best)| best) {
                found = Some((format, quality));
            }
        }
        let refused = || Refusal::of(StatusCode::NOT_ACCEPTABLE);
        found.map(|(format, _)| format).ok_or_else(refused)
    }

    fn content_type(self) -> String {
        format!("{}; charset=utf-8", self.media_type())
    }
}

/// Whether a request can be answered in JSON, which is all there is.
pub(crate) fn takes_json(query: &Query, headers: &HeaderMap) -> Result<bool> {
    if let Some(format) = query.given("format") {
        return Ok(format.eq_ignore_ascii_case("json"));
    }
    let Some(accept) = headers.get(ACCEPT) else {
        return Ok(true);
    };
    let ranges = parse_accept(accept.to_str().unwrap_or("?"));
    let ranges = ranges.ok_or_else(|| Refusal::bad("Invalid Accept header"))?;
    Ok(ranges.is_empty() || best(&ranges, Format::Json.media_type()) > 0.0)
}

/// A media range and its quality.
struct Range {
    kind: String,
    subtype: String,
    quality: f32,
}

fn parse_accept(text: &str) -> Option<Vec<Range>> {
    let token = |text: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        (!text.is_empty() && text.chars().all(good)).then(|| text.to_ascii_lowercase())
    };
    let pieces = text
        .split(',')
        .map(str::trim)
        .filter(|piece| !piece.is_empty());
    let parse = |piece: &str| {
        let mut words = piece.split(';').map(str::trim);
        let (kind, subtype) = words.next()?.split_once('/')?;
        let mut quality = 1.0;
        for word in words {
            let (name, value) = word.split_once('=')?;
            if name.trim() == "q" {
                quality = value
                    .trim()
                    .parse()
                    .ok()
                    .filter(|q| (0.0..=1.0).contains(q))?;
            }
        }
        Some(Range {
            kind: token(kind)?,
            subtype: token(subtype)?,
            quality,
        })
    };
    pieces.map(parse).collect()
}

/// The quality of a media type: that of the most exact range that fits.
fn best(ranges: &[Range], media_type: &str) -> f32 {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let exactness = |range: &Range| match (range.kind.as_str(), range.subtype.as_str()) {
        (k, s) if k == kind && s == subtype => Some(2),
        (k, "*") if k == kind => Some(1),
        ("*", "*") => Some(0),
        _ => None,
    };
    let fitting = ranges
        .iter()
        .filter_map(|range| Some((exactness(range)?, range.quality)));
    let best = fitting.max_by_key(|(exactness, _)| *exactness);
    best.map_or(0.0, |(_, quality)| quality)
}

/// A listing as an answer. An empty one in text has no body and says so.
pub(crate) fn answer(
    format: Format,
    by_parameter: bool,
    mut headers: HeaderMap,
    (root, name, kind): (&str, &str, &str),
    entries: &[Entry],
) -> Response<Body> {
    if !by_parameter {
        set(&mut headers, "vary", "Accept");
    }
    match format {
        Format::Text if entries.is_empty() => {
            set(&mut headers, "content-type", format.content_type());
            bare(StatusCode::NO_CONTENT, headers)
        }
        Format::Text => {
            let lines: String = entries
                .iter()
                .flat_map(|entry| [entry.name(), "\n"])
                .collect();
            document(StatusCode::OK, headers, &format.content_type(), lines)
        }
        Format::Json => {
            let list = Value::Array(entries.iter().map(Entry::json).collect());
            document(
                StatusCode::OK,
                headers,
                &format.content_type(),
                list.to_string(),
            )
        }
        Format::Xml | Format::TextXml => {
            let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            out.push_str(&format!("<{root} name=\"{}\">", text(name)));
            entries.iter().for_each(|entry| entry.xml(kind, &mut out));
            out.push_str(&format!("</{root}>"));
            document(StatusCode::OK, headers, &format.content_type(), out)
        }
    }
}

/// What HEAD says of a listing.
pub(crate) fn head(format: Format, by_parameter: bool, mut headers: HeaderMap) -> Response<Body> {
    if !by_parameter {
        set(&mut headers, "vary", "Accept");
    }
    set(&mut headers, "content-type", format.content_type());
    bare(StatusCode::NO_CONTENT, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT, accept.parse().unwrap());
        }
        Format::of(&Query::parse(Some(query)), &headers).ok()
    }

    #[test]
    fn formats() {
        for (query, accept, format) in [
            ("", "", Some(Format::Text)),
            ("format=json", "text/xml", Some(Format::Json)),
            ("format=bogus", "text/xml", Some(Format::Text)),
            ("", "application/json", Some(Format::Json)),
            ("", "text/xml", Some(Format::TextXml)),
            ("", "*/*", Some(Format::Text)),
            ("", "application/*", Some(Format::Json)),
            ("", "text/plain;q=0.5, application/xml", Some(Format::Xml)),
            ("", "*/*;q=0.1, text/plain;q=0", Some(Format::Json)),
            ("", "image/png", None),
            ("", "malformed", None),
            ("", "a/b;q=x", None),
        ] {
            assert_eq!(of(query, accept), format, "{query} {accept}");
        }
    }
}
