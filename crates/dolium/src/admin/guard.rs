//! The guard of `/api/v1/admin`: HTTP Basic with an administrator's access key.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dolium_identity::constant_time_eq;

use crate::compose::Components;

/// Credentials longer than this are none: keys are at most a few dozen characters.
const CREDENTIALS_LEN_MAX: usize = 1024;

pub(super) async fn guard(
    State(components): State<Components>,
    request: Request,
    next: Next,
) -> Response {
    let credentials = credentials(&request);
    if is_administrator(&components, credentials).await {
        return next.run(request).await;
    }
    let body = axum::Json(serde_json::json!({
        "error": "an administrator's access key is needed: set DOLIUM_ROOT_USER and \
                  DOLIUM_ROOT_PASSWORD"
    }));
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"dolium\"")];
    (StatusCode::UNAUTHORIZED, challenge, body).into_response()
}

async fn is_administrator(components: &Components, given: Option<(String, String)>) -> bool {
    let Some((key, secret)) = given else {
        return false;
    };
    match components.identity.lookup(&key).await {
        Ok(Some((principal, known))) => {
            constant_time_eq(known.expose().as_bytes(), secret.as_bytes()) && principal.admin
        }
        Ok(None) => false,
        Err(error) => {
            tracing::error!(%error, "credentials could not be looked up");
            false
        }
    }
}

fn credentials(request: &Request) -> Option<(String, String)> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let encoded = value
        .strip_prefix("Basic ")
        .filter(|text| text.len() <= CREDENTIALS_LEN_MAX)?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (key, secret) = decoded.split_once(':')?;
    Some((key.to_owned(), secret.to_owned()))
}
