//! The answer to a form: what its maker asked for, made of the answer to the PUT.
//!
//! Promises: a redirect leads to an address of the web that the form named, or is not made; an error
//! stays what it is.
//! Does not: decide whether the upload succeeded.

use http::{HeaderValue, Response, StatusCode, Uri, header};
use s3s::Body;

use super::fields::Fields;
use crate::answer::escape as escape_xml;
use crate::escape;

/// What the form asked for in the case of success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    bucket: String,
    key: String,
    redirect: Option<String>,
    status: StatusCode,
}

impl Reply {
    /// Reads the wishes of a form.
    pub(super) fn of_form(fields: &Fields, bucket: &str) -> Self {
        let redirect = fields
            .get("success_action_redirect")
            .or_else(|| fields.get("redirect"));
        let status = match fields.get("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        Self {
            bucket: bucket.to_owned(),
            key: fields.get("key").unwrap_or_default().to_owned(),
            redirect: redirect.filter(|url| is_address(url)).map(str::to_owned),
            status,
        }
    }

    /// Makes the form's answer of the PUT's.
    pub(crate) fn finish(self, mut response: Response<Body>) -> Response<Body> {
        if !response.status().is_success() {
            return response;
        }
        let etag = response.headers().get(header::ETAG);
        let etag = etag
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let path = format!("/{}/{}", self.bucket, escape::path(&self.key));
        let (status, location, body) = match self.redirect(&etag) {
            Some(location) => (StatusCode::SEE_OTHER, location, String::new()),
            None if self.status == StatusCode::CREATED => {
                (self.status, path.clone(), self.document(&path, &etag))
            }
            None => (self.status, path, String::new()),
        };
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_TYPE);
        if let Ok(location) = HeaderValue::try_from(location) {
            headers.insert(header::LOCATION, location);
        }
        if !body.is_empty() {
            let kind = HeaderValue::from_static("application/xml");
            headers.insert(header::CONTENT_TYPE, kind);
        }
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        *response.status_mut() = status;
        *response.body_mut() = if body.is_empty() {
            Body::empty()
        } else {
            Body::from(body)
        };
        response
    }

    fn redirect(&self, etag: &str) -> Option<String> {
        let url = self.redirect.as_deref()?;
        let (address, fragment) = match url.split_once('#') {
            Some((address, fragment)) => (address, format!("#{fragment}")),
            None => (url, String::new()),
        };
        let join = if address.contains('?') { '&' } else { '?' };
        Some(format!(
            "{address}{join}bucket={}&key={}&etag={}{fragment}",
            escape::whole(&self.bucket),
            escape::whole(&self.key),
            escape::whole(etag)
        ))
    }

    fn document(&self, path: &str, etag: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location>\
             <Bucket>{}</Bucket><Key>{}</Key><ETag>{}</ETag></PostResponse>",
            escape_xml(path),
            escape_xml(&self.bucket),
            escape_xml(&self.key),
            escape_xml(etag)
        )
    }
}

/// Whether a text is an absolute address of the web that a header can carry.
fn is_address(url: &str) -> bool {
    let plain = url.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    let parsed = url.split('#').next().unwrap_or_default().parse::<Uri>();
    plain
        && parsed.is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(pairs: &[(&str, &str)]) -> Response<Body> {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.add(name, (*value).to_owned()).unwrap();
        }
        let mut response = Response::new(Body::empty());
        let etag = HeaderValue::from_static("\"e\"");
        response.headers_mut().insert(header::ETAG, etag);
        Reply::of_form(&fields, "b").finish(response)
    }

    fn location(response: &Response<Body>) -> &str {
        response.headers()["location"].to_str().unwrap()
    }

    #[test]
    fn statuses() {
        for (asked, status) in [
            ("200", 200),
            ("201", 201),
            ("204", 204),
            ("404", 204),
            ("", 204),
        ] {
            let response = finish(&[("key", "a&b"), ("success_action_status", asked)]);
            assert_eq!(response.status(), status);
            assert_eq!(location(&response), "/b/a%26b");
            let body = response.body().bytes().unwrap_or_default();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert_eq!(text.contains("<Key>a&amp;b</Key>"), status == 201);
        }
    }

    #[test]
    fn redirects() {
        let to = |url: &str| {
            let response = finish(&[("key", "k/1"), ("success_action_redirect", url)]);
            (response.status().as_u16(), location(&response).to_owned())
        };
        let query = "bucket=b&key=k%2F1&etag=%22e%22";
        assert_eq!(to("http://h/p"), (303, format!("http://h/p?{query}")));
        assert_eq!(
            to("https://h/p?x=y#z"),
            (303, format!("https://h/p?x=y&{query}#z"))
        );
        for bad in [
            "",
            "/p",
            "javascript:alert(1)",
            "http://h/\r\nx: y",
            "h/p",
            "http:///p",
        ] {
            assert_eq!(to(bad).0, 204, "{bad}");
        }
    }

    #[test]
    fn errors_stay() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FORBIDDEN;
        let reply = Reply::of_form(&Fields::default(), "b");
        assert_eq!(reply.finish(response).status(), 403);
    }
}
