"""Presigned URLs, used by somebody who has only the URL."""

import urllib.parse

from conftest import absent, body_of, make_client, raw, host


def presign(s3, operation, seconds=60, **params):
    url = s3.generate_presigned_url(operation, Params=params, ExpiresIn=seconds)
    parts = urllib.parse.urlsplit(url)
    return parts.path, parts.query


def use(method, where, headers=None, body=b""):
    sent = {"Host": host(), "Content-Length": str(len(body)), **(headers or {})}
    return raw(method, where[0], sent, body, query=where[1])


def test_get_and_put(s3, bucket):
    assert use("PUT", presign(s3, "put_object", Bucket=bucket, Key="k ü"), body=b"x")[0] == 200
    assert body_of(s3.get_object(Bucket=bucket, Key="k ü")) == b"x"
    where = presign(s3, "get_object", Bucket=bucket, Key="k ü", ResponseContentType="a/b")
    status, _, headers = use("GET", where)
    assert status == 200 and headers["content-type"] == "a/b"


def test_the_method_is_signed(s3, bucket):
    where = presign(s3, "get_object", Bucket=bucket, Key="k")
    assert use("PUT", where, body=b"x")[:2] == (403, "SignatureDoesNotMatch")
    assert absent(s3, bucket, "k")


def test_expiry(s3, bucket):
    week = 7 * 24 * 3600
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert use("GET", presign(s3, "get_object", week, Bucket=bucket, Key="k"))[0] == 200
    for seconds in (week + 1, 0, -7):
        told = use("GET", presign(s3, "get_object", seconds, Bucket=bucket, Key="k"))
        assert told[:2] == (403, "AuthorizationQueryParametersError")


def test_changed_parameters(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    path, query = presign(s3, "get_object", Bucket=bucket, Key="k")
    assert use("GET", (path + "2", query))[:2] == (403, "SignatureDoesNotMatch")
    assert use("GET", (path, query + "&response-content-type=a"))[:2] == (403, "SignatureDoesNotMatch")
    assert use("GET", (path, query + "&X-Amz-Expires=9"))[0] == 400


def test_unsigned_headers_cannot_change_the_meaning(s3, bucket):
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    where = presign(s3, "put_object", Bucket=bucket, Key="k")
    for name, value in [
        ("x-amz-copy-source", f"/{bucket}/secret"),
        ("x-amz-acl", "public-read"),
        ("x-amz-meta-a", "b"),
        ("X-Amz-Storage-Class", "STANDARD"),
    ]:
        assert use("PUT", where, {name: value}, b"x")[:2] == (403, "AccessDenied")
    assert absent(s3, bucket, "k")


def test_wrong_payload_hash(s3, bucket):
    where = presign(s3, "put_object", Bucket=bucket, Key="k")
    for body in (b"x", b""):
        told = use("PUT", where, {"x-amz-content-sha256": "0" * 64}, body)
        assert told[:2] == (400, "XAmzContentSHA256Mismatch")
    assert absent(s3, bucket, "k")


def test_two_mechanisms_and_none(s3, bucket):
    where = presign(s3, "get_object", Bucket=bucket, Key="k")
    assert use("GET", where, {"Authorization": "AWS4-HMAC-SHA256 x"})[:2] == (400, "InvalidArgument")
    assert use("GET", (where[0], ""))[:2] == (403, "AccessDenied")


def test_virtual_host_of_an_unknown_domain_is_path_style(s3, bucket):
    signed = make_client(s3={"addressing_style": "path"})
    path, query = presign(signed, "list_objects_v2", Bucket=bucket)
    assert use("GET", (path, query))[0] == 200
