"""Buckets and objects: what every client does first."""

import hashlib

import pytest
from conftest import body_of, error_of, keys, make_client


def test_bucket_life(s3, bucket):
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    # The same request again is no mistake; one that asks for something else is.
    assert s3.create_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert error_of(s3.create_bucket, Bucket=bucket, ACL="public-read") == (409, "BucketAlreadyExists")
    locked = {"Bucket": bucket, "ObjectLockEnabledForBucket": True}
    assert error_of(s3.create_bucket, **locked) == (409, "BucketAlreadyExists")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert error_of(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")


def test_missing_things(s3, bucket):
    assert error_of(s3.get_object, Bucket=bucket, Key="no") == (404, "NoSuchKey")
    assert error_of(s3.head_object, Bucket=bucket, Key="no")[0] == 404
    assert error_of(s3.list_objects_v2, Bucket="no-such-bucket-xyz") == (404, "NoSuchBucket")
    assert error_of(s3.put_object, Bucket="no-such-bucket-xyz", Key="k") == (404, "NoSuchBucket")
    s3.delete_object(Bucket=bucket, Key="no")


@pytest.mark.parametrize("size", [0, 1, 4096, 70_000, 5_000_001])
def test_put_get_head(s3, bucket, size):
    body = hashlib.shake_128(b"seed").digest(size)
    put = s3.put_object(
        Bucket=bucket,
        Key="a/b c+ü",
        Body=body,
        ContentType="text/x-test",
        CacheControl="no-cache",
        ContentDisposition="inline",
        ContentLanguage="de",
        Metadata={"Colour": "red"},
    )
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="a/b c+ü")
    assert body_of(got) == body
    head = s3.head_object(Bucket=bucket, Key="a/b c+ü")
    for answer in (got, head):
        assert answer["ETag"] == put["ETag"]
        assert answer["ContentLength"] == size
        assert answer["ContentType"] == "text/x-test"
        assert answer["CacheControl"] == "no-cache"
        assert answer["ContentDisposition"] == "inline"
        assert answer["ContentLanguage"] == "de"
        assert answer["Metadata"] == {"colour": "red"}
        assert answer["AcceptRanges"] == "bytes"
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["server"] == "Dolium" and headers["x-amz-request-id"] and headers["date"]


def test_default_type_and_overwrite(s3, bucket):
    for body in (b"one", b"three"):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == b"three" and got["ContentType"] == "binary/octet-stream"


def test_ranges(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for text, body, place in [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=text)
        assert body_of(got) == body and got["ContentRange"] == place
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        head = s3.head_object(Bucket=bucket, Key="k", Range=text)
        assert head["ContentLength"] == len(body) and head["ContentRange"] == place
    assert error_of(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == (416, "InvalidRange")
    assert error_of(s3.get_object, Bucket=bucket, Key="k", Range="bytes=-0")[0] == 416


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="a/b")
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="c/d", ResponseContentDisposition="attachment"
    )
    assert got["ContentType"] == "c/d" and got["ContentDisposition"] == "attachment"
    bad = {"Bucket": bucket, "Key": "k", "ResponseContentType": "a\r\nX-Injected: 1"}
    assert error_of(s3.get_object, **bad)[0] == 400


def test_delete_objects(s3, bucket):
    for key in ("a", "b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    names = [{"Key": key} for key in ("a", "b", "never")]
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": names})
    assert sorted(d["Key"] for d in told["Deleted"]) == ["a", "b", "never"]
    assert keys(s3, bucket) == ["c"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert "Deleted" not in quiet and keys(s3, bucket) == []
    many = [{"Key": f"k{n}"} for n in range(1001)]
    assert error_of(s3.delete_objects, Bucket=bucket, Delete={"Objects": many}) == (400, "MalformedXML")


@pytest.mark.parametrize("key", ["../x", "a/../b", "a//b", "//a", ".", "..", "a%2Fb", "ä€😀", "a\rb", "a\tb", "a\x01b", "a+b &<>\"'", "t/"])
def test_keys_are_opaque(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert keys(s3, bucket) == [key]
    assert body_of(s3.get_object(Bucket=bucket, Key=key)) == key.encode()


def test_acl_of_an_owner(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for acl in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        grant = acl["Grants"][0]
        assert grant["Permission"] == "FULL_CONTROL"
        assert grant["Grantee"]["ID"] == acl["Owner"]["ID"]


@pytest.mark.parametrize(
    "operation, code",
    [
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
        ("get_public_access_block", "NoSuchPublicAccessBlockConfiguration"),
        ("get_bucket_ownership_controls", "OwnershipControlsNotFoundError"),
    ],
)
def test_settings_that_are_not_set(s3, bucket, operation, code):
    assert error_of(getattr(s3, operation), Bucket=bucket) == (404, code)


def test_what_is_not_built(s3, bucket):
    for call, kwargs in [
        (s3.get_bucket_inventory_configuration, {"Id": "i"}),
        (s3.get_bucket_analytics_configuration, {"Id": "a"}),
        (s3.restore_object, {"Key": "k", "RestoreRequest": {"Days": 1}}),
        (s3.put_object, {"Key": "k", "Body": b"x", "WriteOffsetBytes": 0}),
        (s3.delete_object, {"Key": "k", "MFA": "serial 123456"}),
        (s3.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Enabled"}, "MFA": "serial 123456"}),
    ]:
        assert error_of(call, Bucket=bucket, **kwargs) == (501, "NotImplemented")
    assert keys(s3, bucket) == []


def test_limits(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k" * 1024, Body=b"x")
    assert error_of(s3.put_object, Bucket=bucket, Key="k" * 1025) == (400, "KeyTooLongError")
    big = {"a": "v" * 2048}
    assert error_of(s3.put_object, Bucket=bucket, Key="m", Metadata=big) == (400, "MetadataTooLarge")


def test_wrong_credentials(s3, bucket):
    wrong = make_client(secret_key="wrong")
    assert error_of(wrong.list_objects_v2, Bucket=bucket) == (403, "SignatureDoesNotMatch")
    unknown = make_client(access_key="nobody", secret_key="x")
    assert error_of(unknown.list_objects_v2, Bucket=bucket) == (403, "InvalidAccessKeyId")
