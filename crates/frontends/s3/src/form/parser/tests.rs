//! Tests of the form parser: browsers' forms, cut anywhere, and bytes that are none.

use futures::executor::block_on;
use proptest::prelude::*;

use super::*;

type Read = (Vec<(String, String)>, Option<String>, Vec<u8>);

/// Reads a form that arrives in pieces of `step` bytes.
fn run(bytes: &[u8], step: usize) -> Result<Read, String> {
    let pieces: Vec<Result<Bytes, StdError>> = bytes
        .chunks(step)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let verdict = Verdict::default();
    let body = Body::from(Box::pin(Pieces(pieces.into_iter())) as s3s::stream::DynByteStream);
    block_on(async {
        let form = read(body, "XX", verdict.clone()).await;
        let mut form = form.map_err(|error| error.code().as_str().to_owned())?;
        let mut file = Vec::new();
        while let Some(piece) = form.file.next().await {
            match piece {
                Ok(piece) => file.extend_from_slice(&piece),
                Err(_) => return Err(verdict.read().unwrap().0.as_str().to_owned()),
            }
        }
        let fields = form.fields.iter();
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((fields.collect(), form.file_name, file))
    })
}

struct Pieces(std::vec::IntoIter<Result<Bytes, StdError>>);

impl Stream for Pieces {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

impl ByteStream for Pieces {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::unknown()
    }
}

fn part(name: &str, value: &[u8]) -> Vec<u8> {
    let bytes = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn form(file: &[u8]) -> Vec<u8> {
    let mut bytes = part("Key", b"a/${filename}");
    bytes.extend(part("acl", "ünï".as_bytes()));
    bytes.extend_from_slice(
        b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\f.txt\"\r\n\
          Content-Type: text/plain\r\n\r\n",
    );
    bytes.extend_from_slice(file);
    bytes.extend_from_slice(b"\r\n--XX\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n");
    bytes.extend_from_slice(b"--XX--\r\n");
    bytes
}

#[test]
fn fields_then_file_then_nothing() {
    for step in [1, 2, 3, 7, 64, 4096] {
        let (fields, name, file) = run(&form(b"bytes\r\n--X\r\n-of it"), step).unwrap();
        let expected = [("key", "a/${filename}"), ("acl", "ünï")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields, expected);
        assert_eq!(name.as_deref(), Some("f.txt"));
        assert_eq!(file, b"bytes\r\n--X\r\n-of it");
    }
    assert_eq!(run(&form(b""), 5).unwrap().2, b"");
}

#[test]
fn an_end_that_does_not_come_is_an_error() {
    let whole = form(b"0123456789");
    let end = memmem::find(&whole, b"0123456789").unwrap() + 10;
    for len in 0..end + 6 {
        let code = run(&whole[..len], 11).unwrap_err();
        let expected = ["MalformedPOSTRequest", "IncompleteBody"];
        assert!(expected.contains(&code.as_str()), "{len}: {code}");
    }
    assert!(run(&whole[..end + 6], 11).is_ok());
}

#[test]
fn what_is_refused() {
    let mut none = part("key", b"v");
    none.extend_from_slice(b"--XX--\r\n");
    let mut twice = part("key", b"v");
    twice.extend(part("KEY", b"w"));
    twice.extend(form(b""));
    let long = part("key", &b"v".repeat(21 << 10));
    let nameless = b"--XX\r\nContent-Type: a/b\r\n\r\nv\r\n--XX--".to_vec();
    let headless = b"--XX\r\n\r\nv\r\n--XX--".to_vec();
    let glued = b"--XXY\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n".to_vec();
    let latin = part("key", &[0xff]);
    let preamble = b"p".repeat(PREAMBLE_LEN_MAX + 9);
    let head = [b"--XX\r\n".to_vec(), b"h".repeat(HEAD_LEN_MAX + 9)].concat();
    let cases = [
        (none, "IncorrectNumberOfFilesInPostRequest"),
        (twice, "InvalidArgument"),
        (long, "MaxPostPreDataLengthExceeded"),
        (nameless, "MalformedPOSTRequest"),
        (headless, "MalformedPOSTRequest"),
        (glued, "MalformedPOSTRequest"),
        (latin, "MalformedPOSTRequest"),
        (preamble, "MalformedPOSTRequest"),
        (head, "MalformedPOSTRequest"),
    ];
    for (bytes, code) in cases {
        let found = run(&bytes, 100).unwrap_err();
        assert!(found.starts_with(code), "{found} for {code}");
    }
}

#[test]
fn parameters() {
    let cases = [
        ("multipart/form-data; boundary=abc", Some("abc")),
        (
            "multipart/form-data; charset=x; Boundary=\"a b\"",
            Some("a b"),
        ),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"", None),
        ("multipart/form-data; boundary", None),
    ];
    for (header, expected) in cases {
        assert_eq!(boundary(header).as_deref(), expected, "{header}");
    }
    assert_eq!(boundary(&format!("m/f; boundary={}", "b".repeat(71))), None);
    let names = [
        (
            r#"form-data; name="a\"b"; filename="c""#,
            Some((r#"a"b"#, Some("c"))),
        ),
        (
            r#"form-data; name="file"; filename="C:\x\""#,
            Some(("file", Some(r"C:\x\"))),
        ),
        (
            r#"form-data; filename="name=x"; name=y"#,
            Some(("y", Some("name=x"))),
        ),
        ("attachment; name=y", None),
    ];
    for (value, expected) in names {
        let found = disposition(&format!("Content-Disposition: {value}"));
        let found = found
            .as_ref()
            .map(|(name, file)| (name.as_str(), file.as_deref()));
        assert_eq!(found, expected, "{value}");
    }
}

proptest! {
    #[test]
    fn any_file_in_any_pieces(file in proptest::collection::vec(any::<u8>(), 0..300), step in 1usize..40) {
        prop_assume!(memmem::find(&file, b"\r\n--XX").is_none());
        prop_assert_eq!(run(&form(&file), step).unwrap().2, file);
    }

    #[test]
    fn hostile_bytes_do_not_panic(text in "(--XX|\r\n|--|Content-Disposition: form-data; |name=|file|\"|;|=|[a-z\u{e9}]){0,40}", step in 1usize..9) {
        let _ = run(text.as_bytes(), step);
    }

    #[test]
    fn hostile_heads_do_not_panic(text in "\\PC{0,80}") {
        let _ = (disposition(&text), boundary(&text), parameter(&text, "name"));
    }
}
