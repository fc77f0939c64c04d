//! What version 3 says: its versions, a token with what it opens, projects, users and the domain.
//!
//! A project is an account, and both its id and its name are the account's name. A user's id is the
//! identifier that S3 shows, its name the last part of its login.

use aws_lc_rs::digest::{SHA256, digest};
use dolium_identity::{Principal, Role};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::request::DOMAIN;
use super::token::ScopedToken;
use crate::target::{ACCOUNT_PREFIX, quote};

/// The version of the protocol that is spoken.
const VERSION: &str = "v3.14";
/// When that version was fixed, as Keystone says it.
const VERSION_DATE: &str = "2020-04-07T00:00:00Z";
/// The region that everything is in.
const REGION: &str = "RegionOne";

/// The version that there is.
pub(super) fn version(base: &str) -> Value {
    json!({
        "id": VERSION,
        "status": "stable",
        "updated": VERSION_DATE,
        "links": [{"rel": "self", "href": format!("{base}/v3/")}],
        "media-types": [{
            "base": "application/json",
            "type": "application/vnd.openstack.identity-v3+json",
        }],
    })
}

fn moment(at: i64) -> String {
    match Timestamp::from_microsecond(at) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        Err(_) => String::new(),
    }
}

/// An id that stays the same for a name.
fn id_of(kind: &str, name: &str) -> String {
    let hash = digest(&SHA256, format!("dolium {kind} {name}").as_bytes());
    hex::encode(&hash.as_ref()[..16])
}

fn domain() -> Value {
    json!({"id": DOMAIN.0, "name": DOMAIN.1})
}

/// The domain as a resource.
pub(super) fn domain_resource(base: &str) -> Value {
    json!({
        "id": DOMAIN.0, "name": DOMAIN.1, "description": "", "enabled": true,
        "links": {"self": format!("{base}/v3/domains/{}", DOMAIN.0)},
    })
}

/// A project as a resource.
pub(super) fn project_resource(base: &str, name: &str) -> Value {
    json!({
        "id": name, "name": name, "domain_id": DOMAIN.0, "parent_id": DOMAIN.0,
        "description": "", "enabled": true, "is_domain": false, "tags": [], "options": {},
        "links": {"self": format!("{base}/v3/projects/{}", quote(name))},
    })
}

/// A user as a resource.
pub(super) fn user_resource(base: &str, user: &Principal) -> Value {
    json!({
        "id": user.canonical_id, "name": user_name(user), "domain_id": DOMAIN.0,
        "default_project_id": user.account, "enabled": true, "options": {},
        "password_expires_at": null,
        "links": {"self": format!("{base}/v3/users/{}", quote(&user.canonical_id))},
    })
}

/// The name of a user within its account.
pub(in crate::auth) fn user_name(user: &Principal) -> &str {
    let name = user.login.split_once(':').map(|(_, name)| name);
    name.unwrap_or(&user.login)
}

fn roles(user: &Principal) -> Value {
    let names: &[&str] = match user.role {
        _ if user.owns_all() => &["admin", "ResellerAdmin"],
        Role::Service => &["service"],
        Role::Member => &["member"],
        Role::Owner | Role::Reseller => &["admin"],
    };
    let role = |name: &&str| json!({"id": id_of("role", name), "name": name});
    names.iter().map(role).collect()
}

/// What a project can use.
pub(super) fn catalog(base: &str, project: &str) -> Value {
    let service = |kind: &str, name: &str, url: String| {
        let endpoint = |interface: &str| {
            json!({
                "id": id_of("endpoint", &format!("{kind} {interface}")),
                "interface": interface, "region": REGION, "region_id": REGION, "url": url,
            })
        };
        let endpoints: Vec<Value> = ["public", "internal", "admin"].map(endpoint).into();
        json!({"type": kind, "id": id_of("service", kind), "name": name, "endpoints": endpoints})
    };
    let account = match project.starts_with(dolium_store::SERVICE_PREFIX) {
        true => quote(project),
        false => format!("{ACCOUNT_PREFIX}{}", quote(project)),
    };
    json!([
        service("object-store", "swift", format!("{base}/v1/{account}")),
        service("identity", "keystone", format!("{base}/v3")),
    ])
}

/// A token with what it opens.
pub(super) fn token(
    base: &str,
    token: &ScopedToken,
    user: &Principal,
    with_catalog: bool,
) -> Value {
    let mut said = json!({
        "methods": token.method_names(),
        "user": {
            "id": user.canonical_id, "name": user_name(user), "domain": domain(),
            "password_expires_at": null,
        },
        "audit_ids": [hex::encode(&token.mark.nonce)],
        "issued_at": moment(token.mark.issued),
        "expires_at": moment(token.mark.ends),
    });
    if let Some(project) = &token.project {
        said["project"] = json!({"id": project, "name": project, "domain": domain()});
        said["is_domain"] = json!(false);
        said["roles"] = roles(user);
        if with_catalog {
            said["catalog"] = catalog(base, project);
        }
    }
    json!({"token": said})
}
