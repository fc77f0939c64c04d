//! Containers shown as websites: an index page, listings for people, pages for errors.
//!
//! A container says so in its metadata (`Web-Index`, `Web-Error`, `Web-Listings` with `-Css` and `-Label`,
//! `Web-Directory-Type`). Visitors without a token see it that way, and others who ask for it by
//! `X-Web-Mode`.
//!
//! Promises: a visitor sees nothing that the same caller could not read without it.

use dolium_store::{ContainerView, ListEntry, ListRequest, Version};
use http::{HeaderMap, Method, Response, StatusCode};

use super::object::{read, reply};
use super::{Call, source, symlink, temp_url};
use crate::answer::{document, paged, set};
use crate::body::Body;
use crate::describe::{is_true, says_yes};
use crate::error::{Refusal, Result, of_store};
use crate::listing::LIMIT_MAX;
use crate::listing::entry::text;
use crate::metadata::USER;
use crate::service::Front;
use crate::target::{quote, unquote};
use crate::time::http_date;

/// The type of objects that stand for a directory.
const DIRECTORY: &str = "application/directory";
/// Parameters of a signed URL that links carry on.
const SIGNED: [&str; 3] = ["temp_url_prefix", "temp_url_expires", "temp_url_sig"];

/// What a container says of its website.
struct Site {
    index: Option<String>,
    error: Option<String>,
    listings: bool,
    css: Option<String>,
    label: Option<String>,
    directory: String,
}

impl Site {
    fn of(view: &ContainerView) -> Option<Self> {
        let attributes = &view.container.attributes;
        let given = |name: &str| {
            let value = attributes.get(USER, name).map(str::trim);
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let site = Self {
            index: given("web-index"),
            error: given("web-error"),
            listings: given("web-listings").is_some_and(|value| is_true(value.as_bytes())),
            css: given("web-listings-css"),
            label: given("web-listings-label"),
            directory: given("web-directory-type").unwrap_or_else(|| DIRECTORY.to_owned()),
        };
        (site.index.is_some() || site.error.is_some() || site.listings).then_some(site)
    }
}

/// Shows a container or something in it as a website, if the request is one for that. `None` is any other
/// request.
pub(super) async fn answer(front: &Front, call: &Call) -> Result<Option<Response<Body>>> {
    let reads = matches!(call.method, Method::GET | Method::HEAD);
    let mode = says_yes(&call.headers, "x-web-mode");
    let visitor = call.caller.principal().is_none();
    if !reads || call.target.container.is_none() || !(visitor || mode) {
        return Ok(None);
    }
    let name = call.target.container_name()?;
    let view = front
        .store
        .peek_container(&call.caller, &name)
        .await
        .map_err(of_store)?;
    let Some(site) = view.as_ref().and_then(Site::of) else {
        return Ok(None);
    };
    let visit = Visit { front, call, site };
    match visit.page().await {
        Ok(response) => Ok(Some(response)),
        Err(refusal) => visit.excuse(refusal).await.map(Some),
    }
}

struct Visit<'a> {
    front: &'a Front,
    call: &'a Call,
    site: Site,
}

impl Visit<'_> {
    async fn page(&self) -> Result<Response<Body>> {
        let Some(object) = &self.call.target.object else {
            return self.root().await;
        };
        let shown = self.object(object).await;
        match shown {
            Ok(Some(response)) => return Ok(response),
            Ok(None) => {}
            Err(refusal) if refusal.is_not_found() => {}
            Err(refusal) => return Err(refusal),
        }
        // There is no such page, or only what stands for a directory.
        let directory = object.trim_end_matches('/');
        if !self.call.path.ends_with('/') {
            return match self.has_below(directory).await? {
                true => Ok(self.with_slash()),
                false => Err(Refusal::of(StatusCode::NOT_FOUND)),
            };
        }
        if let Some(index) = &self.site.index {
            let page = self.object(&format!("{directory}/{index}")).await;
            match page {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => {}
                Err(refusal) if refusal.is_not_found() => {}
                Err(refusal) => return Err(refusal),
            }
        }
        self.listing(&format!("{directory}/")).await
    }

    async fn root(&self) -> Result<Response<Body>> {
        if self.site.index.is_none() && !self.site.listings {
            return Err(Refusal::of(StatusCode::NOT_FOUND));
        }
        if !self.call.path.ends_with('/') {
            return Ok(self.with_slash());
        }
        if let Some(index) = &self.site.index {
            match self.object(index).await {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => {}
                Err(refusal) if refusal.is_not_found() => {}
                Err(refusal) => return Err(refusal),
            }
        }
        self.listing("").await
    }

    /// Whether a signed URL, if the visitor came with one, is for this path.
    fn check_signed(&self, path: &str) -> Result<()> {
        let call = self.call;
        let good = match call.query.get("temp_url_prefix") {
            _ if !temp_url::is_signed(call) => true,
            Some(prefix) => path.starts_with(prefix),
            None => call.target.object.as_deref() == Some(path),
        };
        match good {
            true => Ok(()),
            false => Err(temp_url::invalid()),
        }
    }

    /// An object as a page; `None` when it stands for a directory.
    async fn object(&self, path: &str) -> Result<Option<Response<Body>>> {
        self.check_signed(path)?;
        let (front, call) = (self.front, self.call);
        let container = call.target.container_name()?;
        let source = source(container, crate::target::object_path(path)?);
        let links = symlink::is_asked(call);
        let shown = read::show(front, &call.caller, source, &call.query, links).await?;
        let kind = shown.headers.get("content-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind == self.site.directory && shown.size <= 1 {
            return Ok(None);
        }
        reply::answer(call, shown).await.map(Some)
    }

    /// The same address with the slash that relative links need.
    fn with_slash(&self) -> Response<Body> {
        let call = self.call;
        let scheme = if call.secure { "https" } else { "http" };
        let host = call.header("host").unwrap_or("localhost");
        let mut headers = HeaderMap::new();
        set(
            &mut headers,
            "location",
            format!("{scheme}://{host}{}/", call.path),
        );
        paged(StatusCode::MOVED_PERMANENTLY, headers)
    }

    async fn has_below(&self, directory: &str) -> Result<bool> {
        if !self.site.listings {
            let Some(index) = &self.site.index else {
                return Ok(false);
            };
            let found = self.object(&format!("{directory}/{index}")).await;
            return Ok(matches!(found, Ok(Some(_))));
        }
        Ok(!self.entries(&format!("{directory}/"), 1).await?.is_empty())
    }

    async fn entries(&self, prefix: &str, limit: usize) -> Result<Vec<ListEntry>> {
        if self.call.query.has("temp_url_prefix") || !temp_url::is_signed(self.call) {
            self.check_signed(prefix)?;
        } else {
            return Err(temp_url::invalid());
        }
        let request = ListRequest {
            prefix: prefix.to_owned(),
            delimiter: Some("/".to_owned()),
            limit,
            ..ListRequest::default()
        };
        let name = self.call.target.container_name()?;
        let page = self
            .front
            .store
            .list(&self.call.caller, &name, request)
            .await;
        Ok(page.map_err(of_store)?.entries)
    }

    /// What lies at one level, for people.
    async fn listing(&self, prefix: &str) -> Result<Response<Body>> {
        let absent = || Refusal::of(StatusCode::NOT_FOUND);
        if !self.site.listings {
            return Err(absent());
        }
        let entries = self.entries(prefix, LIMIT_MAX).await?;
        if entries.is_empty() && !prefix.is_empty() {
            return Err(absent());
        }
        let html = self.html(prefix, &entries);
        let kind = "text/html; charset=UTF-8";
        Ok(document(StatusCode::OK, HeaderMap::new(), kind, html))
    }

    fn html(&self, prefix: &str, entries: &[ListEntry]) -> String {
        let target = &self.call.target;
        let container = target.container.as_deref().unwrap_or_default();
        let path = format!("/v1/{}/{container}/{prefix}", target.account);
        let title = self
            .site
            .label
            .as_ref()
            .map_or(path, |label| format!("{label}/{prefix}"));
        let title = text(&unquote(&title).unwrap_or(title));
        let style = match &self.site.css {
            Some(css) => {
                let up = "../".repeat(prefix.matches('/').count());
                let css = match css.contains("://") || css.starts_with('/') {
                    true => css.clone(),
                    false => quote(&format!("{up}{css}")),
                };
                format!(
                    "<link rel=\"stylesheet\" type=\"text/css\" href=\"{}\" />",
                    text(&css)
                )
            }
            None => "<style>td { padding-right: 2em }</style>".to_owned(),
        };
        let mut out = format!(
            "<!DOCTYPE html>\n<html>\n<head>\n<title>Listing of {title}</title>\n{style}\n</head>\n\
             <body>\n<h1 id=\"title\">Listing of {title}</h1>\n<table id=\"listing\">\n\
             <tr id=\"heading\"><th>Name</th><th>Size</th><th>Date</th></tr>\n"
        );
        let suffix = self.suffix();
        let limit = self.call.query.get("temp_url_prefix").unwrap_or_default();
        if !prefix.is_empty() && prefix != limit {
            out.push_str(&format!(
                "<tr id=\"parent\"><td colspan=\"3\"><a href=\"../{suffix}\">../</a></td></tr>\n"
            ));
        }
        for entry in entries {
            let (path, size, date) = match entry {
                ListEntry::Prefix(path) => (path.as_str(), String::new(), String::new()),
                ListEntry::Version(version) => of_object(version),
            };
            let name = path.strip_prefix(prefix).unwrap_or(path);
            if name.is_empty() {
                continue;
            }
            let (link, name) = (text(&quote(name)), text(name));
            out.push_str(&format!(
                "<tr><td><a href=\"./{link}{suffix}\">{name}</a></td><td>{size}</td>\
                 <td>{date}</td></tr>\n"
            ));
        }
        out.push_str("</table>\n</body>\n</html>\n");
        out
    }

    /// What links within a signed URL carry on.
    fn suffix(&self) -> String {
        let query = &self.call.query;
        if !query.has("temp_url_sig") {
            return String::new();
        }
        let mut words: Vec<String> = SIGNED
            .iter()
            .filter_map(|name| Some(format!("{name}={}", quote(query.get(name)?))))
            .collect();
        if query.has("inline") {
            words.push("inline".to_owned());
        }
        format!("?{}", text(&words.join("&")))
    }

    /// The site's own page for an error, where it has one.
    async fn excuse(&self, refusal: Refusal) -> Result<Response<Body>> {
        let status = match refusal.denied && self.call.caller.principal().is_none() {
            true => StatusCode::UNAUTHORIZED,
            false => refusal.status,
        };
        let Some(error) = &self.site.error else {
            return Err(refusal);
        };
        let path = format!("{}{error}", status.as_u16());
        match self.object(&path).await {
            Ok(Some(mut response)) => {
                if response.status().is_success() {
                    *response.status_mut() = status;
                }
                Ok(response)
            }
            _ => Err(refusal),
        }
    }
}

fn of_object(version: &Version) -> (&str, String, String) {
    let date = http_date(version.created.0.div_euclid(1_000_000));
    (version.path.as_str(), version.size.to_string(), date)
}
