//! Uploads by browsers' forms (POST Object).
//!
//! A form becomes a PUT: its fields are verified here and turned into the headers of a request that goes
//! the way of every other PutObject, so that both have one set of rules. The file is the body of that
//! request and streams into the store while it arrives.
//! Promises: what reaches the operation in the name of a user was allowed by a policy that the user's key
//! signed; a file that breaks the policy's bounds stores nothing.
//! Does not: decide permissions, or write.

mod fields;
mod parser;
mod policy;
mod put;
mod reply;
mod signature;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use dolium_identity::{Identity, Principal};
use dolium_store::Reason;
use futures::Stream;
use http::request::Parts;
use http::{Method, Request, header};
use s3s::stream::{ByteStream, DynByteStream, RemainingLength};
use s3s::{Body, S3Error, S3ErrorCode, S3Result, StdError};

use crate::auth::{self, Verified};
use crate::error::refuse;
use crate::guard::{self, Mechanism};
use crate::host::Domains;
use crate::verdict::Verdict;
use fields::Fields;
use parser::{FileBody, Form};
use policy::{Policy, PolicyError};
use signature::Signature;

pub(crate) use reply::Reply;

/// Marks a request that was made from a form: nobody announced the length of its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromForm;

/// The bucket that a form was sent to, when a request is one.
pub(crate) fn target(parts: &Parts, domains: &Domains) -> Option<String> {
    if parts.method != Method::POST || !guard::is_form(&parts.headers) {
        return None;
    }
    let path = parts.uri.path().trim_start_matches('/');
    match domains.of_request(parts) {
        Some(bucket) => path.is_empty().then_some(bucket),
        None => {
            let bucket = path.strip_suffix('/').unwrap_or(path);
            (!bucket.is_empty() && !bucket.contains('/')).then(|| bucket.to_owned())
        }
    }
}

/// What forms are verified with.
pub(crate) struct Desk<'a> {
    /// Whose keys sign.
    pub(crate) identity: &'a Identity,
    /// Whether policies may be signed with version 2.
    pub(crate) sigv2: bool,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

impl Desk<'_> {
    /// Reads a form and gives the PUT that it stands for, and how its answer becomes the form's.
    pub(crate) async fn accept(
        &self,
        request: Request<Body>,
        bucket: &str,
        verdict: &Verdict,
    ) -> S3Result<(Request<Body>, Reply)> {
        let (parts, body) = request.into_parts();
        if guard::mechanism(&parts)? != Mechanism::Anonymous {
            let message = "A form is signed in its fields and nowhere else";
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
        let boundary = boundary(&parts)?;
        let mut form = parser::read(body, &boundary, verdict.clone()).await?;
        name_key(&mut form)?;
        let Form { fields, file, .. } = form;
        let (principal, bounds) = self.judge(&fields, bucket).await?;
        let reply = Reply::of_form(&fields, bucket);
        let file: DynByteStream = Box::pin(Bounded {
            inner: file,
            seen: 0,
            bounds,
            ended: false,
            verdict: verdict.clone(),
        });
        let mut request = put::request(parts, &fields, bucket, Body::from(file))?;
        request.extensions_mut().insert(verdict.clone());
        request.extensions_mut().insert(FromForm);
        if let Some(principal) = principal {
            request.extensions_mut().insert(Verified(principal));
        }
        Ok((request, reply))
    }

    /// Who sends a form, and how long its file may be.
    async fn judge(
        &self,
        fields: &Fields,
        bucket: &str,
    ) -> S3Result<(Option<Arc<Principal>>, (u64, u64))> {
        let Some(signature) = Signature::of_form(fields, self.sigv2)? else {
            return Ok((None, (0, u64::MAX)));
        };
        let (principal, secret) = auth::lookup(self.identity, signature.access_key).await?;
        signature.verify(secret.expose())?;
        let document = BASE64.decode(signature.policy);
        let document = document.map_err(|_| {
            let message = "Invalid Policy: Invalid Base64.";
            refuse(S3ErrorCode::InvalidPolicyDocument, message)
        })?;
        let policy = Policy::parse(&document).map_err(refuse_policy)?;
        policy
            .check(fields, bucket, self.now)
            .map_err(refuse_policy)?;
        Ok((Some(principal), policy.len()))
    }
}

fn boundary(parts: &Parts) -> S3Result<String> {
    let mut types = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let only = match (types.next(), types.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    only.and_then(parser::boundary).ok_or_else(|| {
        let message = "The Content-Type of your POST request names no boundary.";
        refuse(S3ErrorCode::MalformedPOSTRequest, message)
    })
}

/// Puts the name of the file where the key asks for it.
fn name_key(form: &mut Form) -> S3Result<()> {
    let Some(key) = form.fields.get("key") else {
        let message = "Bucket POST must contain a field named 'key'. If it is specified, please \
                       check the order of the fields.";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    };
    let key = key.replace("${filename}", form.file_name.as_deref().unwrap_or_default());
    if key.is_empty() {
        let message = "User key must have a length greater than 0.";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    form.fields.replace("key", key);
    Ok(())
}

fn refuse_policy(error: PolicyError) -> S3Error {
    match error {
        PolicyError::Malformed(message) => refuse(S3ErrorCode::InvalidPolicyDocument, message),
        PolicyError::Expired => refuse(
            S3ErrorCode::AccessDenied,
            "Invalid according to Policy: Policy expired.",
        ),
        PolicyError::Failed(message) => refuse(
            S3ErrorCode::AccessDenied,
            format!("Invalid according to Policy: {message}"),
        ),
    }
}

/// A file whose length the policy bounds.
struct Bounded {
    inner: FileBody,
    seen: u64,
    bounds: (u64, u64),
    ended: bool,
    verdict: Verdict,
}

impl Bounded {
    fn stop(&mut self, code: S3ErrorCode, message: &'static str) -> StdError {
        self.ended = true;
        StdError::from(self.verdict.stop(code, Reason::BodyFailed, message))
    }
}

impl Stream for Bounded {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = ready!(Pin::new(&mut self.inner).poll_next(cx));
        let (least, most) = self.bounds;
        Poll::Ready(match item {
            Some(Ok(bytes)) => {
                self.seen = self.seen.saturating_add(bytes.len() as u64);
                if self.seen > most {
                    let message = "Your proposed upload exceeds the maximum allowed size";
                    Some(Err(self.stop(S3ErrorCode::EntityTooLarge, message)))
                } else {
                    Some(Ok(bytes))
                }
            }
            None if self.seen < least => {
                let message = "Your proposed upload is smaller than the minimum allowed size";
                Some(Err(self.stop(S3ErrorCode::EntityTooSmall, message)))
            }
            other => other,
        })
    }
}

impl ByteStream for Bounded {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::unknown()
    }
}

#[cfg(test)]
mod tests;
