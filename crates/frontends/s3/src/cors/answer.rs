//! What a browser is told of a bucket's rules: in its preflight, and in the answer itself.
//!
//! Promises: without an `Origin` header nothing is looked up and nothing is added.
//! Does not: authenticate; a preflight cannot.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use s3s::dto::{CORSConfiguration, CORSRule};
use s3s::{Body, S3Error, S3Result};

use super::rule;
use crate::error::{refuse, unnamed};

/// The most headers that a preflight may ask for.
const HEADERS_MAX: usize = 100;
/// What an answer depends on, beside its address.
const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/// What of a request the rules are asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The bucket that it names.
    pub(crate) bucket: Option<String>,
    origin: Option<String>,
    /// The method that the browser asks for, when it asks.
    wanted: Option<String>,
    method: String,
    headers: Vec<String>,
}

impl Asked {
    /// Reads a request. `bucket` is the one that its host names.
    pub(crate) fn of_request(parts: &Parts, bucket: Option<String>) -> Self {
        let text = |name: HeaderName| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let headers = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let headers = headers.split(',').map(str::trim);
        Self {
            bucket: bucket.or_else(|| in_path(parts)),
            origin: text(header::ORIGIN),
            wanted: text(header::ACCESS_CONTROL_REQUEST_METHOD),
            method: parts.method.as_str().to_owned(),
            headers: headers
                .filter(|name| !name.is_empty())
                .take(HEADERS_MAX + 1)
                .map(str::to_ascii_lowercase)
                .collect(),
        }
    }

    /// Whether a browser asks for another site's page.
    pub(crate) fn is_foreign(&self) -> bool {
        self.origin.is_some()
    }

    /// Refuses a preflight that does not say what it asks.
    pub(crate) fn check_preflight(&self) -> S3Result<()> {
        let bad = |message: &str| Err(refuse(unnamed("BadRequest"), message));
        if self.origin.as_deref().is_none_or(str::is_empty) {
            return bad("Insufficient information. Origin request header needed.");
        }
        if self.wanted.as_deref().is_none_or(str::is_empty) {
            return bad("Invalid Access-Control-Request-Method: null");
        }
        if self.headers.len() > HEADERS_MAX {
            return bad("Too many Access-Control-Request-Headers");
        }
        Ok(())
    }

    /// Answers a preflight.
    pub(crate) fn preflight(
        &self,
        configuration: Option<&CORSConfiguration>,
    ) -> S3Result<Response<Body>> {
        let Some(configuration) = configuration else {
            return Err(forbidden("CORS is not enabled for this bucket."));
        };
        let mut response = Response::new(Body::empty());
        if !self.tell(configuration, &self.headers, response.headers_mut()) {
            return Err(forbidden(
                "This CORS request is not allowed. This is usually because the evalution of \
                 Origin, request method / Access-Control-Request-Method or \
                 Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
            ));
        }
        let headers = response.headers_mut();
        put(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Ok(response)
    }

    /// Adds to an answer what the browser needs to hand it to its page.
    pub(crate) fn mark(&self, configuration: &CORSConfiguration, headers: &mut HeaderMap) {
        self.tell(configuration, &[], headers);
        // Also the answer without permission holds for this origin only.
        headers.append(header::VARY, HeaderValue::from_static(VARY));
    }

    fn tell(
        &self,
        configuration: &CORSConfiguration,
        wanted_headers: &[String],
        headers: &mut HeaderMap,
    ) -> bool {
        let Some(origin) = self.origin.as_deref() else {
            return false;
        };
        let method = self.wanted.as_deref().unwrap_or(&self.method);
        let found = rule::find(configuration, origin, method, wanted_headers);
        let Some((rule, any)) = found else {
            return false;
        };
        tell_rule(rule, headers);
        if any {
            let any = HeaderValue::from_static("*");
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
        } else {
            put(
                headers,
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                &[origin.to_owned()],
            );
            let yes = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        if self.method == "OPTIONS" {
            headers.insert(header::VARY, HeaderValue::from_static(VARY));
        }
        true
    }
}

fn tell_rule(rule: &CORSRule, headers: &mut HeaderMap) {
    put(
        headers,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &rule.allowed_methods,
    );
    let exposed = rule.expose_headers.as_deref().unwrap_or_default();
    put(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if let Some(seconds) = rule.max_age_seconds {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
    }
}

/// Sets a header to a list; an empty one is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if values.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(values.join(", ")) {
        headers.insert(name, value);
    }
}

fn forbidden(reason: &str) -> S3Error {
    let code = unnamed("AccessForbidden");
    let mut error = S3Error::with_message(code, format!("CORSResponse: {reason}"));
    error.set_status_code(http::StatusCode::FORBIDDEN);
    error
}

/// The bucket that a path names.
fn in_path(parts: &Parts) -> Option<String> {
    let path = parts.uri.path().trim_start_matches('/');
    let bucket = path.split('/').next()?;
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn configuration() -> CORSConfiguration {
        let rule = |origin: &str, exposed: Option<Vec<String>>| CORSRule {
            allowed_headers: Some(vec!["x-amz-*".into()]),
            allowed_methods: vec!["GET".into(), "PUT".into()],
            allowed_origins: vec![origin.into()],
            expose_headers: exposed,
            id: None,
            max_age_seconds: Some(60),
        };
        CORSConfiguration {
            cors_rules: vec![
                rule("https://*.example", Some(vec!["etag".into(), "x".into()])),
                rule("*", None),
            ],
        }
    }

    fn asked(method: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().method(method).uri("/b/k");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Asked::of_request(&parts, None)
    }

    #[test]
    fn preflights() {
        let asked = asked(
            "OPTIONS",
            &[
                ("origin", "https://a.example"),
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "X-Amz-Acl, x-amz-meta-a"),
            ],
        );
        assert_eq!(asked.bucket.as_deref(), Some("b"));
        asked.check_preflight().unwrap();
        let response = asked.preflight(Some(&configuration())).unwrap();
        for (name, value) in [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-methods", "GET, PUT"),
            ("access-control-allow-headers", "x-amz-acl, x-amz-meta-a"),
            ("access-control-expose-headers", "etag, x"),
            ("access-control-max-age", "60"),
            ("access-control-allow-credentials", "true"),
            ("vary", VARY),
        ] {
            assert_eq!(response.headers()[name], value, "{name}");
        }
        let error = asked.preflight(None).unwrap_err();
        assert_eq!(error.status_code().unwrap(), 403);
    }

    #[test]
    fn preflights_that_fail() {
        let method = ("access-control-request-method", "DELETE");
        let origin = ("origin", "https://a.example");
        for headers in [&[][..], &[origin], &[method]] {
            let error = asked("OPTIONS", headers).check_preflight().unwrap_err();
            assert_eq!(error.status_code().unwrap(), 400);
        }
        let other = asked("OPTIONS", &[origin, method]);
        other.check_preflight().unwrap();
        let error = other.preflight(Some(&configuration())).unwrap_err();
        assert_eq!(error.code().as_str(), "AccessForbidden");
        let many = vec!["x-amz-a"; HEADERS_MAX + 1].join(",");
        let many = ("access-control-request-headers", many.as_str());
        assert!(
            asked("OPTIONS", &[origin, method, many])
                .check_preflight()
                .is_err()
        );
    }

    #[test]
    fn answers() {
        let mark = |method: &str, headers: &[(&str, &str)]| {
            let mut marked = HeaderMap::new();
            asked(method, headers).mark(&configuration(), &mut marked);
            marked
        };
        let marked = mark("GET", &[("origin", "null")]);
        assert_eq!(marked["access-control-allow-origin"], "*");
        assert!(!marked.contains_key("access-control-allow-credentials"));
        let marked = mark("DELETE", &[("origin", "null")]);
        assert!(!marked.contains_key("access-control-allow-origin"));
        assert_eq!(marked["vary"], VARY);
        // A browser asks for the method that it then uses; what it asks for decides.
        let wanted = ("access-control-request-method", "GET");
        let marked = mark("DELETE", &[("origin", "null"), wanted]);
        assert_eq!(marked["access-control-allow-methods"], "GET, PUT");
    }
}
