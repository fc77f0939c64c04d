//! Forms: the file in a body of `multipart/form-data`, streamed.
//!
//! Promises: holds what came last and no more than a boundary of what came before; what is before the file
//! is bounded.

use bytes::{Buf, Bytes, BytesMut};
use dolium_store::{Error, ErrorKind, Reason};
use futures::{Stream, StreamExt, stream};

use super::fault::{Fault, Result, of_store};

/// The name of the field that is the file.
const FIELD: &str = "X-Object-Data";
/// The most bytes of fields before the file, and of the head of one.
const PREFACE_MAX: usize = 64 << 10;
/// The longest boundary, as RFC 2046 has it.
const BOUNDARY_MAX: usize = 70;

/// The file of a form.
pub(super) struct File {
    /// Its type, if the form names one.
    pub(super) content_type: Option<String>,
    /// Its bytes.
    pub(super) body: dolium_store::Body,
}

/// The boundary that a type names.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let rest = content_type.strip_prefix("multipart/form-data")?;
    let value = rest.split(';').find_map(|word| {
        let (name, value) = word.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let value = value.trim_matches('"');
    (!value.is_empty() && value.len() <= BOUNDARY_MAX).then(|| value.to_owned())
}

/// Reads a form up to its file.
pub(super) async fn file(mut body: dolium_store::Body, boundary: &str) -> Result<File> {
    let bad = || Fault::bad("The form has no field X-Object-Data");
    let mark = format!("\r\n--{boundary}").into_bytes();
    // The first mark has no line before it.
    let mut held = BytesMut::from(&b"\r\n"[..]);
    let mut passed = 0usize;
    loop {
        if let Some(head) = next_part(&mut held, &mark, &mut passed)? {
            let head = String::from_utf8_lossy(&head).into_owned();
            if names_field(&head) {
                return Ok(File {
                    content_type: header(&head, "content-type"),
                    body: until_mark(body, held, mark).boxed(),
                });
            }
            continue;
        }
        if passed + held.len() > PREFACE_MAX {
            return Err(Fault::bad("The form is too long before its file"));
        }
        match body.next().await {
            Some(bytes) => held.extend_from_slice(&bytes.map_err(of_store)?),
            None => return Err(bad()),
        }
    }
}

/// Goes behind the head of the next part, if all of it is there; gives the head.
fn next_part(held: &mut BytesMut, mark: &[u8], passed: &mut usize) -> Result<Option<Bytes>> {
    let Some(at) = find(held, mark) else {
        return Ok(None);
    };
    let head_at = at + mark.len();
    let rest = held.get(head_at..).unwrap_or_default();
    if rest.starts_with(b"--") {
        return Err(Fault::bad("The form has no field X-Object-Data"));
    }
    let Some(len) = find(rest, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = Bytes::copy_from_slice(&rest[..len]);
    let end = head_at + len + 4;
    *passed += end;
    if *passed > PREFACE_MAX {
        return Err(Fault::bad("The form is too long before its file"));
    }
    held.advance(end);
    Ok(Some(head))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes
        .windows(what.len().max(1))
        .position(|window| window == what)
}

fn header(head: &str, name: &str) -> Option<String> {
    head.split("\r\n").find_map(|line| {
        let (known, value) = line.split_once(':')?;
        let same = known.trim().eq_ignore_ascii_case(name);
        (same && !value.trim().is_empty()).then(|| value.trim().to_owned())
    })
}

fn names_field(head: &str) -> bool {
    let disposition = header(head, "content-disposition").unwrap_or_default();
    disposition.split(';').any(|word| {
        let word = word.trim().split_once('=');
        word.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("name") && value.trim_matches('"') == FIELD
        })
    })
}

/// The bytes up to the next mark, of which `held` has come already.
fn until_mark(
    body: dolium_store::Body,
    held: BytesMut,
    mark: Vec<u8>,
) -> impl Stream<Item = dolium_store::Result<Bytes>> {
    let state = Some((body, held, mark));
    stream::try_unfold(state, |state| async move {
        let Some((mut body, mut held, mark)) = state else {
            return Ok(None);
        };
        loop {
            if let Some(at) = find(&held, &mark) {
                return Ok(Some((held.split_to(at).freeze(), None)));
            }
            // What may be the beginning of a mark waits.
            if held.len() > mark.len() {
                let out = held.split_to(held.len() - mark.len());
                return Ok(Some((out.freeze(), Some((body, held, mark)))));
            }
            match body.next().await {
                Some(bytes) => held.extend_from_slice(&bytes?),
                None => {
                    let context = "the form broke off within its file";
                    let reason = Reason::BodyFailed;
                    return Err(Error::because(ErrorKind::Invalid, reason, context));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use proptest::prelude::*;

    use super::*;

    fn read(form: &[u8], step: usize) -> Option<(Option<String>, Vec<u8>)> {
        let pieces: Vec<_> = form
            .chunks(step.max(1))
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let body = stream::iter(pieces).boxed();
        futures::executor::block_on(async {
            let file = file(body, "xyz").await.ok()?;
            let bytes: Vec<Bytes> = file.body.try_collect().await.ok()?;
            Some((file.content_type, bytes.concat()))
        })
    }

    fn form(data: &[u8]) -> Vec<u8> {
        let head = "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--xyz\r\n\
                    Content-Disposition: form-data; name=\"X-Object-Data\"; filename=\"f\"\r\n\
                    Content-Type: text/plain\r\n\r\n";
        [head.as_bytes(), data, b"\r\n--xyz--\r\n"].concat()
    }

    #[test]
    fn forms() {
        let kind = Some("text/plain".to_owned());
        for data in [&b""[..], b"hello", b"\r\n", b"\r\n--xy", b"--xyz"] {
            for step in [1, 2, 7, 1000] {
                let found = read(&form(data), step);
                assert_eq!(
                    found,
                    Some((kind.clone(), data.to_vec())),
                    "{data:?} {step}"
                );
            }
        }
        assert_eq!(read(b"--xyz--", 9), None);
        assert_eq!(read(b"", 9), None);
        let cut = form(b"hello");
        assert_eq!(read(&cut[..cut.len() - 12], 9), None);
        assert_eq!(read(&[b'a'; 100_000], 1000), None);
        let of = |text: &str| boundary(text);
        assert_eq!(
            of("multipart/form-data; boundary=\"xyz\"").as_deref(),
            Some("xyz")
        );
        assert_eq!(of("multipart/form-data"), None);
        assert_eq!(of("text/plain; boundary=x"), None);
    }

    proptest! {
        #[test]
        fn files_come_back(data in proptest::collection::vec(0u8..=255, 0..300), step in 1usize..50) {
            let found = read(&form(&data), step).map(|(_, data)| data);
            prop_assert_eq!(found, Some(data));
        }

        #[test]
        fn hostile_forms_never_panic(form in "(--xyz|\r\n|-|name=|X-Object-Data|:|a){0,40}", step in 1usize..9) {
            let _ = read(form.as_bytes(), step);
        }
    }
}
