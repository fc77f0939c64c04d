"""Fixtures and small helpers of the S3 black-box suite.

The server is named by the environment:
    DOLIUM_S3_ENDPOINT   default http://127.0.0.1:9000
    DOLIUM_ACCESS_KEY, DOLIUM_SECRET_KEY
and, without which the tests that need them are skipped,
    DOLIUM_SECOND_ACCESS_KEY, DOLIUM_SECOND_SECRET_KEY, DOLIUM_SECOND_ID, DOLIUM_SECOND_EMAIL
    DOLIUM_ENCRYPTION_KEY   the name of a key of the server for single objects
Run with: pip install -r requirements.txt && pytest conformance/s3
"""

import os
import socket
import urllib.parse
import uuid

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("DOLIUM_S3_ENDPOINT", "http://127.0.0.1:9000").rstrip("/")
ACCESS_KEY = os.environ.get("DOLIUM_ACCESS_KEY", "")
SECRET_KEY = os.environ.get("DOLIUM_SECRET_KEY", "")
SECOND_ACCESS_KEY = os.environ.get("DOLIUM_SECOND_ACCESS_KEY", "")
SECOND_SECRET_KEY = os.environ.get("DOLIUM_SECOND_SECRET_KEY", "")
SECOND_ID = os.environ.get("DOLIUM_SECOND_ID", "")
SECOND_EMAIL = os.environ.get("DOLIUM_SECOND_EMAIL", "")
ENCRYPTION_KEY = os.environ.get("DOLIUM_ENCRYPTION_KEY", "")
REGION = "us-east-1"
MIB = 1 << 20
PART = 5 * MIB


def make_client(access_key=None, secret_key=None, **config):
    options = {"retries": {"max_attempts": 1}, "s3": {"addressing_style": "path"}}
    options.update(config)
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=access_key or ACCESS_KEY,
        aws_secret_access_key=secret_key or SECRET_KEY,
        config=Config(signature_version="s3v4", **options),
    )


@pytest.fixture(scope="session")
def s3():
    return make_client()


def required(name):
    """The value of a variable of the environment that a test cannot do without."""
    value = os.environ.get(name, "")
    if not value:
        pytest.skip(f"{name} is not set: the server under test does not offer this")
    return value


@pytest.fixture(scope="session")
def other():
    """The client of a second user, who owns nothing and is no administrator."""
    required("DOLIUM_SECOND_ID")
    return make_client(required("DOLIUM_SECOND_ACCESS_KEY"), required("DOLIUM_SECOND_SECRET_KEY"))


def empty(s3, bucket):
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        names = [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in entries]
        if names:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})


@pytest.fixture
def bucket(s3):
    name = "dolium-" + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name)
    yield name
    empty(s3, name)
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def with_acls(s3, bucket):
    """A bucket whose access lists count, also public ones."""
    open_lists(s3, bucket)
    return bucket


def open_lists(s3, bucket, ownership="ObjectWriter"):
    s3.delete_public_access_block(Bucket=bucket)
    set_ownership(s3, bucket, ownership)


def set_ownership(s3, bucket, ownership):
    rules = {"Rules": [{"ObjectOwnership": ownership}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)


def anonymous(method, path, headers=None, body=b"", query=""):
    """A request without a signature; gives (status, error code, headers)."""
    sent = {"Host": host(), "Content-Length": str(len(body)), **(headers or {})}
    return raw(method, path, sent, body, query)


@pytest.fixture
def versioned(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    return bucket


def set_versioning(s3, bucket, status):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def error_of(call, *args, **kwargs):
    """The (status, code) that a call fails with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def body_of(response):
    return response["Body"].read()


def keys(s3, bucket):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def host():
    return urllib.parse.urlsplit(ENDPOINT).netloc


def sign(
    method, path, headers=None, body=b"", query="", secret=None, payload_hash=None, when=None, access_key=None
):
    """Headers of a SigV4-signed request; `path` must be escaped already."""

    class Auth(S3SigV4Auth):
        def payload(self, request):
            return payload_hash or super().payload(request)

    url = ENDPOINT + path + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    request.context["payload_signing_enabled"] = True
    if payload_hash:
        request.headers["X-Amz-Content-SHA256"] = payload_hash
    auth = Auth(Credentials(access_key or ACCESS_KEY, secret or SECRET_KEY), "s3", REGION)
    if when is not None:
        import botocore.auth as module

        original = module.get_current_datetime
        module.get_current_datetime = lambda *a, **k: when
        try:
            auth.add_auth(request)
        finally:
            module.get_current_datetime = original
    else:
        auth.add_auth(request)
    signed = dict(request.headers.items())
    signed.setdefault("Host", host())
    return signed


def connect():
    parts = urllib.parse.urlsplit(ENDPOINT)
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=20)


def read_answer(sock):
    """Status, headers (lower case) and body of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if lines[0] else 0
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    while len(body) < int(headers.get("content-length", 0)):
        piece = sock.recv(65536)
        if not piece:
            break
        body += piece
    return status, headers, body


def raw(method, path, headers, body=b"", query=""):
    """Sends exactly these bytes; gives (status, error code, headers)."""
    target = path + (f"?{query}" if query else "")
    head = [f"{method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    with connect() as sock:
        try:
            sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The server may refuse before it has read everything.
        status, answer, text = read_answer(sock)
    return status, code_in(text), answer


def code_in(text):
    _, found, rest = text.decode("utf-8", "replace").partition("<Code>")
    return rest.split("</Code>")[0] if found else ""


def put_raw(path, body=b"hello", headers=None, **kwargs):
    """A signed PUT over a raw socket."""
    signed = sign("PUT", path, headers, body, **kwargs)
    signed["Content-Length"] = str(len(body))
    return raw("PUT", path, signed, body)


def absent(s3, bucket, key):
    return error_of(s3.head_object, Bucket=bucket, Key=key)[0] == 404
