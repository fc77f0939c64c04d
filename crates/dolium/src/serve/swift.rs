//! The Swift front end on the HTTP listener: it has every path that nobody else has.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use dolium_swift::{SwiftFrontEnd, SwiftSettings};
use tower::ServiceExt;

use crate::compose::Components;
use crate::config::Config;

/// Builds the front end.
pub(super) fn front_end(config: &Config, components: &Components) -> SwiftFrontEnd {
    let arrays = config.arrays.iter();
    SwiftFrontEnd::new(SwiftSettings {
        store: components.store.clone(),
        identity: components.identity.clone(),
        token_key: components.token_key.clone(),
        arrays: arrays.map(|array| array.name.get_ref().clone()).collect(),
    })
}

/// The front end as what a router falls back to.
pub(super) fn fallback(front_end: SwiftFrontEnd) -> axum::Router {
    let answer = move |mut request: axum::extract::Request| {
        let front_end = front_end.clone();
        async move {
            if let Some(peer) = request.extensions().get::<dolium_s3::Peer>().copied() {
                request.extensions_mut().insert(dolium_swift::Peer {
                    address: peer.address,
                    secure: peer.secure,
                });
            }
            let answered: Result<_, Infallible> = front_end.oneshot(request).await;
            let response: Response = match answered {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            };
            response
        }
    };
    axum::Router::new().fallback(answer)
}
