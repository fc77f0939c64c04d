//! The format of an answer: by parameter, or by what the client accepts.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::query::Query;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Names, one a line: the default of listings.
    Text,
    /// The default of everything else.
    Json,
    Xml,
}

impl Format {
    /// What a request asks for. Unlike the reference, the end of a path says nothing: it belongs to a name.
    pub(super) fn of(query: &Query, headers: &HeaderMap, default: Self) -> Self {
        let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        Self::chosen(query.get("format"), accepted, default)
    }

    /// What a parameter and a list of media types ask for.
    pub(super) fn chosen(parameter: Option<&str>, accepted: Option<&str>, default: Self) -> Self {
        match parameter {
            Some("json") => return Self::Json,
            Some("xml") => return Self::Xml,
            _ => {}
        }
        let ranges = accepted.unwrap_or_default().split(',');
        let mut kinds = ranges.map(|range| range.split(';').next().unwrap_or_default().trim());
        let found = kinds.find_map(|kind| match kind {
            "application/json" => Some(Self::Json),
            "application/xml" => Some(Self::Xml),
            _ => None,
        });
        found.unwrap_or(default)
    }

    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=UTF-8",
            Self::Json => "application/json; charset=UTF-8",
            Self::Xml => "application/xml; charset=UTF-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        for (parameter, accepted, format) in [
            (None, None, Format::Text),
            (Some("json"), Some("application/xml"), Format::Json),
            (Some("xml"), None, Format::Xml),
            (Some("text"), None, Format::Text),
            (None, Some("text/html, application/xml;q=0.1"), Format::Xml),
            (None, Some("*/*"), Format::Text),
        ] {
            assert_eq!(Format::chosen(parameter, accepted, Format::Text), format);
        }
    }
}
