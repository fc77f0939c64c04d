"""Requests that try to make one thing of another: each is refused, and leaves what was there untouched.

What other files try already (unsigned headers, wrong hashes, presigned lives, `Expect`, names that climb) is
not repeated here; this file adds the old version that must survive, and the copy that must not be made.
"""

import base64
import datetime
import hashlib
import socket
import urllib.parse
import uuid
import zlib

import pytest
from conftest import (
    ENDPOINT, anonymous, body_of, code_in, connect, error_of, host, keys, put_raw, raw, read_answer, sign,
)

OLD = b"the old version"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture(autouse=True)
def old(s3, bucket):
    """An object that every test tries to replace, and a secret that none may copy."""
    s3.put_object(Bucket=bucket, Key="k", Body=OLD, Metadata={"m": "1"}, Tagging="a=b")
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    before = s3.head_object(Bucket=bucket, Key="k")
    yield
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == OLD and got["ETag"] == before["ETag"] and got["LastModified"] == before["LastModified"]
    assert got["Metadata"] == {"m": "1"} and got["TagCount"] == 1
    assert keys(s3, bucket) == ["k", "secret"]
    acl = s3.get_object_acl(Bucket=bucket, Key="k")
    assert [grant["Grantee"].get("ID") for grant in acl["Grants"]] == [acl["Owner"]["ID"]]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def presigned(s3, bucket, operation="put_object", seconds=60, **params):
    url = s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "k", **params}, ExpiresIn=seconds)
    parts = urllib.parse.urlsplit(url)
    return parts.path, parts.query


def use(where, headers, body=b"new"):
    return anonymous("PUT", where[0], headers, body, where[1])[:2]


@pytest.mark.parametrize("headers", [
    {"x-amz-copy-source": "/{}/secret"},
    {"X-AMZ-COPY-SOURCE": "{}/secret"},
    {"x-amz-copy-source": "/{}/secret", "x-amz-metadata-directive": "REPLACE"},
    {"x-amz-grant-full-control": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
    {"x-amz-tagging": "a=c"},
    {"x-amz-website-redirect-location": "https://bad.example/"},
    {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
    {"x-amz-object-lock-legal-hold": "ON"},
    {"x-amz-rename-source": "secret"},
    {"x-amz-acl": "public-read", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
])
def test_headers_beside_a_presigned_url(s3, bucket, headers):
    headers = {name: value.format(bucket) for name, value in headers.items()}
    for body in (b"", b"new"):
        assert use(presigned(s3, bucket), headers, body) == (403, "AccessDenied")


@pytest.mark.parametrize("query", [
    "x-amz-copy-source=%2F{}%2Fsecret", "x-amz-acl=public-read", "x-amz-meta-a=b", "x-amz-tagging=a%3Dc", "uploads=",
    "acl=", "tagging=", "renameObject=", "partNumber=1&uploadId=u",
])
def test_parameters_beside_a_presigned_url(s3, bucket, query):
    path, signed = presigned(s3, bucket)
    for more in (f"{signed}&{query.format(bucket)}", f"{query.format(bucket)}&{signed}"):
        # 405 where no PUT is made on such a thing at all.
        assert use((path, more), {})[0] == (405 if query == "uploads=" else 403)


def test_parameters_beside_a_signed_header(bucket):
    path = f"/{bucket}/k"
    for query in ("acl=", "tagging=", "uploads=", "renameObject=", "versionId=null", "x-amz-acl=public-read"):
        signed = {**sign("PUT", path, body=b"new"), "Content-Length": "3"}
        refusal = (405, "MethodNotAllowed") if query == "uploads=" else (403, "SignatureDoesNotMatch")
        assert raw("PUT", path, signed, b"new", query)[:2] == refusal


@pytest.mark.parametrize("query", ["acl=", "retention=", "legal-hold=", "attributes=", "uploads=", "torrent="])
def test_what_cannot_be_deleted_of_an_object(bucket, query):
    """Who wants to be rid of an access list or a lock must not lose the object."""
    signed = sign("DELETE", f"/{bucket}/k", query=query)
    assert raw("DELETE", f"/{bucket}/k", signed, query=query)[0] in (400, 405, 501)


@pytest.mark.parametrize("query", [
    "acl=", "versioning=", "object-lock=", "notification=", "logging=", "requestPayment=", "accelerate=", "uploads=",
])
def test_what_cannot_be_deleted_of_a_bucket(s3, query):
    """The same for the settings of a bucket, which an empty bucket would go with."""
    name = "dolium-" + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    try:
        signed = sign("DELETE", f"/{name}", query=query)
        assert raw("DELETE", f"/{name}", signed, query=query)[0] in (400, 405, 501)
    finally:
        if name in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]:
            s3.delete_bucket(Bucket=name)


def test_a_header_twice(bucket):
    """The second of two headers is no way around the first."""
    path = f"/{bucket}/k"
    signed = sign("PUT", path, {"x-amz-meta-a": "1"}, b"new")
    signed["Content-Length"] = "3"
    lines = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items()), "x-amz-meta-a: 2"]
    with connect() as sock:
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\nnew")
        assert read_answer(sock)[0] in (400, 403)


@pytest.mark.parametrize("name", ["x-amz-acl", "x-amz-meta-a", "x-amz-copy-source", "x-amz-tagging"])
def test_a_signed_header_that_was_changed(bucket, name):
    path = f"/{bucket}/k"
    signed = sign("PUT", path, {name: "private"}, b"new")
    for value in ("public-read", f"/{bucket}/secret", None):
        changed = {**signed, "Content-Length": "3", name: value}
        changed = {name: value for name, value in changed.items() if value is not None}
        assert raw("PUT", path, changed, b"new")[0] in (400, 403)


def test_another_hash_beside_a_presigned_url(s3, bucket):
    wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
    assert use(presigned(s3, bucket), wrong) == (400, "XAmzContentSHA256Mismatch")


WRONG = [
    {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()},
    {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()},
    {"x-amz-checksum-sha1": base64.b64encode(hashlib.sha1(b"other").digest()).decode()},
    {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"other").digest()).decode()},
    {"x-amz-checksum-crc32c": "AAAAAA=="},
    {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="},
]


@pytest.mark.parametrize("headers", WRONG, ids=lambda headers: next(iter(headers)))
@pytest.mark.parametrize("size", [3, 300_000, 9_000_000])
def test_wrong_digests(bucket, headers, size):
    assert put_raw(f"/{bucket}/k", b"n" * size, headers)[:2] == (400, "BadDigest")


def chunks(bucket, wire, decoded, trailer="x-amz-checksum-crc32", end=True):
    path = f"/{bucket}/k"
    headers = {
        "x-amz-decoded-content-length": str(decoded), "content-encoding": "aws-chunked", "x-amz-trailer": trailer,
    }
    signed = sign("PUT", path, headers, payload_hash=UNSIGNED)
    signed["Content-Length"] = str(len(wire) + (0 if end else 100))
    lines = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
    with connect() as sock:
        try:
            sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + wire)
            if not end:
                sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        status, _, text = read_answer(sock)
    return status, code_in(text)


def wire(body, trailer, name="x-amz-checksum-crc32"):
    return b"%x\r\n" % len(body) + body + f"\r\n0\r\n{name}:{trailer}\r\n\r\n".encode()


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("size", [3, 300_000, 9_000_000])
def test_wrong_trailers(bucket, size):
    body = b"n" * size
    assert chunks(bucket, wire(body, crc32(b"other")), size) == (400, "BadDigest")
    # Another trailer than the one announced.
    status, _ = chunks(bucket, wire(body, "AAAAAA==", "x-amz-checksum-crc32c"), size)
    assert status == 400


@pytest.mark.parametrize("lie", [-1, 1, 1 << 20, 1 << 50])
def test_lies_about_the_decoded_length(bucket, lie):
    body = b"n" * 100_000
    assert chunks(bucket, wire(body, crc32(body)), len(body) + lie)[0] == 400


@pytest.mark.parametrize("kept", [0, 1, 5_000, 99_990])
def test_chunks_that_break_off(bucket, kept):
    body = b"n" * 100_000
    sent = wire(body, crc32(body))[:kept]
    assert chunks(bucket, sent, len(body), end=False)[0] in (0, 400)


@pytest.mark.parametrize("kept", [0, 1, 5_000, 8_999_999])
def test_bodies_that_break_off(bucket, kept):
    path, body = f"/{bucket}/k", b"n" * 9_000_000
    signed = sign("PUT", path, body=body)
    signed["Content-Length"] = str(len(body))
    lines = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
    with connect() as sock:
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body[:kept])
        sock.shutdown(socket.SHUT_WR)
        assert read_answer(sock)[0] in (0, 400)


def test_what_is_old(s3, bucket):
    hour = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    for body in (b"new", b""):
        assert put_raw(f"/{bucket}/k", body, when=hour)[:2] == (403, "RequestTimeTooSkewed")
    path, query = presigned(s3, bucket)
    # A presigned URL is made older than its life by changing its date, which is signed.
    fields = dict(urllib.parse.parse_qsl(query))
    for field, value in (("X-Amz-Date", hour.strftime("%Y%m%dT%H%M%SZ")), ("X-Amz-Expires", "604800")):
        changed = urllib.parse.urlencode({**fields, field: value})
        assert use((path, changed), {})[0] == 403


def test_a_bad_signature_with_expect_on_a_large_body(bucket):
    """The answer comes before a byte of the body, so no such upload costs anything."""
    path = f"/{bucket}/k"
    signed = sign("PUT", path, payload_hash="UNSIGNED-PAYLOAD", secret="wrong")
    signed.update({"Content-Length": str(1 << 30), "Expect": "100-continue"})
    assert raw("PUT", path, signed)[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("name", [
    "response-content-type", "response-content-disposition", "response-cache-control", "response-content-language",
    "response-content-encoding", "response-expires",
])
@pytest.mark.parametrize("value", ["a%0D%0AX-Injected%3A%201", "a%0AX-Injected%3A%201", "a%0D", "a%00"])
def test_line_breaks_in_answers(bucket, name, value):
    path, query = f"/{bucket}/k", f"{name}={value}"
    status, _, headers = raw("GET", path, sign("GET", path, query=query), query=query)
    assert status == 400 and "x-injected" not in headers


def test_answers_are_changed_only_by_who_signs(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    told = anonymous("GET", f"/{bucket}/k", query="response-content-type=text/html")
    assert told[0] in (400, 403) and told[2].get("content-type") != "text/html"


def test_keys_that_climb(s3, bucket):
    """`..` is a part of a key: it leaves no bucket, however it is written."""
    for path in (f"/{bucket}/../{bucket}/k", f"/{bucket}/./k", f"/{bucket}//k"):
        signed = sign("GET", path)
        assert raw("GET", path, signed)[:2] == (404, "NoSuchKey"), path
        # Dots are signed as dots and may be sent otherwise.
        assert raw("GET", path.replace(".", "%2E"), signed)[:2] == (404, "NoSuchKey"), path
    copy = {"Bucket": bucket, "Key": "copy"}
    climbing = {"Bucket": bucket, "Key": f"../{bucket}/secret"}
    assert error_of(s3.copy_object, **copy, CopySource=climbing) == (404, "NoSuchKey")


def test_another_host(bucket):
    """The host is signed: a request to one server is none to another."""
    path = f"/{bucket}/k"
    signed = {**sign("PUT", path, body=b"new"), "Content-Length": "3", "Host": "other.example"}
    assert raw("PUT", path, signed, b"new")[0] in (400, 403)
    assert ENDPOINT.endswith(host())
