"""Server-side copies."""

import datetime

from conftest import body_of, error_of, set_versioning


def source(bucket, key="a", version=None):
    found = {"Bucket": bucket, "Key": key}
    return {**found, "VersionId": version} if version else found


def test_copy_keeps_or_replaces_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ContentType="t/a", Metadata={"m": "1"})
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source(bucket))
    kept = s3.get_object(Bucket=bucket, Key="b")
    assert body_of(kept) == b"x" and kept["ContentType"] == "t/a" and kept["Metadata"] == {"m": "1"}
    s3.copy_object(
        Bucket=bucket,
        Key="b",
        CopySource=source(bucket),
        MetadataDirective="REPLACE",
        ContentType="t/b",
        Metadata={"n": "2"},
    )
    new = s3.get_object(Bucket=bucket, Key="b")
    assert new["ContentType"] == "t/b" and new["Metadata"] == {"n": "2"} and body_of(new) == b"x"


def test_copy_onto_itself(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    onto = {"Bucket": bucket, "Key": "a", "CopySource": source(bucket)}
    assert error_of(s3.copy_object, **onto) == (400, "InvalidRequest")
    s3.copy_object(**onto, MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"n": "2"}


def test_odd_keys(s3, bucket):
    for key in ("a b", "a+b", "ü/ä", "a%20b", "../x", "a?b"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source(bucket, key))
        assert body_of(s3.get_object(Bucket=bucket, Key="to")) == key.encode()


def test_conditions_on_the_source(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    to = {"Bucket": bucket, "Key": "b", "CopySource": source(bucket)}
    past = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
    failed = (412, "PreconditionFailed")
    assert error_of(s3.copy_object, **to, CopySourceIfMatch='"no"') == failed
    assert error_of(s3.copy_object, **to, CopySourceIfNoneMatch=tag) == failed
    assert error_of(s3.copy_object, **to, CopySourceIfUnmodifiedSince=past) == failed
    s3.copy_object(**to, CopySourceIfMatch=tag, CopySourceIfModifiedSince=past)


def test_missing_sources(s3, bucket):
    missing = {"Bucket": bucket, "Key": "b", "CopySource": source(bucket, "no")}
    assert error_of(s3.copy_object, **missing) == (404, "NoSuchKey")


def test_copy_of_a_version(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    old = s3.put_object(Bucket=bucket, Key="a", Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"new")
    told = s3.copy_object(Bucket=bucket, Key="b", CopySource=source(bucket, "a", old))
    assert told["CopySourceVersionId"] == old
    assert body_of(s3.get_object(Bucket=bucket, Key="b")) == b"old"
