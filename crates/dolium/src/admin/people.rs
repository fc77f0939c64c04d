//! Users and access keys.

use axum::Json;
use axum::extract::{Path, State};
use dolium_catalog::AccessKeyRow;
use dolium_identity::{AccessKeyId, NewLogin, NewUser, Role, Secret};
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::compose::Components;

/// A user to make.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AddUser {
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) canonical_id: Option<String>,
    pub(crate) email: Option<String>,
    #[serde(default)]
    pub(crate) admin: bool,
    #[serde(default)]
    pub(crate) swift: Option<AddSwift>,
    #[serde(flatten)]
    pub(crate) key: AddKey,
}

/// A place in an account, by the name that Swift's clients sign in with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AddSwift {
    /// `account:user`.
    pub(crate) login: String,
    pub(crate) role: SwiftRole,
}

/// What a user is in its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SwiftRole {
    /// May do everything in the account.
    Admin,
    /// May do what containers and the account allow.
    Member,
    /// May do everything in every account.
    ResellerAdmin,
    /// May do everything in the account, and vouches for users whose data it keeps.
    Service,
}

impl From<SwiftRole> for Role {
    fn from(role: SwiftRole) -> Self {
        match role {
            SwiftRole::Admin => Self::Owner,
            SwiftRole::Member => Self::Member,
            SwiftRole::ResellerAdmin => Self::Reseller,
            SwiftRole::Service => Self::Service,
        }
    }
}

/// A key to make; both random when not given.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct AddKey {
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<String>,
}

impl std::fmt::Debug for AddKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AddKey({:?})", self.access_key)
    }
}

/// A key that was made: the only time its secret is shown.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyMade {
    pub(crate) user: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

/// A key in a listing.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyShown {
    pub(crate) access_key: String,
    pub(crate) created: i64,
    pub(crate) disabled: bool,
}

/// A user in a listing.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserShown {
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) canonical_id: String,
    pub(crate) email: Option<String>,
    pub(crate) admin: bool,
    pub(crate) disabled: bool,
}

type Answer<T> = Result<Json<T>, Failure>;
const DONE: Json<serde_json::Value> = Json(serde_json::Value::Null);

pub(super) async fn list(State(components): State<Components>) -> Answer<Vec<UserShown>> {
    let users = components.identity.users().await?;
    let shown = users.into_iter().map(|row| UserShown {
        name: row.name,
        display_name: row.display_name,
        canonical_id: row.canonical_id,
        email: row.email,
        admin: row.admin,
        disabled: row.disabled,
    });
    Ok(Json(shown.collect()))
}

pub(super) async fn add(
    State(components): State<Components>,
    Json(user): Json<AddUser>,
) -> Answer<KeyMade> {
    let login = user
        .swift
        .map(|swift| NewLogin::new(&swift.login, swift.role.into()));
    let made = components
        .identity
        .create_user(NewUser {
            login: login.transpose()?,
            name: user.name,
            display_name: user.display_name,
            canonical_id: user.canonical_id,
            email: user.email,
            admin: user.admin,
            access_key: user.key.access_key,
            secret: user.key.secret_key.map(Secret::try_from).transpose()?,
            first: false,
        })
        .await?;
    components.store.flush().await?;
    Ok(Json(KeyMade {
        user: made.principal.name,
        access_key: made.access_key.as_str().to_owned(),
        secret_key: made.secret.expose().to_owned(),
    }))
}

pub(super) async fn remove(
    State(components): State<Components>,
    Path(name): Path<String>,
) -> Answer<serde_json::Value> {
    components.identity.remove_user(&name).await?;
    components.store.flush().await?;
    Ok(DONE)
}

pub(super) async fn enable(
    State(components): State<Components>,
    Path(name): Path<String>,
) -> Answer<serde_json::Value> {
    set_disabled(components, &name, false).await
}

pub(super) async fn disable(
    State(components): State<Components>,
    Path(name): Path<String>,
) -> Answer<serde_json::Value> {
    set_disabled(components, &name, true).await
}

async fn set_disabled(
    components: Components,
    name: &str,
    disabled: bool,
) -> Answer<serde_json::Value> {
    components.identity.set_disabled(name, disabled).await?;
    components.store.flush().await?;
    Ok(DONE)
}

pub(super) async fn keys(
    State(components): State<Components>,
    Path(name): Path<String>,
) -> Answer<Vec<KeyShown>> {
    let keys = components.identity.access_keys(&name).await?;
    let show = |row: AccessKeyRow| KeyShown {
        access_key: row.access_key,
        created: row.created,
        disabled: row.disabled,
    };
    Ok(Json(keys.into_iter().map(show).collect()))
}

pub(super) async fn add_key(
    State(components): State<Components>,
    Path(name): Path<String>,
    Json(key): Json<AddKey>,
) -> Answer<KeyMade> {
    let given = match (key.access_key, key.secret_key) {
        (Some(id), Some(secret)) => Some((AccessKeyId::try_from(id)?, Secret::try_from(secret)?)),
        (None, None) => None,
        _ => {
            let text = "an access key and its secret key are given together or not at all";
            return Err(Failure::new(axum::http::StatusCode::BAD_REQUEST, text));
        }
    };
    let (id, secret) = components.identity.add_access_key(&name, given).await?;
    components.store.flush().await?;
    Ok(Json(KeyMade {
        user: name,
        access_key: id.as_str().to_owned(),
        secret_key: secret.expose().to_owned(),
    }))
}

pub(super) async fn remove_key(
    State(components): State<Components>,
    Path((name, key)): Path<(String, String)>,
) -> Answer<serde_json::Value> {
    components
        .identity
        .remove_access_key(&name, &AccessKeyId::try_from(key)?)
        .await?;
    components.store.flush().await?;
    Ok(DONE)
}
