//! One line of an access log.

use std::fmt::Write as _;

use jiff::Timestamp;

/// The longest field; only keys, request lines, referers and agents come near it.
const FIELD_LEN_MAX: usize = 4096;

/// What is known of a request. Empty texts are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The canonical id of the bucket's owner.
    pub(crate) owner: String,
    pub(crate) bucket: String,
    /// When it came, in seconds since the epoch.
    pub(crate) time: i64,
    pub(crate) remote: String,
    /// The canonical id of who asked.
    pub(crate) requester: String,
    pub(crate) request_id: String,
    pub(crate) operation: String,
    /// The key as the request's path spells it.
    pub(crate) key: String,
    pub(crate) request_line: String,
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) sent: u64,
    pub(crate) size: Option<u64>,
    pub(crate) total_ms: u128,
    pub(crate) turnaround_ms: u128,
    pub(crate) referer: String,
    pub(crate) agent: String,
    pub(crate) version: String,
    pub(crate) signature: &'static str,
    pub(crate) authentication: &'static str,
    pub(crate) host: String,
}

impl Entry {
    /// The line, with its end.
    pub(crate) fn line(&self) -> String {
        let number = |number: u64| match number {
            0 => "-".to_owned(),
            number => number.to_string(),
        };
        let fields = [
            plain(&self.owner),
            plain(&self.bucket),
            format!("[{}]", time(self.time)),
            plain(&self.remote),
            plain(&self.requester),
            plain(&self.request_id),
            plain(&self.operation),
            plain(&self.key),
            quoted(&self.request_line),
            self.status.to_string(),
            plain(&self.error),
            number(self.sent),
            self.size.map_or("-".to_owned(), |size| size.to_string()),
            self.total_ms.to_string(),
            self.turnaround_ms.to_string(),
            quoted(&self.referer),
            quoted(&self.agent),
            plain(&self.version),
            // Host id; after the signature the cipher suite.
            "-".to_owned(),
            plain(self.signature),
            "-".to_owned(),
            plain(self.authentication),
            plain(&self.host),
            // Version of TLS, access point, whether an access list was needed.
            "- - -".to_owned(),
        ];
        fields.join(" ") + "\n"
    }
}

/// A field between spaces.
fn plain(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    clean(text, |c| c == ' ')
}

/// A field between quotes.
fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "\"-\"".to_owned();
    }
    format!("\"{}\"", clean(text, |_| false))
}

/// A text without what would end its field or its line.
fn clean(text: &str, also: impl Fn(char) -> bool) -> String {
    let mut cleaned = String::with_capacity(text.len().min(FIELD_LEN_MAX));
    for c in text.chars() {
        if cleaned.len() >= FIELD_LEN_MAX {
            break;
        }
        if c.is_control() || c == '"' || also(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(cleaned, "%{byte:02X}");
            }
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

/// `06/Feb/2019:00:00:38 +0000`.
fn time(seconds: i64) -> String {
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line() {
        let entry = Entry {
            owner: "ff".into(),
            bucket: "photos".into(),
            time: 1_549_411_238,
            remote: "192.0.2.3".into(),
            requester: "ee".into(),
            request_id: "3E57".into(),
            operation: "REST.GET.OBJECT".into(),
            key: "a%20b.jpg".into(),
            request_line: "GET /photos/a%20b.jpg HTTP/1.1".into(),
            status: 200,
            sent: 113,
            size: Some(113),
            total_ms: 7,
            turnaround_ms: 5,
            agent: "curl/7 \"x\"".into(),
            signature: "SigV4",
            authentication: "AuthHeader",
            host: "localhost:9000".into(),
            ..Entry::default()
        };
        let expect = "ff photos [06/Feb/2019:00:00:38 +0000] 192.0.2.3 ee 3E57 REST.GET.OBJECT \
                      a%20b.jpg \"GET /photos/a%20b.jpg HTTP/1.1\" 200 - 113 113 7 5 \"-\" \
                      \"curl/7 %22x%22\" - - SigV4 - AuthHeader localhost:9000 - - -\n";
        assert_eq!(entry.line(), expect);
    }

    /// Takes a line apart as its readers do.
    fn fields(line: &str) -> usize {
        let mut count = 0;
        let mut rest = line.strip_suffix('\n').unwrap();
        while !rest.is_empty() {
            let end = match rest.as_bytes()[0] {
                b'"' => rest[1..].find('"').unwrap() + 2,
                b'[' => rest.find(']').unwrap() + 1,
                _ => rest.find(' ').unwrap_or(rest.len()),
            };
            rest = rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]);
            count += 1;
        }
        count
    }

    proptest! {
        #[test]
        fn no_text_adds_a_field_or_a_line(text: String, time in 0i64..253_402_300_800, status: u16) {
            // A reader takes what begins with a bracket for a time.
            let bare = text.replace('[', "");
            let entry = Entry {
                time,
                status,
                requester: bare.clone(),
                key: bare.clone(),
                request_line: text.clone(),
                referer: text.clone(),
                agent: text,
                host: bare,
                ..Entry::default()
            };
            let line = entry.line();
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(fields(&line), 26);
        }
    }
}
