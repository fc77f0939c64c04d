//! Public links: an object read by the word that stands for it, without a token.
//!
//! Promises: reading is all that a link is for; nothing of what only users are told is told; old versions
//! and hash maps are not reached.

use dolium_store::{Caller, Pass};
use http::header::HeaderName;
use http::{HeaderMap, Method, Response, StatusCode};

use super::fault::{Fault, Result, of_store};
use super::target::Target;
use super::{Asked, Call, base, not_allowed, object};
use crate::body::Body;
use crate::circumstances::gather;
use crate::query::Query;
use crate::service::Front;

/// The longest word that is looked up.
const WORD_LEN_MAX: usize = 64;
/// The parameter that counts here.
const DISPOSITION: &str = "disposition-type";

/// Answers a request for what a word stands for.
pub(super) async fn answer(
    front: &Front,
    asked: Asked,
    word: &str,
    id: &str,
) -> Result<Response<Body>> {
    if asked.method != Method::GET && asked.method != Method::HEAD {
        return Err(not_allowed(&["HEAD", "GET"]));
    }
    let absent = || Fault::not_found("Object does not exist");
    if word.is_empty() || word.len() > WORD_LEN_MAX {
        return Err(absent());
    }
    let context = gather(&asked.headers, asked.peer, id);
    let nobody = Caller::anonymous().with_context(context);
    let link = front.store.follow_link(&nobody, word).await;
    let link = link.map_err(of_store)?;
    let account = link.container.account().cloned();
    let caller = match (&account, link.by_owner) {
        // What an owner made public is meant with its parts.
        (Some(account), true) => link.caller.with_pass(Pass {
            account: account.clone(),
            container: None,
            read: true,
            write: false,
        }),
        _ => link.caller,
    };
    let call = Call {
        base: base(&asked),
        words: words(&asked)?,
        query: query(&asked.query),
        method: asked.method,
        target: Target {
            account: account.map_or_else(String::new, |name| name.as_str().to_owned()),
            container: Some(link.container.as_str().to_owned()),
            object: Some(link.path.as_str().to_owned()),
        },
        caller,
        body: asked.body,
    };
    let answered = object::answer(front, call).await;
    let mut response = answered.map_err(|mut fault| {
        // Where a policy closes it, there is nothing.
        if fault.status == StatusCode::FORBIDDEN {
            return absent();
        }
        strip(&mut fault.headers);
        fault
    })?;
    strip(response.headers_mut());
    Ok(response)
}

/// Of the headers, those that mean something here.
fn words(asked: &Asked) -> Result<super::words::Words> {
    let mut headers = asked.headers.clone();
    let conditional = asked.method == Method::GET;
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let is_condition = name.as_str().starts_with("if-");
        if name.as_str().starts_with("x-") || (is_condition && !conditional) {
            headers.remove(&name);
        }
    }
    super::words::Words::of(&headers)
}

/// Of the parameters, the one that means something here.
fn query(query: &Query) -> Query {
    match query.given(DISPOSITION) {
        Some("attachment") => Query::parse(Some("disposition-type=attachment")),
        Some("inline") => Query::parse(Some("disposition-type=inline")),
        _ => Query::default(),
    }
}

/// Takes off what only users are told.
fn strip(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        if name.as_str().starts_with("x-object-") {
            headers.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_of_a_query() {
        let of = |text| {
            let query = query(&Query::parse(Some(text)));
            (
                query.get(DISPOSITION).map(str::to_owned),
                query.has("version"),
            )
        };
        let attachment = Some("attachment".to_owned());
        assert_eq!(
            of("version=1&disposition-type=attachment"),
            (attachment, false)
        );
        assert_eq!(of("version=list&disposition-type=x&hashmap"), (None, false));
    }

    #[test]
    fn what_is_not_told() {
        let mut headers = HeaderMap::new();
        for name in ["x-object-hash", "x-object-meta-a", "etag"] {
            crate::answer::set(&mut headers, name, "1");
        }
        strip(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["etag"]
        );
    }
}
