"""Buckets as websites; needs a server with a website domain, named by DOLIUM_S3_WEBSITE_DOMAIN."""

import json
import os

import pytest
from conftest import connect, error_of, host, read_answer

DOMAIN = os.environ.get("DOLIUM_S3_WEBSITE_DOMAIN", "")
pytestmark = pytest.mark.skipif(not DOMAIN, reason="DOLIUM_S3_WEBSITE_DOMAIN is not set")
WEBSITE = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}


def visit(bucket, path, method="GET", headers=None):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {bucket}.{DOMAIN}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    with connect() as sock:
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        return read_answer(sock)


@pytest.fixture
def site(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    everyone = {"Principal": "*", "Action": "s3:GetObject"}
    allow = {"Effect": "Allow", "Resource": f"arn:aws:s3:::{bucket}/*", **everyone}
    deny = {
        "Effect": "Deny", "Resource": f"arn:aws:s3:::{bucket}/secret*",
        "Condition": {"StringEquals": {"aws:PrincipalType": "Anonymous"}}, **everyone,
    }
    policy = {"Version": "2012-10-17", "Statement": [allow, deny]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    for key in ("index.html", "docs/index.html", "page.html", "error.html", "secret.html", "old/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=WEBSITE)
    return bucket


def test_settings(s3, bucket):
    assert error_of(s3.get_bucket_website, Bucket=bucket) == (404, "NoSuchWebsiteConfiguration")
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=WEBSITE)
    told = s3.get_bucket_website(Bucket=bucket)
    assert {name: told[name] for name in WEBSITE} == WEBSITE
    s3.delete_bucket_website(Bucket=bucket)
    assert error_of(s3.get_bucket_website, Bucket=bucket) == (404, "NoSuchWebsiteConfiguration")
    for bad in ({}, {"IndexDocument": {"Suffix": "a/b"}}, {"RedirectAllRequestsTo": {"HostName": "a/b"}}):
        assert error_of(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=bad)[0] == 400


def test_pages(site):
    for path, page in (("/", b"index.html"), ("/docs/", b"docs/index.html"), ("/page.html?a=b", b"page.html")):
        status, headers, body = visit(site, path)
        assert (status, body, headers["content-type"]) == (200, page, "text/html")
    status, headers, _ = visit(site, "/docs")
    assert (status, headers["location"]) == (302, "/docs/")
    status, headers, body = visit(site, "/page.html", headers={"Range": "bytes=0-3"})
    assert (status, body) == (206, b"page")
    _, headers, _ = visit(site, "/page.html")
    assert visit(site, "/page.html", headers={"If-None-Match": headers["etag"]})[0] == 304


def test_errors(s3, site):
    # Who may not list is not told what is missing.
    assert visit(site, "/none")[::2] == (403, b"error.html")
    assert visit(site, "/secret.html")[::2] == (403, b"error.html")
    s3.delete_object(Bucket=site, Key="error.html")
    status, headers, body = visit(site, "/secret.html")
    assert status == 403 and "text/html" in headers["content-type"] and b"AccessDenied" in body
    assert visit(site, "/page.html", "DELETE")[0] == 405
    assert visit(site, "/", "PUT", {"Content-Length": "0"})[0] == 405
    assert visit(site, "/%ff")[0] == 400


def test_no_website(s3, bucket):
    status, _, body = visit(bucket, "/")
    assert status == 404 and b"NoSuchWebsiteConfiguration" in body
    status, _, body = visit("no-such-bucket-xyz", "/")
    assert status == 404 and b"NoSuchBucket" in body


def test_rules(s3, site):
    rules = [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "403"},
            "Redirect": {"HostName": "other.example", "Protocol": "https", "HttpRedirectCode": "302"},
        },
    ]
    s3.put_bucket_website(Bucket=site, WebsiteConfiguration={**WEBSITE, "RoutingRules": rules})
    status, headers, _ = visit(site, "/old/a")
    assert (status, headers["location"]) == (301, "/new/a")
    status, headers, _ = visit(site, "/none")
    assert (status, headers["location"]) == (302, "https://other.example/none")
    assert visit(site, "/page.html")[0] == 200


def test_redirect_all(s3, site):
    everything = {"RedirectAllRequestsTo": {"HostName": "other.example"}}
    s3.put_bucket_website(Bucket=site, WebsiteConfiguration=everything)
    status, headers, _ = visit(site, "/docs/a?b=c")
    assert (status, headers["location"]) == (301, "http://other.example/docs/a?b=c")


def test_redirected_objects(s3, site):
    s3.put_object(Bucket=site, Key="moved", WebsiteRedirectLocation="/page.html")
    status, headers, _ = visit(site, "/moved")
    assert (status, headers["location"]) == (301, "/page.html")
    assert s3.get_object(Bucket=site, Key="moved")["WebsiteRedirectLocation"] == "/page.html"


def test_other_hosts_are_the_protocol(s3, site):
    with connect() as sock:
        sock.sendall(f"GET /{site}/none HTTP/1.1\r\nHost: {host()}\r\n\r\n".encode())
        status, headers, _ = read_answer(sock)
    assert status == 403 and headers["content-type"] == "application/xml"
