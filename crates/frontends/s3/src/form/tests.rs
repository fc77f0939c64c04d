//! Tests of forms as a whole, up to the request that they become.

use http::Request;

use super::*;

fn target_of(method: &str, uri: &str, host: &str, kind: &str) -> Option<String> {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("host", host)
        .header("content-type", kind);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    target(&parts, &Domains::new(&["s3.test".into()]))
}

#[test]
fn where_forms_go() {
    let form = "multipart/form-data; boundary=x";
    let to = |uri, host| target_of("POST", uri, host, form);
    assert_eq!(to("/b", "h").as_deref(), Some("b"));
    assert_eq!(to("/b/", "h").as_deref(), Some("b"));
    assert_eq!(to("/", "b.s3.test").as_deref(), Some("b"));
    assert_eq!(to("/", "s3.test"), None);
    assert_eq!(to("/b/k", "h"), None);
    assert_eq!(to("/k", "b.s3.test"), None);
    assert_eq!(target_of("PUT", "/b", "h", form), None);
    assert_eq!(target_of("POST", "/b", "h", "application/xml"), None);
}

fn form_of(key: &str, name: Option<&str>) -> Form {
    let body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc\r\n--x--\r\n"
    );
    let read = parser::read(Body::from(body), "x", Verdict::default());
    let mut form = futures::executor::block_on(read).unwrap();
    form.file_name = name.map(str::to_owned);
    form
}

#[test]
fn keys_take_the_name_of_the_file() {
    for (key, name, expected) in [
        ("a/${filename}", Some("f.txt"), Some("a/f.txt")),
        ("a/${filename}", None, Some("a/")),
        ("${filename}", None, None),
        ("plain", Some("f"), Some("plain")),
        (r"\$foo.txt", Some("f"), Some(r"\$foo.txt")),
    ] {
        let mut form = form_of(key, name);
        let named = name_key(&mut form).ok();
        let found = named.and_then(|()| form.fields.get("key"));
        assert_eq!(found, expected);
    }
}

#[test]
fn files_keep_within_bounds() {
    use futures::StreamExt;

    for (bounds, code) in [
        ((0, u64::MAX), None),
        ((3, 3), None),
        ((0, 2), Some("EntityTooLarge")),
        ((4, 9), Some("EntityTooSmall")),
    ] {
        let verdict = Verdict::default();
        let file = Bounded {
            inner: form_of("k", None).file,
            seen: 0,
            bounds,
            ended: false,
            verdict: verdict.clone(),
        };
        let pieces: Vec<_> = futures::executor::block_on(file.collect());
        assert_eq!(pieces.iter().any(Result::is_err), code.is_some());
        let found = verdict.read().map(|(code, _)| code.as_str());
        assert_eq!(found, code);
    }
}
