//! Browsers: which pages of other sites may use a container.
//!
//! A container names the sites in its metadata `Access-Control-Allow-Origin`, separated by blanks, or `*`.
//!
//! Promises: what is not allowed is not marked, so that the browser keeps it from the page.

use dolium_store::Attributes;
use http::{HeaderMap, Response, StatusCode};

use super::{Call, OBJECT_METHODS};
use crate::answer::{bare, refused, set};
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::metadata::USER;
use crate::service::Front;
use crate::target::Target;

const ALLOW: &str = "access-control-allow-origin";
const MAX_AGE: &str = "access-control-max-age";
const EXPOSE: &str = "access-control-expose-headers";
/// Headers that every page may see.
const EXPOSED: [&str; 12] = [
    "cache-control",
    "content-language",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "pragma",
    "x-container-meta-access-control-allow-origin",
    "x-openstack-request-id",
    "x-timestamp",
    "x-trans-id",
    "x-storage-policy",
];

/// What a container says of other sites.
struct Rules {
    origins: String,
    attributes: Attributes,
}

impl Rules {
    async fn of(front: &Front, target: &Target) -> Result<Option<Self>> {
        if target.container.is_none() {
            return Ok(None);
        }
        let name = target.container_name()?;
        let found = front
            .store
            .container_attributes(&name)
            .await
            .map_err(of_store)?;
        Ok(found.and_then(|(_, attributes)| {
            let origins = attributes.get(USER, ALLOW)?.to_owned();
            Some(Self {
                origins,
                attributes,
            })
        }))
    }

    fn allows(&self, origin: &str) -> bool {
        self.origins
            .split_whitespace()
            .any(|allowed| allowed == "*" || allowed == origin)
    }

    /// What is written for an allowed site.
    fn written<'a>(&'a self, origin: &'a str) -> &'a str {
        if self.origins.trim() == "*" {
            "*"
        } else {
            origin
        }
    }
}

/// Answers OPTIONS.
pub(super) async fn preflight(front: &Front, call: &Call) -> Result<Response<Body>> {
    let mut headers = HeaderMap::new();
    set(&mut headers, "allow", OBJECT_METHODS);
    let Some(origin) = call.header("origin") else {
        return Ok(bare(StatusCode::OK, headers));
    };
    if call.target.container.is_none() {
        // Accounts have no rules: the browser sees that no site is named, and keeps the page away.
        return Ok(bare(StatusCode::OK, headers));
    }
    let rules = Rules::of(front, &call.target).await?;
    let method = call
        .header("access-control-request-method")
        .unwrap_or_default();
    let known = OBJECT_METHODS.split(", ").any(|known| known == method);
    let Some(rules) = rules.filter(|rules| known && rules.allows(origin)) else {
        let refusal = Refusal::of(StatusCode::UNAUTHORIZED);
        return Err(refusal.with_headers(headers));
    };
    set(&mut headers, ALLOW, rules.written(origin));
    set(&mut headers, "access-control-allow-methods", OBJECT_METHODS);
    set(
        &mut headers,
        "vary",
        "Origin, Access-Control-Request-Headers",
    );
    if let Some(age) = rules.attributes.get(USER, MAX_AGE) {
        set(&mut headers, MAX_AGE, age);
    }
    if let Some(asked) = call.header("access-control-request-headers") {
        let asked: Vec<&str> = asked
            .split(',')
            .map(str::trim)
            .filter(|h| !h.is_empty())
            .collect();
        set(
            &mut headers,
            "access-control-allow-headers",
            asked.join(", "),
        );
    }
    Ok(bare(StatusCode::OK, headers))
}

/// A request from the page of a site.
pub(super) struct Origin {
    origin: String,
    target: Target,
    anonymous: bool,
}

impl Origin {
    pub(super) fn of(call: &Call) -> Option<Self> {
        let origin = call.header("origin")?.to_owned();
        Some(Self {
            origin,
            target: call.target.clone(),
            anonymous: call.caller.principal().is_none(),
        })
    }

    /// Tells the browser whether the page may have the answer.
    pub(super) async fn mark(
        self,
        front: &Front,
        answered: Result<Response<Body>>,
    ) -> Response<Body> {
        let realm = &self.target.account;
        let mut response =
            answered.unwrap_or_else(|refusal| refused(refusal, self.anonymous, realm));
        // Without rules the browser keeps the answer from the page, which is safe.
        let Ok(Some(rules)) = Rules::of(front, &self.target).await else {
            return response;
        };
        if !rules.allows(&self.origin) {
            return response;
        }
        let headers = response.headers_mut();
        let mut exposed: Vec<String> = EXPOSED.iter().map(|&name| name.to_owned()).collect();
        if let Some(more) = rules.attributes.get(USER, EXPOSE) {
            let more = more.split([',', ' ']).filter(|name| !name.is_empty());
            exposed.extend(more.map(str::to_ascii_lowercase));
        }
        let own = headers.keys().map(|name| name.as_str().to_owned());
        exposed.extend(own.filter(|name| {
            name.starts_with("x-object-meta-") || name.starts_with("x-container-meta-")
        }));
        exposed.sort();
        exposed.dedup();
        set(headers, EXPOSE, exposed.join(", "));
        set(headers, ALLOW, rules.written(&self.origin));
        if rules.origins.trim() != "*" {
            set(headers, "vary", "Origin");
        }
        response
    }
}
