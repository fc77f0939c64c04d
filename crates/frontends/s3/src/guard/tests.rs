//! Tests of the guard: each line is a request and what becomes of it.

use http::Request;

use super::*;

const AUTH: &str = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=00";
const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Fus-east-1\
                         %2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Signature=00\
                         &X-Amz-SignedHeaders=host";

fn run(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<BodyKind, String> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    inspect(&mut parts, &Domains::new(&["s3.test".into()]))
        .map_err(|error| error.code().as_str().to_owned())
}

fn check(uri: &str, headers: &[(&str, &str)], code: Option<&str>) {
    let result = run("PUT", uri, headers).err();
    assert_eq!(result.as_deref(), code, "{uri} {headers:?}");
}

#[test]
fn unsigned_headers_that_mean_something_are_refused() {
    let auth = ("authorization", AUTH);
    check("/b/k", &[auth], None);
    check(
        "/b/k",
        &[auth, ("x-amz-date", "x"), ("x-amz-content-sha256", "y")],
        None,
    );
    for name in [
        "x-amz-acl",
        "x-amz-meta-a",
        "x-amz-copy-source",
        "x-amz-decoded-content-length",
        "x-amz-new",
    ] {
        check("/b/k", &[auth, (name, "v")], Some("AccessDenied"));
        check(
            &format!("/b/k?{PRESIGNED}&X-Amz-Expires=60"),
            &[(name, "v")],
            Some("AccessDenied"),
        );
    }
    let both = AUTH.replace("host;", "host;x-amz-acl;");
    check(
        "/b/k",
        &[("authorization", &both), ("x-amz-acl", "private")],
        None,
    );
    let no_host = AUTH.replace("host;", "");
    check("/b/k", &[("authorization", &no_host)], Some("AccessDenied"));
}

#[test]
fn a_name_that_only_looks_like_a_header_signs_nothing() {
    let refused = |auth: &str| {
        let result = run(
            "PUT",
            "/b/k",
            &[("authorization", auth), ("x-amz-acl", "private")],
        );
        assert_eq!(result.err().as_deref(), Some("AccessDenied"), "{auth}");
    };
    for name in [" x-amz-acl", "x-amz-acl ", "X-Amz-Acl", "x-amz-ac%6C"] {
        refused(&AUTH.replace("host;", &format!("host;{name};")));
        refused(&AUTH.replace("x-amz-date,", &format!("x-amz-date;{name},")));
    }
}

#[test]
fn mechanisms() {
    let cases = [
        ("AWS AK:signature", "InvalidRequest"),
        ("Basic abc", "InvalidArgument"),
        ("AWS4-HMAC-SHA256 nonsense", "AuthorizationHeaderMalformed"),
        (
            "AWS4-HMAC-SHA256 Credential=AK/20260101/r/sts/aws4_request, SignedHeaders=host, Signature=0",
            "AuthorizationHeaderMalformed",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AK/20260101/r/s3/aws4_request, SignedHeaders=host, \
          SignedHeaders=x, Signature=0",
            "AuthorizationHeaderMalformed",
        ),
    ];
    for (value, code) in cases {
        check("/b/k", &[("authorization", value)], Some(code));
    }
    check("/b/k", &[], Some("AccessDenied"));
    check(
        "/b/k?AWSAccessKeyId=a&Signature=b&Expires=1",
        &[],
        Some("InvalidRequest"),
    );
    check("/b/k%00", &[("authorization", AUTH)], Some("InvalidURI"));
    check(
        "/b/k?renameObject",
        &[("authorization", AUTH)],
        Some("NotImplemented"),
    );
    check(
        "/b",
        &[("content-type", "Multipart/Form-Data; boundary=x")],
        Some("NotImplemented"),
    );
}

#[test]
fn presigned_urls() {
    let error = Some("AuthorizationQueryParametersError");
    check(&format!("/b/k?{PRESIGNED}&X-Amz-Expires=604800"), &[], None);
    check(
        &format!("/b/k?{PRESIGNED}&X-Amz-Expires=604801"),
        &[],
        error,
    );
    check(&format!("/b/k?{PRESIGNED}&X-Amz-Expires=0"), &[], error);
    check(&format!("/b/k?{PRESIGNED}&X-Amz-Expires=-1"), &[], error);
    check(&format!("/b/k?{PRESIGNED}"), &[], error);
    let twice = format!("/b/k?{PRESIGNED}&X-Amz-Expires=60&X%2DAmz-SignedHeaders=host%3Bx-amz-acl");
    check(&twice, &[("x-amz-acl", "public-read")], error);
    let url = format!("/b/k?{PRESIGNED}&X-Amz-Expires=60");
    check(&url, &[("authorization", AUTH)], Some("InvalidArgument"));
}

#[test]
fn headers_in_a_signed_query_count() {
    let uri = format!("/b/k?{PRESIGNED}&X-Amz-Expires=60&x-amz-meta-colour=red");
    let request = Request::builder().uri(uri).body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    inspect(&mut parts, &Domains::default()).unwrap();
    assert_eq!(parts.headers["x-amz-meta-colour"], "red");
    assert!(!parts.headers.contains_key("x-amz-expires"));
}

#[test]
fn bodies_are_told_apart() {
    let auth = ("authorization", AUTH);
    let stream = AUTH.replace("x-amz-date", "x-amz-date;x-amz-decoded-content-length");
    let stream = ("authorization", stream.as_str());
    let mode = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let kind = |uri: &str, headers: &[(&str, &str)]| match run("PUT", uri, headers) {
        Ok(BodyKind::Plain) => "plain".to_owned(),
        Ok(BodyKind::Chunked(Chunks::Signed, len)) => format!("signed {len}"),
        Ok(BodyKind::Chunked(Chunks::Unsigned, len)) => format!("unsigned {len}"),
        Ok(BodyKind::Document(_)) => "document".to_owned(),
        Err(code) => code,
    };
    assert_eq!(kind("/b/k", &[auth]), "plain");
    assert_eq!(kind("/b", &[auth]), "document");
    assert_eq!(kind("/b/", &[auth]), "document");
    assert_eq!(kind("/k", &[auth, ("host", "b.s3.test")]), "plain");
    assert_eq!(kind("/", &[auth, ("host", "b.s3.test")]), "document");
    assert_eq!(kind("/b?versioning", &[auth]), "document");
    assert_eq!(kind("/b/k", &[auth, mode]), "MissingContentLength");
    let len = ("x-amz-decoded-content-length", "12");
    assert_eq!(kind("/b/k", &[stream, mode, len]), "unsigned 12");
    let mode = ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert_eq!(kind("/b/k", &[stream, mode, len]), "signed 12");
    let len = ("x-amz-decoded-content-length", "+12");
    assert_eq!(kind("/b/k", &[stream, mode, len]), "MissingContentLength");
}
