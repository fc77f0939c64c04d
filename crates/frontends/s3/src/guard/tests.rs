//! Tests of the guard: each line is a request and what becomes of it.

use http::Request;

use super::*;

const AUTH: &str = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=00";
const DATE: (&str, &str) = ("x-amz-date", "20260101T000000Z");
const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Fus-east-1\
                         %2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Signature=00\
                         &X-Amz-SignedHeaders=host";

/// The first second of 2026.
const NOW: i64 = 1_767_225_600;

fn rules(sigv2: bool) -> Rules {
    Rules {
        domains: Domains::new(&["s3.test".into()]),
        sigv2,
    }
}

fn run(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<BodyKind, String> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    inspect(&mut parts, &rules(false), NOW)
        .map(|(_, kind)| kind)
        .map_err(|error| error.code().as_str().to_owned())
}

fn check(uri: &str, headers: &[(&str, &str)], code: Option<&str>) {
    let result = run("PUT", uri, headers).err();
    assert_eq!(result.as_deref(), code, "{uri} {headers:?}");
}

#[test]
fn unsigned_headers_that_mean_something_are_refused() {
    let auth = ("authorization", AUTH);
    check("/b/k", &[auth, DATE], None);
    check("/b/k", &[auth, DATE, ("x-amz-content-sha256", "y")], None);
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
        &[("authorization", &both), DATE, ("x-amz-acl", "private")],
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
        ("", "AccessDenied"),
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
    check("/b/k", &[], None);
    check(
        "/b/k?AWSAccessKeyId=a&Signature=b&Expires=1",
        &[],
        Some("InvalidRequest"),
    );
    check(
        "/b/k%00",
        &[("authorization", AUTH), DATE],
        Some("InvalidURI"),
    );
    check(
        "/b/k?annotation",
        &[("authorization", AUTH), DATE],
        Some("NotImplemented"),
    );
    check(
        "/b",
        &[("content-type", "Multipart/Form-Data; boundary=x")],
        None,
    );
    let form = ("content-type", "Multipart/Form-Data; boundary=x");
    assert_eq!(
        run("POST", "/b/k", &[form]).unwrap_err(),
        "MethodNotAllowed"
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
    inspect(&mut parts, &Rules::default(), NOW).unwrap();
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
    assert_eq!(kind("/b/k", &[auth, DATE]), "plain");
    assert_eq!(kind("/b", &[auth, DATE]), "document");
    assert_eq!(kind("/b/", &[auth, DATE]), "document");
    assert_eq!(kind("/k", &[auth, DATE, ("host", "b.s3.test")]), "plain");
    assert_eq!(kind("/", &[auth, DATE, ("host", "b.s3.test")]), "document");
    assert_eq!(kind("/b?versioning", &[auth, DATE]), "document");
    assert_eq!(kind("/b/k", &[auth, DATE, mode]), "MissingContentLength");
    let len = ("x-amz-decoded-content-length", "12");
    assert_eq!(kind("/b/k", &[stream, DATE, mode, len]), "unsigned 12");
    let mode = ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert_eq!(kind("/b/k", &[stream, DATE, mode, len]), "signed 12");
    let len = ("x-amz-decoded-content-length", "+12");
    assert_eq!(
        kind("/b/k", &[stream, DATE, mode, len]),
        "MissingContentLength"
    );
}

#[test]
fn half_a_signature_is_not_anonymous() {
    check(
        "/b/k",
        &[("x-amz-acl", "public-read"), ("x-amz-new", "v")],
        None,
    );
    for query in [
        "X-Amz-Algorithm=a",
        "X-Amz-Credential=a",
        "x-amz-signature=a",
        "X-AMZ-SIGNEDHEADERS=host",
    ] {
        let uri = format!("/b/k?{query}");
        check(&uri, &[], Some("AuthorizationQueryParametersError"));
        let both = format!("{uri}&Signature=b");
        check(&both, &[], Some("InvalidArgument"));
    }
    for query in ["signature=a", "AWSACCESSKEYID=a"] {
        check(&format!("/b/k?{query}"), &[], Some("InvalidRequest"));
    }
    for header in [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-decoded-content-length", "3"),
        ("content-encoding", "gzip, AWS-chunked"),
    ] {
        check("/b/k", &[header], Some("InvalidRequest"));
    }
}

#[test]
fn dates_of_version_4() {
    let auth = ("authorization", AUTH);
    let request = Request::builder()
        .uri("/b/k")
        .header("authorization", AUTH)
        .header("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    inspect(&mut parts, &rules(false), NOW).unwrap();
    assert_eq!(parts.headers["x-amz-date"], "20260101T000000Z");
    check("/b/k", &[auth], Some("AccessDenied"));
    for bad in ["", "Bad Date", "Thu, 01 Jan 2026 00:00:00 GMT"] {
        check("/b/k", &[auth, ("x-amz-date", bad)], Some("AccessDenied"));
    }
}

/// What becomes of a request where version 2 is switched on.
fn check_v2(uri: &str, headers: &[(&str, &str)], code: Option<&str>) {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let error = inspect(&mut parts, &rules(true), NOW).err();
    let found = error.as_ref().map(|error| error.code().as_str());
    assert_eq!(found, code, "{uri} {headers:?}");
}

#[test]
fn version_2_in_a_header() {
    let auth = ("authorization", "AWS AK:c2ln");
    let date = ("date", "Thu, 01 Jan 2026 00:10:00 +0000");
    check_v2("/b/k", &[auth, date], None);
    check_v2("/b/k?tagging&prefix=a&x-id=Get", &[auth, date], None);
    for value in ["AWS HAHAHA", "AWS :c2ln", "AWS AK:", "AWS "] {
        let headers = [("authorization", value), date];
        let malformed = Some("InvalidArgument");
        check_v2("/b/k", &headers, malformed);
    }
    for (moment, code) in [
        ("Tue, 07 Jul 2010 21:53:04 GMT", "RequestTimeTooSkewed"),
        ("Tue, 07 Jul 9999 21:53:04 GMT", "RequestTimeTooSkewed"),
        ("Tue, 07 Jul 1950 21:53:04 GMT", "AccessDenied"),
        ("Bad Date", "AccessDenied"),
        ("", "AccessDenied"),
    ] {
        check_v2("/b/k", &[auth, ("date", moment)], Some(code));
        // It is `x-amz-date` that is signed when both are there.
        check_v2("/b/k", &[auth, date, ("x-amz-date", moment)], Some(code));
    }
    check_v2("/b/k", &[auth], Some("AccessDenied"));
    for name in ["content-type", "content-md5", "date", "x-amz-date"] {
        let value = date.1;
        let twice = [auth, date, (name, value), (name, value)];
        check_v2("/b/k", &twice, Some("InvalidArgument"));
    }
    for unsigned in [
        "/b?encryption",
        "/b?publicAccessBlock",
        "/b/k?legal-hold",
        "/b/k?X-Amz-Acl=x",
        "/b/k?Acl",
    ] {
        check_v2(unsigned, &[auth, date], Some("InvalidRequest"));
    }
    check_v2("/b/k?acl&acl", &[auth, date], Some("InvalidArgument"));
    let chunks = ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    check_v2("/b/k", &[auth, date, chunks], Some("InvalidRequest"));
}

#[test]
fn version_2_in_a_query() {
    let signed = "AWSAccessKeyId=AK&Signature=c2ln";
    let denied = Some("AccessDenied");
    check_v2(&format!("/b/k?{signed}&Expires=1767225601"), &[], None);
    check_v2(&format!("/b/k?{signed}&Expires=1767225600"), &[], denied);
    check_v2(&format!("/b/k?{signed}&Expires=never"), &[], denied);
    check_v2(
        &format!("/b/k?{signed}&Expires=9999999999999999999"),
        &[],
        denied,
    );
    check_v2(&format!("/b/k?{signed}"), &[], denied);
    let url = format!("/b/k?{signed}&Expires=1767225601&x-amz-acl=private");
    check_v2(&url, &[], None);
    check_v2(&url, &[("x-amz-acl", "private")], None);
    check_v2(&url, &[("x-amz-acl", "public-read")], denied);
    let request = Request::builder().uri(&url).body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    inspect(&mut parts, &rules(true), NOW).unwrap();
    assert_eq!(parts.headers["x-amz-acl"], "private");
}
