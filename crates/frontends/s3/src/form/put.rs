//! The PUT that a form stands for.
//!
//! Promises: only headers that this file names are made of fields, so a form can do nothing but write one
//! object from its file.
//! Does not: verify fields.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Version};
use s3s::dto::Tagging;
use s3s::{Body, S3ErrorCode, S3Result, xml};

use super::fields::Fields;
use crate::checksum::Algorithm;
use crate::document;
use crate::error::refuse;
use crate::escape;
use crate::host::PATH_STYLE;
use crate::tagging;

/// Headers of the form's request that a permission may depend on.
const KEPT: [HeaderName; 2] = [header::REFERER, header::USER_AGENT];
/// Fields that are headers of the same name.
const PLAIN: [&str; 11] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "x-amz-acl",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];
/// Beginnings of such fields.
const PLAIN_BEGINNINGS: [&str; 4] = [
    "x-amz-meta-",
    "x-amz-object-lock-",
    "x-amz-grant-",
    "x-amz-server-side-encryption",
];

/// Builds the request, in path style.
pub(super) fn request(
    mut parts: Parts,
    fields: &Fields,
    bucket: &str,
    body: Body,
) -> S3Result<Request<Body>> {
    let key = fields.get("key").unwrap_or_default();
    let path = format!("/{bucket}/{}", escape::path(key));
    parts.uri = path
        .parse()
        .map_err(|_| refuse(S3ErrorCode::InvalidURI, "Couldn't parse the specified URI."))?;
    parts.method = Method::PUT;
    parts.version = Version::HTTP_11;
    let mut headers = HeaderMap::new();
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(header::HOST, HeaderValue::from_static(PATH_STYLE));
    for (name, value) in fields.iter() {
        match name {
            "acl" => set(&mut headers, "x-amz-acl", value)?,
            "tagging" => set(&mut headers, "x-amz-tagging", &tags(value)?)?,
            name if is_plain(name) => set(&mut headers, name, value)?,
            _ => {}
        }
    }
    parts.headers = headers;
    Ok(Request::from_parts(parts, body))
}

fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name)
        || PLAIN_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || Algorithm::ALL
            .iter()
            .any(|algorithm| algorithm.header() == name)
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) -> S3Result<()> {
    let bad = || {
        let message = format!("The value of the form field {name} is not valid");
        refuse(S3ErrorCode::InvalidArgument, message)
    };
    let header = HeaderName::try_from(name).map_err(|_| bad())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|_| bad())?;
    // `acl` and `x-amz-acl` are one header.
    match headers.insert(header, value) {
        None => Ok(()),
        Some(_) => Err(bad()),
    }
}

/// A tag set in XML as the header writes it.
fn tags(text: &str) -> S3Result<String> {
    let bad = || {
        let message = "The XML of the form field tagging is not well-formed";
        refuse(S3ErrorCode::MalformedXML, message)
    };
    document::inspect(text.as_bytes()).map_err(|_| bad())?;
    let mut reader = xml::Deserializer::new(text.as_bytes());
    let tagging = <Tagging as xml::Deserialize>::deserialize(&mut reader).map_err(|_| bad())?;
    reader.expect_eof().map_err(|_| bad())?;
    let tags = tagging::of_object_document(&tagging)?;
    let pair = |(key, value): (&String, &String)| {
        format!("{}={}", escape::whole(key), escape::whole(value))
    };
    let pairs: Vec<String> = tags.iter().map(pair).collect();
    Ok(pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(pairs: &[(&str, &str)]) -> S3Result<Request<Body>> {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.add(name, (*value).to_owned()).unwrap();
        }
        let request = Request::builder()
            .method("POST")
            .uri("http://b.s3.test/")
            .header("referer", "https://example.org")
            .header("x-amz-copy-source", "/other/secret")
            .header("content-type", "multipart/form-data; boundary=x");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        self::request(parts, &fields, "b", Body::empty())
    }

    #[test]
    fn only_known_fields_become_headers() {
        let request = build(&[
            ("key", "a b/%2F?ü"),
            ("acl", "public-read"),
            ("Content-Type", "text/plain"),
            ("x-amz-meta-colour", "red"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-copy-source", "/other/secret"),
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-decoded-content-length", "1"),
            ("authorization", "x"),
            ("range", "bytes=0-1"),
        ])
        .unwrap();
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.uri(), "/b/a%20b/%252F%3F%C3%BC");
        let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "content-type",
            "host",
            "referer",
            "x-amz-acl",
            "x-amz-checksum-crc32",
            "x-amz-meta-colour",
        ];
        assert_eq!(names, expected);
        assert_eq!(request.headers()["content-type"], "text/plain");
    }

    #[test]
    fn values_that_are_no_headers_are_refused() {
        assert!(build(&[("key", "k"), ("x-amz-meta-a", "b\r\nc: d")]).is_err());
        assert!(build(&[("key", "k"), ("x-amz-meta- a", "b")]).is_err());
        assert!(build(&[("key", "k"), ("acl", "a"), ("x-amz-acl", "b")]).is_err());
    }

    #[test]
    fn tag_sets() {
        let xml = "<Tagging><TagSet><Tag><Key>a &amp; b</Key><Value>1/2</Value></Tag>\
                   <Tag><Key>c</Key><Value></Value></Tag></TagSet></Tagging>";
        assert_eq!(tags(xml).unwrap(), "a%20%26%20b=1%2F2&c=");
        for bad in [
            "",
            "<Tagging>",
            "<!DOCTYPE a><Tagging/>",
            "a=b",
            "<Tagging/>x",
        ] {
            assert!(tags(bad).is_err(), "{bad}");
        }
    }
}
