"""Requests without a signature: nothing by themselves, what a bucket's owner allows otherwise."""

import json

import pytest
from conftest import absent, body_of, host, raw


def ask(method, path, headers=None, body=b"", query=""):
    sent = {"Host": host(), "Content-Length": str(len(body)), **(headers or {})}
    return raw(method, path, sent, body, query)


@pytest.fixture
def kept(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    return bucket


@pytest.fixture
def public(s3, kept):
    s3.delete_public_access_block(Bucket=kept)
    policy = {
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::{kept}/*",
        }],
    }
    s3.put_bucket_policy(Bucket=kept, Policy=json.dumps(policy))
    return kept


@pytest.mark.parametrize("method, path, query", [
    ("GET", "/", ""),
    ("GET", "/{}", ""),
    ("GET", "/{}/k", ""),
    ("PUT", "/{}/new", ""),
    ("DELETE", "/{}/k", ""),
    ("GET", "/{}", "acl"),
    ("PUT", "/anonymous-bucket-xyz", ""),
    ("POST", "/{}/k", "uploads"),
])
def test_nothing_by_themselves(s3, kept, method, path, query):
    assert ask(method, path.format(kept), query=query)[:2] == (403, "AccessDenied")
    assert body_of(s3.get_object(Bucket=kept, Key="k")) == b"x"


def test_what_a_policy_allows(s3, public):
    assert ask("GET", f"/{public}/k")[0] == 200
    assert ask("PUT", f"/{public}/new", {"x-amz-meta-a": "b"}, b"y")[0] == 200
    assert s3.head_object(Bucket=public, Key="new")["Metadata"] == {"a": "b"}
    assert ask("DELETE", f"/{public}/k")[:2] == (403, "AccessDenied")
    assert ask("GET", f"/{public}")[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("query", [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=a", "x-amz-signature=0", "Signature=a", "AWSAccessKeyId=a",
])
def test_half_a_signature_is_refused(s3, public, query):
    assert ask("GET", f"/{public}/k", query=query)[0] in (400, 403)
    assert ask("PUT", f"/{public}/new", body=b"y", query=query)[0] in (400, 403)
    assert absent(s3, public, "new")


def test_chunks_are_not_stored_as_they_are(s3, public):
    body = b"1\r\nx\r\n0\r\n\r\n"
    for headers in (
        {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "1"},
        {"content-encoding": "aws-chunked"},
    ):
        assert ask("PUT", f"/{public}/new", headers, body)[:2] == (400, "InvalidRequest")
    assert absent(s3, public, "new")
