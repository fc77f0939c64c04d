//! The operations of S3 that are spoken here; every other one answers `NotImplemented`.
//!
//! Promises: a table, operation by operation, of who serves it.
//! Does not: contain any of their logic.

use std::sync::Arc;

use dolium_identity::{Identity, Principal};
use dolium_store::access::Action;
use dolium_store::{ANONYMOUS_ID, Attributes, ContainerName, Store};
use s3s::dto;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::access_log::AccessLog;
use crate::checksum::Etags;
use crate::error::{not_configured, of_store};
use crate::service::S3Settings;
use crate::{
    access, access_log, acl, bucket, completion, copy, cors, encryption, lifecycle, listing,
    multipart, notification, object, object_attributes, object_lock, part, payment, reading,
    tagging, version_listing, website,
};

/// The operations over one store.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) region: String,
    pub(crate) etags: Etags,
    pub(crate) identity: Identity,
    pub(crate) notify_targets: Arc<[String]>,
    pub(crate) access_log: AccessLog,
}

impl Api {
    /// Takes what it needs from the settings.
    pub(crate) fn new(settings: S3Settings, access_log: AccessLog) -> Self {
        Self {
            store: settings.store,
            region: settings.region,
            etags: settings.etags,
            identity: settings.identity,
            notify_targets: settings.notify_targets,
            access_log,
        }
    }

    /// A principal as an owner.
    pub(crate) fn owner_of(&self, principal: &Principal) -> dto::Owner {
        dto::Owner {
            display_name: Some(principal.display_name.clone()),
            id: Some(principal.canonical_id.clone()),
        }
    }

    /// A user as an owner; who is gone, or never was, is nobody in particular.
    pub(crate) async fn owner(&self, user_id: i64) -> S3Result<dto::Owner> {
        let found = match user_id {
            0 => None,
            user => self.identity.principal(user).await.map_err(|error| {
                tracing::error!(%error, "a user could not be looked up");
                s3s::S3Error::from(S3ErrorCode::ServiceUnavailable)
            })?,
        };
        Ok(found.map_or_else(nobody, |found| self.owner_of(&found)))
    }

    /// Who owns what lies in a bucket.
    pub(crate) async fn owners(&self, bucket: &ContainerName) -> S3Result<Owners> {
        let found = self.store.container_owner(bucket).await.map_err(of_store)?;
        Ok(Owners {
            bucket: dto::Owner {
                display_name: Some(found.display_name),
                id: Some(found.canonical_id),
            },
            owns_all: found.owns_all,
        })
    }

    /// "Not configured" for a bucket that exists.
    async fn unset<I, O>(
        &self,
        request: &S3Request<I>,
        bucket: &str,
        action: Action,
        code: S3ErrorCode,
    ) -> S3Result<S3Response<O>> {
        bucket::require(self, request, bucket, action).await?;
        not_configured(code)
    }
}

/// The owner of what nobody in particular wrote.
fn nobody() -> dto::Owner {
    dto::Owner {
        display_name: None,
        id: Some(ANONYMOUS_ID.to_owned()),
    }
}

/// An owner as the initiator of an upload.
pub(crate) fn initiator(owner: &dto::Owner) -> dto::Initiator {
    dto::Initiator {
        display_name: owner.display_name.clone(),
        id: owner.id.clone(),
    }
}

/// Who owns what lies in a bucket: its owner, but for what another account wrote or was granted.
pub(crate) struct Owners {
    pub(crate) bucket: dto::Owner,
    owns_all: bool,
}

impl Owners {
    /// The owner of what carries these attributes.
    pub(crate) fn of(&self, attributes: &Attributes) -> dto::Owner {
        match attributes.owner().filter(|_| !self.owns_all) {
            Some((id, name)) => dto::Owner {
                display_name: Some(name),
                id: Some(id),
            },
            None => self.bucket.clone(),
        }
    }
}

/// Writes the trait's methods: those that a function serves, and those whose setting is not there.
macro_rules! operations {
    (
        serve { $($serve:ident($served:ident) -> $serve_output:ident: $function:path;)* }
        unset { $($unset:ident($asked:ident) -> $unset_output:ident: $may_unset:ident, $code:ident;)* }
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
                let action = Action::$may_unset;
                self.unset(&request, &request.input.bucket, action, S3ErrorCode::$code).await
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
        get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput: acl::get_bucket;
        put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput: acl::put_bucket;
        get_object_acl(GetObjectAclInput) -> GetObjectAclOutput: acl::get_object;
        put_object_acl(PutObjectAclInput) -> PutObjectAclOutput: acl::put_object;
        get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput: access::policy;
        put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput: access::put_policy;
        delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput: access::delete_policy;
        get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput: access::policy_status;
        get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput: access::block;
        put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput: access::put_block;
        delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput: access::delete_block;
        get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput: access::ownership;
        put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput: access::put_ownership;
        delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput: access::delete_ownership;
        get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput: tagging::get_bucket;
        put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput: tagging::put_bucket;
        delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput: tagging::delete_bucket;
        get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput: lifecycle::get;
        put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput: lifecycle::put;
        delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput: lifecycle::delete;
        get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput: payment::get;
        put_bucket_request_payment(PutBucketRequestPaymentInput) -> PutBucketRequestPaymentOutput: payment::put;
        get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput: payment::accelerate;
        put_bucket_accelerate_configuration(PutBucketAccelerateConfigurationInput) -> PutBucketAccelerateConfigurationOutput: payment::put_accelerate;
        get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput: tagging::get;
        put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput: tagging::put;
        delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput: tagging::delete;
        get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput: encryption::get_bucket;
        put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput: encryption::put_bucket;
        delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput: encryption::delete_bucket;
        get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput: object_lock::configuration;
        put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput: object_lock::put_configuration;
        get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput: object_lock::retention;
        put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput: object_lock::put_retention;
        get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput: object_lock::legal_hold;
        put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput: object_lock::put_legal_hold;
        get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput: access_log::get;
        put_bucket_logging(PutBucketLoggingInput) -> PutBucketLoggingOutput: access_log::put;
        get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput: notification::get;
        put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput: notification::put;
        get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput: cors::get;
        put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput: cors::put;
        delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput: cors::delete;
        get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput: website::get;
        put_bucket_website(PutBucketWebsiteInput) -> PutBucketWebsiteOutput: website::put;
        delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput: website::delete;
        put_object(PutObjectInput) -> PutObjectOutput: object::put;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput: object::delete;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput: object::delete_many;
        get_object(GetObjectInput) -> GetObjectOutput: reading::get;
        head_object(HeadObjectInput) -> HeadObjectOutput: reading::head;
        get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput: object_attributes::get;
        copy_object(CopyObjectInput) -> CopyObjectOutput: copy::copy;
        list_objects(ListObjectsInput) -> ListObjectsOutput: listing::list;
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output: listing::list_v2;
        list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput: version_listing::versions;
        list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput: version_listing::uploads;
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput: multipart::create;
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput: completion::complete;
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput: multipart::abort;
        upload_part(UploadPartInput) -> UploadPartOutput: part::put;
        upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput: part::copy;
        list_parts(ListPartsInput) -> ListPartsOutput: part::list;
    }
    unset {
        get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput: GetReplicationConfiguration, ReplicationConfigurationNotFoundError;
    }

    /// Objects are not shared by torrent; AWS has ended it too.
    async fn get_object_torrent(
        &self,
        request: S3Request<dto::GetObjectTorrentInput>,
    ) -> S3Result<S3Response<dto::GetObjectTorrentOutput>> {
        let action = Action::ListBucket;
        bucket::require(self, &request, &request.input.bucket, action).await?;
        not_configured(S3ErrorCode::NoSuchKey)
    }
}
