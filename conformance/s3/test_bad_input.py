"""Hostile and broken requests: each gets its error, and nothing is stored."""

import datetime
import hashlib
import socket

import pytest
from conftest import (MIB, absent, body_of, code_in, connect, host, keys, put_raw, raw, read_answer, sign)

UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def utc(**delta):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)


@pytest.fixture(autouse=True)
def nothing_is_stored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="old", Body=b"old")
    yield
    assert keys(s3, bucket) == ["old"]
    assert body_of(s3.get_object(Bucket=bucket, Key="old")) == b"old"


@pytest.mark.parametrize("value, told", [
    ("", (403, "AccessDenied")),
    ("AWS AKID:c2ln", (400, "InvalidRequest")),
    ("Bearer x", (400, "InvalidArgument")),
    ("AWS4-HMAC-SHA256", (400, "AuthorizationHeaderMalformed")),
    ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b", (400, "AuthorizationHeaderMalformed")),
    ("AWS4-HMAC-SHA256 " + "x" * 5000, (400, "AuthorizationHeaderMalformed")),
])
def test_malformed_authorization(bucket, value, told):
    headers = {"Host": host(), "Content-Length": "1"}
    if value:
        headers["Authorization"] = value
    assert raw("PUT", f"/{bucket}/k", headers, b"x")[:2] == told


@pytest.mark.parametrize("delta", [{"hours": -1}, {"hours": 1}, {"minutes": -16}])
def test_clock_skew(bucket, delta):
    assert put_raw(f"/{bucket}/k", when=utc(**delta))[:2] == (403, "RequestTimeTooSkewed")


def test_small_skew_is_allowed(s3, bucket):
    assert put_raw(f"/{bucket}/k", when=utc(minutes=-10))[0] == 200
    s3.delete_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("name", ["x-amz-acl", "x-amz-meta-a", "x-amz-copy-source", "x-amz-tagging"])
def test_unsigned_headers(bucket, name):
    signed = sign("PUT", f"/{bucket}/k", body=b"x")
    signed.update({"Content-Length": "1", name: f"/{bucket}/old"})
    assert raw("PUT", f"/{bucket}/k", signed, b"x")[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("name", [" x-amz-meta-a", "X-Amz-Meta-A", "x-amz-meta-a "])
def test_names_that_only_look_signed(bucket, name):
    signed = sign("PUT", f"/{bucket}/k", body=b"x")
    signed["Authorization"] = signed["Authorization"].replace("SignedHeaders=", f"SignedHeaders={name};")
    signed.update({"Content-Length": "1", "x-amz-meta-a": "b"})
    assert raw("PUT", f"/{bucket}/k", signed, b"x")[0] in (400, 403)
    signed = sign("PUT", f"/{bucket}/k", body=b"x")
    signed["Authorization"] = signed["Authorization"].replace(", Signature", f";{name} , Signature")
    signed.update({"Content-Length": "1", "x-amz-meta-a": "b"})
    assert raw("PUT", f"/{bucket}/k", signed, b"x")[0] in (400, 403)


def test_wrong_payload_hash(bucket):
    wrong = hashlib.sha256(b"other").hexdigest()
    for body in (b"hello", b""):
        told = put_raw(f"/{bucket}/k", body, payload_hash=wrong)
        assert told[:2] == (400, "XAmzContentSHA256Mismatch")
        told = put_raw(f"/{bucket}/old", body, payload_hash=wrong)
        assert told[:2] == (400, "XAmzContentSHA256Mismatch")


def chunked(bucket, wire, decoded, extra=None, close=False):
    path = f"/{bucket}/k"
    headers = {"x-amz-decoded-content-length": str(decoded), "content-encoding": "aws-chunked"}
    signed = sign("PUT", path, {**headers, **(extra or {})}, payload_hash=UNSIGNED)
    signed["Content-Length"] = str(len(wire) + (10 if close else 0))
    if not close:
        return raw("PUT", path, signed, wire)[:2]
    head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
    with connect() as sock:
        sock.sendall(f"PUT {path} HTTP/1.1\r\n{head}\r\n".encode() + wire)
        sock.shutdown(socket.SHUT_WR)
        status, _, text = read_answer(sock)
    return status, code_in(text)


TRAILER = {"x-amz-trailer": "x-amz-checksum-crc32"}


@pytest.mark.parametrize("wire, decoded, code", [
    (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", 5, "BadDigest"),
    (b"5\r\nhello\r\n0\r\n\r\n", 5, "MalformedTrailerError"),
    (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 6, "IncompleteBody"),
    (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 4, "IncompleteBody"),
    (b"5\r\nhello\r\n", 5, "IncompleteBody"),
    (b"-5\r\nhello\r\n0\r\n\r\n", 5, "InvalidRequest"),
    (b"zz\r\nhello\r\n0\r\n\r\n", 5, "InvalidRequest"),
    (b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", 5, "InvalidRequest"),
    (b"6\r\nhello\r\n0\r\n\r\n", 6, "InvalidRequest"),
    (b"5" * 3000, 5, "InvalidRequest"),
])
def test_bad_chunks(bucket, wire, decoded, code):
    assert chunked(bucket, wire, decoded, TRAILER) == (400, code)


def test_good_chunks(s3, bucket):
    wire = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    assert chunked(bucket, wire, 5, TRAILER)[0] == 200
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == b"hello" and "ContentEncoding" not in got
    s3.delete_object(Bucket=bucket, Key="k")


def test_one_large_chunk(s3, bucket):
    body = b"z" * (32 * MIB)
    wire = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    # Without a declared trailer a streaming upload is refused, with one it must come.
    assert chunked(bucket, wire, len(body), TRAILER)[1] == "MalformedTrailerError"


@pytest.mark.parametrize("decoded", ["", "-1", "x", "99999999999999999999999"])
def test_bad_decoded_length(bucket, decoded):
    assert chunked(bucket, b"0\r\n\r\n", decoded, TRAILER)[0] in (400, 411)


def test_truncated_bodies(s3, bucket):
    signed = sign("PUT", f"/{bucket}/k", body=b"hello")
    signed["Content-Length"] = "5"
    head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
    with connect() as sock:
        sock.sendall(f"PUT /{bucket}/k HTTP/1.1\r\n{head}\r\nhel".encode())
        sock.shutdown(socket.SHUT_WR)
        read_answer(sock)
    assert absent(s3, bucket, "k")
    wire = b"5\r\nhello\r\n"
    chunked(bucket, wire, 10, TRAILER, close=True)
    assert absent(s3, bucket, "k")


def test_too_large_is_refused_before_the_body(bucket):
    path = f"/{bucket}/k"
    signed = sign("PUT", path, payload_hash="UNSIGNED-PAYLOAD")
    signed["Content-Length"] = str((5 << 30) + 1)
    assert raw("PUT", path, signed)[:2] == (400, "EntityTooLarge")
    del signed["Content-Length"]
    # What nobody announced may be small, and must end.
    signed["Transfer-Encoding"] = "chunked"
    # Small bodies are read to learn their length; others must announce it.
    chunk = b"20000\r\n" + b"x" * 0x20000 + b"\r\n0\r\n\r\n"
    assert raw("PUT", path, signed, chunk)[:2] == (411, "MissingContentLength")


def test_expect_is_refused_before_the_body(bucket):
    path = f"/{bucket}/k"
    signed = sign("PUT", path, body=b"hello", secret="wrong")
    signed.update({"Content-Length": "5", "Expect": "100-continue"})
    status, code, headers = raw("PUT", path, signed)
    assert (status, code) == (403, "SignatureDoesNotMatch")
    # The body may never come, so nothing else may use this connection.
    assert headers["connection"] == "close"


def document(bucket, text, query="delete"):
    body = text if isinstance(text, bytes) else text.encode()
    signed = sign("POST", f"/{bucket}", body=body, query=f"{query}=")
    signed["Content-Length"] = str(len(body))
    return raw("POST", f"/{bucket}", signed, body, query=f"{query}=")[:2]


ENTITIES = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("text", [
    "",
    "not xml",
    "<Delete>",
    "<Delete></Delete>",
    "<Delete><Object></Object></Delete>",
    "<Delete><Object><Key>a</Key></Object>",
    ENTITIES + "<Delete><Object><Key>&b;</Key></Object></Delete>",
    "<Delete><Object><Key>ol<![CDATA[x]]>d</Key></Object></Delete>",
    "<a>" * 100_000,
    "<" * 1_000_000,
    "<Delete>" + "<Object><Key>" + "k" * (2 << 20) + "</Key></Object></Delete>",
    b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
])
def test_xml(bucket, text):
    status, code = document(bucket, text)
    assert status == 400 and code in ("MalformedXML", "MissingRequestBodyError")


def test_documents_are_verified(bucket):
    body = b"<Delete><Object><Key>old</Key></Object></Delete>"
    for headers, code in [
        ({"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAA"}, "BadDigest"),
    ]:
        signed = sign("POST", f"/{bucket}", headers, body, query="delete=")
        signed["Content-Length"] = str(len(body))
        assert raw("POST", f"/{bucket}", signed, body, query="delete=")[:2] == (400, code)
    wrong = sign("POST", f"/{bucket}", body=body, query="delete=", payload_hash="0" * 64)
    wrong["Content-Length"] = str(len(body))
    told = raw("POST", f"/{bucket}", wrong, body, query="delete=")
    assert told[:2] == (400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize("path, told", [
    ("/{b}/%00", (400, "InvalidURI")),
    ("/{b}/%ff%fe", (400, "InvalidURI")),
    ("/{b}/" + "k" * 1025, (400, "KeyTooLongError")),
    ("/../{b}/k", (400, "InvalidBucketName")),
    ("/A_b/k", (400, "InvalidBucketName")),
])
def test_paths(bucket, path, told):
    path = path.replace("{b}", bucket)
    assert put_raw(path)[:2] == told


def test_traversal_is_a_name(s3, bucket):
    assert put_raw(f"/{bucket}/../other/key")[0] == 200
    assert "../other/key" in keys(s3, bucket)
    s3.delete_object(Bucket=bucket, Key="../other/key")


def test_forms_and_unknown_operations(bucket):
    form = sign("POST", f"/{bucket}", {"Content-Type": "multipart/form-data; boundary=x"}, b"--x--")
    form["Content-Length"] = "5"
    assert raw("POST", f"/{bucket}", form, b"--x--")[:2] == (400, "InvalidArgument")
    signed = sign("PUT", f"/{bucket}/k", query="renameObject=")
    signed["Content-Length"] = "0"
    # A rename without its source.
    told = raw("PUT", f"/{bucket}/k", signed, query="renameObject=")
    assert told[:2] == (400, "InvalidArgument")
    signed = sign("POST", f"/{bucket}/k")
    signed["Content-Length"] = "0"
    assert raw("POST", f"/{bucket}/k", signed)[:2] == (501, "NotImplemented")


def test_garbage_does_not_stop_the_server(s3, bucket):
    for garbage in (b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"PUT /x HTTP/1.1\r\nA: " + b"a" * 200_000):
        with connect() as sock:
            try:
                sock.sendall(garbage)
                sock.shutdown(socket.SHUT_WR)
                sock.recv(100)
            except OSError:
                pass
    assert keys(s3, bucket) == ["old"]

