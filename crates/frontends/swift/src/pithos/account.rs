//! Accounts.

use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::metadata::{self, Owner};
use super::words::say;
use super::{Call, container, reply};
use crate::body::Body;
use crate::service::Front;
use dolium_store::{AccountEntry, ListRequest, Standing};

/// Answers a request for an account.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::GET | Method::HEAD => read(front, call).await,
        _ => Err(Fault::of(StatusCode::NOT_IMPLEMENTED, "This is not built")),
    }
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.account()?;
    let account = front.store.account(&call.caller, &name).await;
    let account = account.map_err(of_store)?;
    if account.standing < Standing::Owner {
        return Err(Fault::denied());
    }
    let format = call.format(Format::Text);
    let mut headers = HeaderMap::new();
    metadata::write(&account.settings.attributes, Owner::Account, &mut headers);
    let containers: i64 = account.usage.iter().map(|usage| usage.containers).sum();
    let bytes: i64 = account.usage.iter().map(|usage| usage.bytes).sum();
    say(
        &mut headers,
        "x-account-container-count",
        &containers.to_string(),
    );
    say(&mut headers, "x-account-bytes-used", &bytes.to_string());
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::NO_CONTENT, format, headers));
    }
    let request = ListRequest {
        after: call.query.given("marker").map(str::to_owned),
        limit: listing::limit(&call.query),
        ..ListRequest::default()
    };
    let page = front.store.list_account(&call.caller, &name, request).await;
    let mut entries = Vec::new();
    for entry in page.map_err(of_store)? {
        if let AccountEntry::Container(one, _) = entry {
            let fields = vec![
                ("count", json!(one.objects)),
                ("bytes", json!(one.bytes)),
                ("x_container_policy", container::policy(&one)),
            ];
            entries.push(Entry::Item(one.name.as_str().to_owned(), fields));
        }
    }
    let frame = ("account", Some(name.as_str()), "container");
    Ok(listing::answer(format, headers, frame, &entries))
}
