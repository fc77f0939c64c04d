"""CORS: which sites' pages may use a bucket."""

import pytest
from conftest import error_of, host, raw, sign

RULES = [
    {
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://*.example"],
        "AllowedHeaders": ["x-amz-*", "content-type"],
        "ExposeHeaders": ["etag", "x-amz-version-id"],
        "MaxAgeSeconds": 600,
        "ID": "first",
    },
    {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]},
]


@pytest.fixture
def shared(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    return bucket


def preflight(path, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return raw("OPTIONS", path, {"Host": host(), **names})


def test_settings(s3, bucket):
    assert error_of(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=bucket)
    assert error_of(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")


@pytest.mark.parametrize("change", [
    {"AllowedMethods": ["OPTIONS"]},
    {"AllowedMethods": []},
    {"AllowedOrigins": ["*.*"]},
    {"AllowedHeaders": ["x*y*"]},
    {"ExposeHeaders": ["*"]},
    {"MaxAgeSeconds": -1},
])
def test_bad_rules(s3, bucket, change):
    rule = {**RULES[0], **change}
    assert error_of(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})[0] == 400


def test_too_many_rules(s3, bucket):
    rules = {"CORSRules": [RULES[1]] * 101}
    assert error_of(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=rules)[0] == 400


def test_preflight(shared):
    status, _, headers = preflight(
        f"/{shared}/k", origin="https://a.example", access_control_request_method="PUT",
        access_control_request_headers="X-Amz-Acl, content-type",
    )
    assert status == 200
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["access-control-allow-methods"] == "get, put"
    assert headers["access-control-allow-headers"] == "x-amz-acl, content-type"
    assert headers["access-control-expose-headers"] == "etag, x-amz-version-id"
    assert headers["access-control-max-age"] == "600"
    assert "origin" in headers["vary"]


@pytest.mark.parametrize("headers, told", [
    ({}, (400, "BadRequest")),
    ({"origin": "https://a.example"}, (400, "BadRequest")),
    ({"origin": "https://a.example", "access_control_request_method": "DELETE"}, (403, "AccessForbidden")),
    ({"origin": "https://other", "access_control_request_method": "PUT"}, (403, "AccessForbidden")),
    (
        {"origin": "https://a.example", "access_control_request_method": "GET",
         "access_control_request_headers": "authorization"},
        (403, "AccessForbidden"),
    ),
])
def test_preflights_that_fail(shared, headers, told):
    assert preflight(f"/{shared}/k", **headers)[:2] == told


def test_no_rules(bucket):
    asked = {"origin": "https://a.example", "access_control_request_method": "GET"}
    assert preflight(f"/{bucket}/k", **asked)[:2] == (403, "AccessForbidden")
    assert preflight("/no-such-bucket-xyz/k", **asked)[:2] == (403, "AccessForbidden")
    assert preflight("/", **asked)[:2] == (403, "AccessForbidden")


def test_answers(shared):
    def get(origin, key="k"):
        signed = sign("GET", f"/{shared}/{key}")
        return raw("GET", f"/{shared}/{key}", {**signed, "Origin": origin})

    status, _, headers = get("https://a.example")
    assert status == 200 and headers["access-control-allow-origin"] == "https://a.example"
    assert headers["access-control-allow-credentials"] == "true"
    status, code, headers = get("https://a.example", "none")
    assert (status, code) == (404, "NoSuchKey") and headers["access-control-allow-methods"] == "get, put"
    status, _, headers = get("https://other")
    assert headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in headers
    signed = sign("GET", f"/{shared}/k")
    assert "access-control-allow-origin" not in raw("GET", f"/{shared}/k", signed)[2]


def test_refused_requests_are_marked_too(shared):
    asked = {"Host": host(), "Origin": "https://a.example", "Content-Length": "1"}
    status, code, headers = raw("PUT", f"/{shared}/new", asked, b"x")
    assert (status, code) == (403, "AccessDenied")
    assert headers["access-control-allow-origin"] == "https://a.example"
