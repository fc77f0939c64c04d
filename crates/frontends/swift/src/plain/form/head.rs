//! The head of a part of a form: its name, the name of its file, and what kind of file that is.
//!
//! Promises: what is no head is refused; what has no meaning here is ignored.

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The name of the field.
    pub(super) name: Option<String>,
    /// The name of the file, if it is one.
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
}

impl Head {
    /// Parses the lines of a head; `None` when they are none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut head = Self::default();
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => head.dispose(value)?,
                "content-type" => head.content_type = Some(value.to_owned()),
                "content-encoding" => head.content_encoding = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(head)
    }

    fn dispose(&mut self, value: &str) -> Option<()> {
        for (name, value) in parameters(value)? {
            match name.as_str() {
                "name" => self.name = Some(value),
                "filename" => self.filename = Some(value),
                _ => {}
            }
        }
        Some(())
    }
}

/// The parameters behind the first word of a header: each name, in lower case, with its value.
pub(super) fn parameters(value: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = match value.split_once(';') {
        Some((_, rest)) => rest,
        None => return Some(found),
    };
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = value_of(behind.trim_start())?;
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = behind;
    }
}

/// A value, in quotes or up to the next semicolon, and what comes after it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.trim().to_owned(), rest));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            // Browsers escape quotes and backslashes only; a path of Windows keeps its own.
            '\\' => match letters.clone().next() {
                Some((_, escaped @ ('"' | '\\'))) => {
                    value.push(escaped);
                    letters.next();
                }
                _ => value.push('\\'),
            },
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn heads() {
        let head = Head::parse(
            b"Content-Disposition: form-data; name=\"file1\"; filename=\"a \\\"b\\\".txt\"\r\n\
              CONTENT-TYPE:text/plain \r\nX-Other: y\r\n",
        );
        let expected = Head {
            name: Some("file1".to_owned()),
            filename: Some("a \"b\".txt".to_owned()),
            content_type: Some("text/plain".to_owned()),
            content_encoding: None,
        };
        assert_eq!(head, Some(expected));
        let plain = Head::parse(b"content-disposition: form-data;name=x").unwrap();
        assert_eq!(plain.name.as_deref(), Some("x"));
        for bad in [
            &b"no head"[..],
            b"Content-Disposition: form-data; name=\"x",
            b"Content-Disposition: form-data; name",
            b"\xff: x",
        ] {
            assert_eq!(Head::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Head::parse(&bytes);
        }

        #[test]
        fn a_name_in_quotes_is_read_back(name in "[ -~äöü]{0,40}") {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("Content-Disposition: form-data; filename=\"{quoted}\"");
            let head = Head::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(head.filename, Some(name));
        }
    }
}
