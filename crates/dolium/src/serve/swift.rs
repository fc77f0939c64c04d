//! The Swift front end on the HTTP listener: it has every path that nobody else has.

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use dolium_identity::Keystone;
use dolium_store::Chunking;
use dolium_swift::{SwiftFrontEnd, SwiftSettings};
use tower::ServiceExt;

use crate::compose::Components;
use crate::config::Config;

/// Builds the front end.
pub(super) fn front_end(config: &Config, components: &Components) -> Result<SwiftFrontEnd> {
    let arrays = config.arrays.iter();
    let keystone = config.swift.keystone.as_ref().map(|keystone| {
        let settings = keystone.settings()?;
        anyhow::Ok(Keystone::new(settings, components.identity.clone())?)
    });
    // The configuration was checked: a length that is none has not come this far.
    let chunking = Chunking::fixed(*config.pithos.block_size.get_ref()).unwrap_or_default();
    Ok(SwiftFrontEnd::new(SwiftSettings {
        keystone: keystone.transpose()?,
        store: components.store.clone(),
        identity: components.identity.clone(),
        token_key: components.token_key.clone(),
        storage_domains: config.swift.storage_domains.clone(),
        account_management: config.swift.account_management,
        pithos_chunking: chunking,
        arrays: arrays.map(|array| array.name.get_ref().clone()).collect(),
    }))
}

/// A router with the front end behind it, and before it for hosts that are accounts' names.
pub(super) fn with(front_end: SwiftFrontEnd, router: Router) -> Router {
    let fallback = front_end.clone();
    let router = router.fallback(move |request| answer(fallback.clone(), request));
    let by_host = move |request: Request| {
        let (front_end, router) = (front_end.clone(), router.clone());
        async move {
            if front_end.claims(request.headers()) {
                return answer(front_end, request).await;
            }
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    Router::new().fallback(by_host)
}

async fn answer(front_end: SwiftFrontEnd, mut request: Request) -> Response {
    if let Some(peer) = request.extensions().get::<dolium_s3::Peer>().copied() {
        request.extensions_mut().insert(dolium_swift::Peer {
            address: peer.address,
            secure: peer.secure,
        });
    }
    match front_end.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}
