//! The operations of S3 that are spoken here; every other one answers `NotImplemented`.
//!
//! Promises: a table, operation by operation, of who serves it.
//! Does not: contain any of their logic.

use std::collections::HashMap;

use dolium_identity::{Identity, Principal};
use dolium_store::{Condition, Source, Store};
use s3s::dto;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::auth::caller;
use crate::error::{not_configured, unnamed};
use crate::names::{container, path, selector};
use crate::service::S3Settings;
use crate::{bucket, copy, listing, multipart, object, part, reading, version_listing};

/// The operations over one store.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) region: String,
    identity: Identity,
}

impl Api {
    /// Takes what it needs from the settings.
    pub(crate) fn new(settings: S3Settings) -> Self {
        Self {
            store: settings.store,
            region: settings.region,
            identity: settings.identity,
        }
    }

    /// A principal as an owner.
    pub(crate) fn owner_of(&self, principal: &Principal) -> dto::Owner {
        dto::Owner {
            display_name: Some(principal.display_name.clone()),
            id: Some(principal.canonical_id.clone()),
        }
    }

    /// A user as an owner; users that are gone leave their objects to the one who asks.
    pub(crate) async fn owner(&self, caller: &Principal, user_id: i64) -> S3Result<dto::Owner> {
        if user_id == caller.user_id.0 {
            return Ok(self.owner_of(caller));
        }
        match self.identity.principal(user_id).await {
            Ok(found) => Ok(self.owner_of(found.as_ref().unwrap_or(caller))),
            Err(error) => {
                tracing::error!(%error, "a user could not be looked up");
                Err(S3ErrorCode::ServiceUnavailable.into())
            }
        }
    }

    /// The owners of the entries of one page.
    pub(crate) fn owners<'a>(&'a self, caller: &'a Principal) -> Owners<'a> {
        Owners {
            api: self,
            caller,
            known: HashMap::new(),
        }
    }

    /// "Not configured" for a bucket that exists.
    async fn unset<I, O>(
        &self,
        request: &S3Request<I>,
        bucket: &str,
        code: S3ErrorCode,
    ) -> S3Result<S3Response<O>> {
        bucket::require(self, request, bucket).await?;
        not_configured(code)
    }

    /// A setting whose absence is an empty answer.
    async fn empty<I, O: Default>(
        &self,
        request: &S3Request<I>,
        bucket: &str,
    ) -> S3Result<S3Response<O>> {
        bucket::require(self, request, bucket).await?;
        Ok(S3Response::new(O::default()))
    }

    /// The version that a request for something about an object means; it must exist.
    async fn existing<I>(
        &self,
        request: &S3Request<I>,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> S3Result<dolium_store::Version> {
        let source = Source {
            container: container(bucket)?,
            path: path(key)?,
            version: selector(version_id)?,
            condition: Condition::default(),
        };
        reading::head_version(self, &*caller(request)?, &source).await
    }
}

/// An owner as the initiator of an upload.
pub(crate) fn initiator(owner: &dto::Owner) -> dto::Initiator {
    dto::Initiator {
        display_name: owner.display_name.clone(),
        id: owner.id.clone(),
    }
}

/// Owners already looked up for one page, at most as many as the page has entries.
pub(crate) struct Owners<'a> {
    api: &'a Api,
    caller: &'a Principal,
    known: HashMap<i64, dto::Owner>,
}

impl Owners<'_> {
    /// The owner that a user is.
    pub(crate) async fn get(&mut self, user_id: i64) -> S3Result<dto::Owner> {
        if let Some(owner) = self.known.get(&user_id) {
            return Ok(owner.clone());
        }
        let owner = self.api.owner(self.caller, user_id).await?;
        self.known.insert(user_id, owner.clone());
        Ok(owner)
    }
}

/// Writes the trait's methods: those that a function serves, those whose setting is not there, and
/// those for which its absence is an empty answer.
macro_rules! operations {
    (
        serve { $($serve:ident($served:ident) -> $serve_output:ident: $function:path;)* }
        unset { $($unset:ident($asked:ident) -> $unset_output:ident: $code:ident;)* }
        empty { $($empty:ident($input:ident) -> $empty_output:ident;)* }
        $($rest:tt)*
    ) => {
        #[async_trait::async_trait]
        impl S3 for Api {
            $(async fn $serve(
                &self,
                request: S3Request<dto::$served>,
            ) -> S3Result<S3Response<dto::$serve_output>> {
                $function(self, request).await
            })*
            $(async fn $unset(
                &self,
                request: S3Request<dto::$asked>,
            ) -> S3Result<S3Response<dto::$unset_output>> {
                self.unset(&request, &request.input.bucket, S3ErrorCode::$code).await
            })*
            $(async fn $empty(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$empty_output>> {
                self.empty(&request, &request.input.bucket).await
            })*
            $($rest)*
        }
    };
}

operations! {
    serve {
        create_bucket(CreateBucketInput) -> CreateBucketOutput: bucket::create;
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput: bucket::delete;
        head_bucket(HeadBucketInput) -> HeadBucketOutput: bucket::head;
        list_buckets(ListBucketsInput) -> ListBucketsOutput: bucket::list;
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput: bucket::location;
        get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput: bucket::versioning;
        put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput: bucket::set_versioning;
        get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput: bucket::acl;
        put_object(PutObjectInput) -> PutObjectOutput: object::put;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput: object::delete;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput: object::delete_many;
        get_object(GetObjectInput) -> GetObjectOutput: reading::get;
        head_object(HeadObjectInput) -> HeadObjectOutput: reading::head;
        get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput: reading::attributes;
        copy_object(CopyObjectInput) -> CopyObjectOutput: copy::copy;
        list_objects(ListObjectsInput) -> ListObjectsOutput: listing::list;
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output: listing::list_v2;
        list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput: version_listing::versions;
        list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput: version_listing::uploads;
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput: multipart::create;
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput: multipart::complete;
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput: multipart::abort;
        upload_part(UploadPartInput) -> UploadPartOutput: part::put;
        upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput: part::copy;
        list_parts(ListPartsInput) -> ListPartsOutput: part::list;
    }
    unset {
        get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput: NoSuchWebsiteConfiguration;
        get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput: NoSuchBucketPolicy;
        get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput: NoSuchBucketPolicy;
        get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput: NoSuchCORSConfiguration;
        get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput: NoSuchLifecycleConfiguration;
        get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput: NoSuchTagSet;
        get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput: ServerSideEncryptionConfigurationNotFoundError;
        get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput: ReplicationConfigurationNotFoundError;
        get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput: OwnershipControlsNotFoundError;
        get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput: ObjectLockConfigurationNotFoundError;
    }
    empty {
        get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput;
        get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput;
        get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput;
    }

    /// The only "not set" without a name in `s3s`.
    async fn get_public_access_block(
        &self,
        request: S3Request<dto::GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::GetPublicAccessBlockOutput>> {
        let code = unnamed("NoSuchPublicAccessBlockConfiguration");
        self.unset(&request, &request.input.bucket, code).await
    }

    /// The owner pays.
    async fn get_bucket_request_payment(
        &self,
        request: S3Request<dto::GetBucketRequestPaymentInput>,
    ) -> S3Result<S3Response<dto::GetBucketRequestPaymentOutput>> {
        bucket::require(self, &request, &request.input.bucket).await?;
        let payer = Some(dto::Payer::from_static(dto::Payer::BUCKET_OWNER));
        Ok(S3Response::new(dto::GetBucketRequestPaymentOutput { payer }))
    }

    /// The owner may do all, nobody else anything.
    async fn get_object_acl(
        &self,
        request: S3Request<dto::GetObjectAclInput>,
    ) -> S3Result<S3Response<dto::GetObjectAclOutput>> {
        let input = &request.input;
        let version_id = input.version_id.as_deref();
        let version = self.existing(&request, &input.bucket, &input.key, version_id).await?;
        let owner = self.owner(&*caller(&request)?, version.author).await?;
        Ok(S3Response::new(dto::GetObjectAclOutput {
            grants: Some(bucket::owner_grants(&owner)),
            owner: Some(owner),
            request_charged: None,
        }))
    }

    /// No object has tags; clients ask before they copy.
    async fn get_object_tagging(
        &self,
        request: S3Request<dto::GetObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::GetObjectTaggingOutput>> {
        let input = &request.input;
        let version_id = input.version_id.as_deref();
        self.existing(&request, &input.bucket, &input.key, version_id).await?;
        let version_id = input.version_id.clone();
        Ok(S3Response::new(dto::GetObjectTaggingOutput { tag_set: Vec::new(), version_id }))
    }
}
