"""Bodies in signed chunks, as SDKs send them over plain connections."""

import base64
import hashlib
import hmac
import zlib

import pytest
from conftest import REGION, SECRET_KEY, absent, body_of, raw, sign

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256)


class Chunks:
    """Signs chunks, each over the one before."""

    def __init__(self, headers):
        self.date = headers["X-Amz-Date"]
        self.last = headers["Authorization"].rsplit("Signature=", 1)[1]
        self.scope = f"{self.date[:8]}/{REGION}/s3/aws4_request"
        key = ("AWS4" + SECRET_KEY).encode()
        for term in (self.date[:8], REGION, "s3", "aws4_request"):
            key = mac(key, term).digest()
        self.key = key

    def sign(self, kind, *rest):
        lines = [f"AWS4-HMAC-SHA256-{kind}", self.date, self.scope, self.last, *rest]
        self.last = mac(self.key, "\n".join(lines)).hexdigest()
        return self.last

    def chunk(self, data, end=b"\r\n"):
        signature = self.sign("PAYLOAD", EMPTY, hashlib.sha256(data).hexdigest())
        return f"{len(data):x};chunk-signature={signature}\r\n".encode() + data + end

    def trailer(self, line):
        signature = self.sign("TRAILER", hashlib.sha256((line + "\n").encode()).hexdigest())
        return f"{line}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()


def put(bucket, pieces, decoded=None, trailer=None, damage=None, key="k"):
    path = f"/{bucket}/{key}"
    length = sum(map(len, pieces)) if decoded is None else decoded
    headers = {"x-amz-decoded-content-length": str(length), "content-encoding": "aws-chunked"}
    mode = SIGNED
    if trailer:
        headers["x-amz-trailer"] = trailer.split(":")[0]
        mode += "-TRAILER"
    signed = sign("PUT", path, headers, payload_hash=mode)
    chunks = Chunks(signed)
    wire = b"".join(chunks.chunk(piece) for piece in pieces)
    wire += chunks.chunk(b"", b"" if trailer else b"\r\n")
    if trailer:
        wire += chunks.trailer(trailer)
    if damage:
        wire = damage(wire)
    signed["Content-Length"] = str(len(wire))
    return raw("PUT", path, signed, wire)[:2]


def crc32(body):
    return "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("sizes", [[], [5], [65536, 65536, 17], [1 << 20, 3]])
def test_signed_chunks(s3, bucket, sizes):
    pieces = [bytes([n]) * size for n, size in enumerate(sizes)]
    assert put(bucket, pieces)[0] == 200
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"".join(pieces)


def test_signed_trailer(s3, bucket):
    assert put(bucket, [b"hello", b"world"], trailer=crc32(b"helloworld"))[0] == 200
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"helloworld"
    told = put(bucket, [b"hello"], trailer=crc32(b"other"), key="w")
    assert told == (400, "BadDigest") and absent(s3, bucket, "w")


@pytest.mark.parametrize("old, new", [(b"hello", b"hellO"), (b"world", b"worlD"), (b"signature=", b"signature=f")])
def test_changed_chunks(s3, bucket, old, new):
    change = lambda wire: wire.replace(old, new)[: len(wire)]
    status, code = put(bucket, [b"hello", b"world"], damage=change)
    assert status in (400, 403) and code in ("SignatureDoesNotMatch", "InvalidRequest")
    assert absent(s3, bucket, "k")


def test_changed_trailer(s3, bucket):
    line, other = crc32(b"hello"), crc32(b"other")
    change = lambda wire: wire.replace(line.encode(), other.encode())
    told = put(bucket, [b"hello"], trailer=line, damage=change)
    assert told == (403, "SignatureDoesNotMatch") and absent(s3, bucket, "k")


def test_lies_about_the_length(s3, bucket):
    for decoded in (4, 6, 0, 1 << 40):
        assert put(bucket, [b"hello"], decoded)[0] == 400
    missing_end = lambda wire: wire[: wire.rindex(b"0;chunk")]
    assert put(bucket, [b"hello"], damage=missing_end) == (400, "IncompleteBody")
    assert absent(s3, bucket, "k")


def test_a_large_signed_chunk_is_refused(s3, bucket):
    assert put(bucket, [b"x" * (5 << 20)]) == (400, "InvalidRequest")
    assert absent(s3, bucket, "k")
