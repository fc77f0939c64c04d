"""Conditional reads, writes and deletes."""

import datetime

from conftest import body_of, error_of, keys

HOUR = datetime.timedelta(hours=1)


def put(s3, bucket, body=b"x", **kwargs):
    return s3.put_object(Bucket=bucket, Key="k", Body=body, **kwargs)["ETag"]


def test_read_conditions(s3, bucket):
    tag = put(s3, bucket)
    where = {"Bucket": bucket, "Key": "k"}
    assert body_of(s3.get_object(**where, IfMatch=tag)) == b"x"
    assert error_of(s3.get_object, **where, IfMatch='"no"') == (412, "PreconditionFailed")
    assert error_of(s3.get_object, **where, IfNoneMatch=tag)[0] == 304
    assert body_of(s3.get_object(**where, IfNoneMatch='"no"')) == b"x"
    assert error_of(s3.head_object, **where, IfMatch='"no"')[0] == 412
    assert body_of(s3.get_object(**where, IfMatch=f'"no", {tag}')) == b"x"
    assert error_of(s3.get_object, **where, IfNoneMatch=f'{tag}, "no"')[0] == 304


def test_dates(s3, bucket):
    put(s3, bucket)
    where = {"Bucket": bucket, "Key": "k"}
    at = s3.head_object(**where)["LastModified"]
    assert error_of(s3.get_object, **where, IfModifiedSince=at)[0] == 304
    assert body_of(s3.get_object(**where, IfModifiedSince=at - HOUR)) == b"x"
    assert body_of(s3.get_object(**where, IfUnmodifiedSince=at)) == b"x"
    assert error_of(s3.get_object, **where, IfUnmodifiedSince=at - HOUR)[0] == 412


def test_not_modified_names_the_version(s3, bucket):
    tag = put(s3, bucket)
    try:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=tag)
        raise AssertionError("must not be modified")
    except s3.exceptions.ClientError as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["etag"] == tag and "last-modified" in headers


def test_write_conditions(s3, bucket):
    tag = put(s3, bucket, b"one", IfNoneMatch="*")
    assert error_of(put, s3, bucket, b"two", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert error_of(put, s3, bucket, b"two", IfMatch='"no"') == (412, "PreconditionFailed")
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"one"
    put(s3, bucket, b"two", IfMatch=tag)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"two"
    missing = {"Bucket": bucket, "Key": "missing", "IfMatch": tag}
    assert error_of(s3.put_object, **missing) == (404, "NoSuchKey")


def test_delete_conditions(s3, bucket):
    tag = put(s3, bucket)
    where = {"Bucket": bucket, "Key": "k"}
    assert error_of(s3.delete_object, **where, IfMatch='"no"') == (412, "PreconditionFailed")
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": '"no"'}]})
    assert told["Errors"][0]["Code"] == "PreconditionFailed"
    assert keys(s3, bucket) == ["k"]
    s3.delete_object(**where, IfMatch=tag)
    assert keys(s3, bucket) == []


def test_multipart_completion_conditions(s3, bucket):
    put(s3, bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"y")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    complete = s3.complete_multipart_upload
    assert error_of(complete, **where, MultipartUpload=parts, IfNoneMatch="*")[0] == 412
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"x"
    complete(**where, MultipartUpload=parts)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"y"
