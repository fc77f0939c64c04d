//! Access lists between S3's ways to say them (canned names, grant headers, documents) and the store.
//!
//! Promises: a grant names somebody who exists; what cannot be resolved is refused.
//! Does not: decide what a list allows.

use dolium_identity::{Identity, Principal};
use dolium_store::AclRequest;
use dolium_store::access::{Acl, Action, Canned, Grant, Grantee, Group, Permission};
use http::HeaderMap;
use s3s::dto::{
    self, AccessControlPolicy, GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput,
    GetObjectAclOutput, PutBucketAclInput, PutBucketAclOutput, PutObjectAclInput,
    PutObjectAclOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::error::{of_store, refuse};
use crate::names::{container, source_of};
use crate::reading::read_error;

/// The most grants of one list, as on AWS.
const GRANTS_MAX: usize = 100;
/// Headers that grant, with what they grant.
const GRANT_HEADERS: [(&str, Permission); 5] = [
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
    ("x-amz-grant-full-control", Permission::FullControl),
];

fn invalid(message: impl Into<String>) -> S3Error {
    refuse(S3ErrorCode::InvalidArgument, message)
}

fn malformed(message: &str) -> S3Error {
    refuse(S3ErrorCode::MalformedACLError, message)
}

/// The list that the headers of a request ask for.
pub(crate) async fn of_headers(
    identity: &Identity,
    headers: &HeaderMap,
) -> S3Result<Option<AclRequest>> {
    let canned = text(headers, "x-amz-acl")?.map(canned_of).transpose()?;
    let mut grants = Vec::new();
    let mut granted = false;
    for (name, permission) in GRANT_HEADERS {
        let Some(value) = text(headers, name)? else {
            continue;
        };
        granted = true;
        for grantee in value.split(',') {
            if grants.len() == GRANTS_MAX {
                return Err(malformed("An access list holds at most 100 grants"));
            }
            let grantee = grantee_of_header(identity, grantee.trim()).await?;
            grants.push(Grant {
                grantee,
                permission,
            });
        }
    }
    match (canned, granted) {
        (Some(_), true) => Err(refuse(
            S3ErrorCode::InvalidRequest,
            "Specifying both Canned ACLs and Header Grants is not allowed",
        )),
        (Some(canned), false) => Ok(Some(AclRequest::Canned(canned))),
        (None, true) => Ok(Some(AclRequest::Grants(grants))),
        (None, false) => Ok(None),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> S3Result<Option<&'a str>> {
    let value = headers.get(name).map(http::HeaderValue::to_str);
    value
        .transpose()
        .map_err(|_| invalid(format!("The value of {name} is not text")))
}

fn canned_of(name: &str) -> S3Result<Canned> {
    Canned::parse(name).ok_or_else(|| invalid("The canned ACL you provided is not valid"))
}

/// A grantee of a header: `id="…"`, `uri="…"` or `emailAddress="…"`.
async fn grantee_of_header(identity: &Identity, text: &str) -> S3Result<Grantee> {
    let (kind, value) = text
        .split_once('=')
        .ok_or_else(|| invalid("Argument format not recognized"))?;
    let value = value.trim().trim_matches('"');
    match kind.trim() {
        "id" => user(identity, value).await,
        "uri" => group(value),
        "emailAddress" => by_email(identity, value).await,
        _ => Err(invalid("Argument format not recognized")),
    }
}

fn grantee_of(principal: Principal) -> Grantee {
    Grantee::User {
        id: principal.canonical_id,
        display_name: principal.display_name,
    }
}

async fn user(identity: &Identity, id: &str) -> S3Result<Grantee> {
    let found = identity.by_canonical_id(id).await.map_err(away)?;
    found.map(grantee_of).ok_or_else(|| invalid("Invalid id"))
}

fn group(uri: &str) -> S3Result<Grantee> {
    let group = Group::from_uri(uri).ok_or_else(|| invalid("Invalid group uri"))?;
    Ok(Grantee::Group(group))
}

async fn by_email(identity: &Identity, email: &str) -> S3Result<Grantee> {
    let found = identity.by_email(email).await.map_err(away)?;
    found.map(grantee_of).ok_or_else(|| {
        refuse(
            S3ErrorCode::UnresolvableGrantByEmailAddress,
            "The e-mail address you provided does not match any account on record.",
        )
    })
}

fn away(error: dolium_identity::Error) -> S3Error {
    tracing::error!(%error, "a user could not be looked up");
    S3ErrorCode::ServiceUnavailable.into()
}

/// The list that a document states.
async fn of_document(identity: &Identity, policy: AccessControlPolicy) -> S3Result<AclRequest> {
    let owner = policy
        .owner
        .and_then(|owner| owner.id)
        .ok_or_else(|| malformed("The access list names no owner"))?;
    let listed = policy.grants.unwrap_or_default();
    if listed.len() > GRANTS_MAX {
        return Err(malformed("An access list holds at most 100 grants"));
    }
    let mut grants = Vec::with_capacity(listed.len());
    for grant in listed {
        let permission = grant
            .permission
            .and_then(|permission| Permission::parse(permission.as_str()))
            .ok_or_else(|| malformed("A grant has no permission that exists"))?;
        let grantee = grant
            .grantee
            .ok_or_else(|| malformed("A grant names nobody"))?;
        let grantee = match (grantee.id, grantee.uri, grantee.email_address) {
            (Some(id), None, None) => user(identity, &id).await?,
            (None, Some(uri), None) => group(&uri)?,
            (None, None, Some(email)) => by_email(identity, &email).await?,
            _ => return Err(malformed("A grant names one grantee")),
        };
        grants.push(Grant {
            grantee,
            permission,
        });
    }
    Ok(AclRequest::Whole { owner, grants })
}

/// What a request to replace a list asks for: exactly one of its ways.
async fn requested(
    api: &Api,
    headers: &HeaderMap,
    document: Option<AccessControlPolicy>,
) -> S3Result<AclRequest> {
    match (of_headers(&api.identity, headers).await?, document) {
        (Some(asked), None) => Ok(asked),
        (None, Some(document)) => of_document(&api.identity, document).await,
        (Some(_), Some(_)) => Err(refuse(
            S3ErrorCode::UnexpectedContent,
            "This request does not support content",
        )),
        (None, None) => Err(refuse(
            S3ErrorCode::MissingSecurityHeader,
            "Your request was missing a required header: x-amz-acl",
        )),
    }
}

fn owner_of(acl: &Acl) -> dto::Owner {
    dto::Owner {
        display_name: Some(acl.owner_name.clone()),
        id: Some(acl.owner.clone()),
    }
}

fn grants_of(acl: Acl) -> Vec<dto::Grant> {
    let grant = |grant: Grant| {
        let grantee = match grant.grantee {
            Grantee::User { id, display_name } => dto::Grantee {
                display_name: Some(display_name),
                email_address: None,
                id: Some(id),
                type_: dto::Type::from_static(dto::Type::CANONICAL_USER),
                uri: None,
            },
            Grantee::Group(group) => dto::Grantee {
                display_name: None,
                email_address: None,
                id: None,
                type_: dto::Type::from_static(dto::Type::GROUP),
                uri: Some(group.uri().to_owned()),
            },
        };
        dto::Grant {
            grantee: Some(grantee),
            permission: Some(dto::Permission::from_static(grant.permission.name())),
        }
    };
    // Groups first, as other servers list them and some clients expect.
    let is_group = |grant: &Grant| matches!(grant.grantee, Grantee::Group(_));
    let (groups, users): (Vec<Grant>, Vec<Grant>) = acl.grants.into_iter().partition(is_group);
    groups.into_iter().chain(users).map(grant).collect()
}

/// GetBucketAcl.
pub(crate) async fn get_bucket(
    api: &Api,
    request: S3Request<GetBucketAclInput>,
) -> S3Result<S3Response<GetBucketAclOutput>> {
    let caller = caller(&request)?;
    let name = container(&request.input.bucket)?;
    let settings = api
        .store
        .access_settings(&caller, Action::GetBucketAcl, &name)
        .await
        .map_err(of_store)?;
    Ok(S3Response::new(GetBucketAclOutput {
        owner: Some(owner_of(&settings.acl)),
        grants: Some(grants_of(settings.acl)),
    }))
}

/// PutBucketAcl.
pub(crate) async fn put_bucket(
    api: &Api,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<S3Response<PutBucketAclOutput>> {
    let caller = caller(&request)?;
    let name = container(&request.input.bucket)?;
    let document = request.input.access_control_policy;
    let asked = requested(api, &request.headers, document).await?;
    api.store
        .set_container_acl(&caller, &name, asked)
        .await
        .map_err(of_store)?;
    Ok(S3Response::new(PutBucketAclOutput {}))
}

/// GetObjectAcl.
pub(crate) async fn get_object(
    api: &Api,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let (acl, _) = match api.store.object_acl(&caller, &source).await {
        Ok(found) => found,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    Ok(S3Response::new(GetObjectAclOutput {
        owner: Some(owner_of(&acl)),
        grants: Some(grants_of(acl)),
        request_charged: None,
    }))
}

/// PutObjectAcl.
pub(crate) async fn put_object(
    api: &Api,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let asked = requested(api, &request.headers, input.access_control_policy).await?;
    match api.store.set_object_acl(&caller, &source, asked).await {
        Ok(_) => Ok(S3Response::new(PutObjectAclOutput::default())),
        Err(error) => Err(read_error(api, &caller, &source, error).await),
    }
}
