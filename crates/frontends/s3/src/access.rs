//! Who may reach a bucket, beside its access list: policy, public access block, ownership.
//!
//! Promises: a policy is returned byte for byte as it was put.
//! Does not: evaluate any of it, the store does.

use dolium_store::access::{Action, Ownership, PublicAccessBlock};
use s3s::dto::{
    DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput,
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, DeletePublicAccessBlockInput,
    DeletePublicAccessBlockOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PolicyStatus, PublicAccessBlockConfiguration, PutBucketOwnershipControlsInput,
    PutBucketOwnershipControlsOutput, PutBucketPolicyInput, PutBucketPolicyOutput,
    PutPublicAccessBlockInput, PutPublicAccessBlockOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{not_configured, of_store, refuse, unnamed};
use crate::names::container;

/// GetBucketPolicy.
pub(crate) async fn policy(
    api: &Api,
    request: S3Request<GetBucketPolicyInput>,
) -> S3Result<S3Response<GetBucketPolicyOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let action = Action::GetBucketPolicy;
    let settings = api.store.access_settings(&caller, action, &name).await;
    match settings.map_err(of_store)?.policy {
        Some(policy) => Ok(S3Response::new(GetBucketPolicyOutput {
            policy: Some(policy),
        })),
        None => not_configured(S3ErrorCode::NoSuchBucketPolicy),
    }
}

/// PutBucketPolicy.
pub(crate) async fn put_policy(
    api: &Api,
    request: S3Request<PutBucketPolicyInput>,
) -> S3Result<S3Response<PutBucketPolicyOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let policy = Some(request.input.policy);
    let done = api.store.set_policy(&caller, &name, policy).await;
    done.map_err(of_store)?;
    Ok(no_content(PutBucketPolicyOutput {}))
}

/// DeleteBucketPolicy.
pub(crate) async fn delete_policy(
    api: &Api,
    request: S3Request<DeleteBucketPolicyInput>,
) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let done = api.store.set_policy(&caller, &name, None).await;
    done.map_err(of_store)?;
    Ok(no_content(DeleteBucketPolicyOutput {}))
}

/// GetBucketPolicyStatus: whether policy or access list open the bucket to everybody.
pub(crate) async fn policy_status(
    api: &Api,
    request: S3Request<GetBucketPolicyStatusInput>,
) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let action = Action::GetBucketPolicyStatus;
    let settings = api.store.access_settings(&caller, action, &name).await;
    let settings = settings.map_err(of_store)?;
    let block = settings.block.unwrap_or_default();
    let by_list = settings.acl.is_public() && !block.ignore_public_acls;
    let by_policy = settings.public_policy && !block.restrict_public_buckets;
    Ok(S3Response::new(GetBucketPolicyStatusOutput {
        policy_status: Some(PolicyStatus {
            is_public: Some(by_list || by_policy),
        }),
    }))
}

/// GetPublicAccessBlock.
pub(crate) async fn block(
    api: &Api,
    request: S3Request<GetPublicAccessBlockInput>,
) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let action = Action::GetBucketPublicAccessBlock;
    let settings = api.store.access_settings(&caller, action, &name).await;
    let Some(block) = settings.map_err(of_store)?.block else {
        return not_configured(unnamed("NoSuchPublicAccessBlockConfiguration"));
    };
    Ok(S3Response::new(GetPublicAccessBlockOutput {
        public_access_block_configuration: Some(PublicAccessBlockConfiguration {
            block_public_acls: Some(block.block_public_acls),
            block_public_policy: Some(block.block_public_policy),
            ignore_public_acls: Some(block.ignore_public_acls),
            restrict_public_buckets: Some(block.restrict_public_buckets),
        }),
    }))
}

/// PutPublicAccessBlock.
pub(crate) async fn put_block(
    api: &Api,
    request: S3Request<PutPublicAccessBlockInput>,
) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let given = request.input.public_access_block_configuration;
    let block = PublicAccessBlock {
        block_public_acls: given.block_public_acls.unwrap_or_default(),
        ignore_public_acls: given.ignore_public_acls.unwrap_or_default(),
        block_public_policy: given.block_public_policy.unwrap_or_default(),
        restrict_public_buckets: given.restrict_public_buckets.unwrap_or_default(),
    };
    let done = api
        .store
        .set_public_access_block(&caller, &name, Some(block))
        .await;
    done.map_err(of_store)?;
    Ok(S3Response::new(PutPublicAccessBlockOutput {}))
}

/// DeletePublicAccessBlock.
pub(crate) async fn delete_block(
    api: &Api,
    request: S3Request<DeletePublicAccessBlockInput>,
) -> S3Result<S3Response<DeletePublicAccessBlockOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let done = api
        .store
        .set_public_access_block(&caller, &name, None)
        .await;
    done.map_err(of_store)?;
    Ok(no_content(DeletePublicAccessBlockOutput {}))
}

/// The rule that a word names.
pub(crate) fn ownership_of(word: &ObjectOwnership) -> S3Result<Ownership> {
    match word.as_str() {
        ObjectOwnership::BUCKET_OWNER_ENFORCED => Ok(Ownership::BucketOwnerEnforced),
        ObjectOwnership::BUCKET_OWNER_PREFERRED => Ok(Ownership::BucketOwnerPreferred),
        ObjectOwnership::OBJECT_WRITER => Ok(Ownership::ObjectWriter),
        _ => Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Invalid object ownership",
        )),
    }
}

/// GetBucketOwnershipControls.
pub(crate) async fn ownership(
    api: &Api,
    request: S3Request<GetBucketOwnershipControlsInput>,
) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let action = Action::GetBucketOwnershipControls;
    let settings = api.store.access_settings(&caller, action, &name).await;
    let word = match settings.map_err(of_store)?.ownership {
        None => return not_configured(S3ErrorCode::OwnershipControlsNotFoundError),
        Some(Ownership::BucketOwnerEnforced) => ObjectOwnership::BUCKET_OWNER_ENFORCED,
        Some(Ownership::BucketOwnerPreferred) => ObjectOwnership::BUCKET_OWNER_PREFERRED,
        Some(Ownership::ObjectWriter) => ObjectOwnership::OBJECT_WRITER,
    };
    Ok(S3Response::new(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(OwnershipControls {
            rules: vec![OwnershipControlsRule {
                object_ownership: ObjectOwnership::from_static(word),
            }],
        }),
    }))
}

/// PutBucketOwnershipControls.
pub(crate) async fn put_ownership(
    api: &Api,
    request: S3Request<PutBucketOwnershipControlsInput>,
) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let rules = request.input.ownership_controls.rules;
    let [rule] = rules.as_slice() else {
        let message = "Ownership controls have exactly one rule";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    };
    let ownership = Some(ownership_of(&rule.object_ownership)?);
    let done = api.store.set_ownership(&caller, &name, ownership).await;
    done.map_err(of_store)?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
}

/// DeleteBucketOwnershipControls.
pub(crate) async fn delete_ownership(
    api: &Api,
    request: S3Request<DeleteBucketOwnershipControlsInput>,
) -> S3Result<S3Response<DeleteBucketOwnershipControlsOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let done = api.store.set_ownership(&caller, &name, None).await;
    done.map_err(of_store)?;
    Ok(no_content(DeleteBucketOwnershipControlsOutput {}))
}
