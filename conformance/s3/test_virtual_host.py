"""Buckets in the host name; needs a server with a configured domain, named by DOLIUM_S3_DOMAIN."""

import os

import pytest
from conftest import body_of, keys, raw, sign

DOMAIN = os.environ.get("DOLIUM_S3_DOMAIN", "")
pytestmark = pytest.mark.skipif(not DOMAIN, reason="DOLIUM_S3_DOMAIN is not set")


def ask(method, host, path, body=b""):
    signed = sign(method, path, {"Host": host}, body)
    signed.update({"Host": host, "Content-Length": str(len(body))})
    return raw(method, path, signed, body)[:2]


def test_the_host_names_the_bucket(s3, bucket):
    for host in (f"{bucket}.{DOMAIN}", f"{bucket}.{DOMAIN.upper()}:9000"):
        assert ask("PUT", host, "/a/../b", b"x") == (200, "")
        assert keys(s3, bucket) == ["a/../b"]
        assert ask("GET", host, "/a/../b")[0] == 200
        assert ask("DELETE", host, "/a/../b")[0] == 204
    assert ask("GET", f"no-such-bucket-xyz.{DOMAIN}", "/")[1] == "NoSuchBucket"


def test_other_hosts_are_path_style(s3, bucket):
    for host in (DOMAIN, "nas.local", "bucket.example.com:9000"):
        assert ask("PUT", host, f"/{bucket}/k", b"x") == (200, "")
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"x"
