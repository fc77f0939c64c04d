//! The circumstances of a request, as policies see them.

use std::net::IpAddr;

use dolium_store::REQUEST_ID;
use dolium_store::access::Context;
use http::HeaderMap;
use http::header::{REFERER, USER_AGENT};

use crate::time::now_seconds;

/// Where a request came from; a listener puts it into the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The client's address.
    pub address: IpAddr,
    /// Whether the way was encrypted.
    pub secure: bool,
}

/// What a request says about itself.
pub(crate) fn gather(headers: &HeaderMap, peer: Option<Peer>, id: &str) -> Context {
    let mut context = Context::new();
    let secure = peer.is_some_and(|peer| peer.secure);
    context.set("aws:SecureTransport", secure.to_string());
    if let Some(peer) = peer {
        // An IPv4 client of a listener for both is one of IPv4.
        context.set("aws:SourceIp", peer.address.to_canonical().to_string());
    }
    context.set("aws:EpochTime", now_seconds().to_string());
    context.set(REQUEST_ID, id);
    for (name, key) in [(REFERER, "aws:Referer"), (USER_AGENT, "aws:UserAgent")] {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            context.set(key, value);
        }
    }
    context
}
