"""Dates and the Authorization header of requests that are signed with version 4."""

import datetime
import email.utils
import hashlib
import hmac

import pytest
from conftest import ACCESS_KEY, REGION, SECRET_KEY, absent, body_of, host, raw, sign


def signed_with_date(path, body, moment):
    """A request whose only date is the `Date` header."""
    day, stamp = moment.strftime("%Y%m%d"), moment.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "date": email.utils.format_datetime(moment, usegmt=True), "host": host(), "x-amz-content-sha256": digest,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"PUT\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET_KEY}".encode()
    for term in (day, REGION, "s3", "aws4_request", text):
        key = hmac.new(key, term.encode(), hashlib.sha256).digest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    )
    return {**headers, "content-length": str(len(body))}


def test_the_date_header_is_a_date(s3, bucket):
    now = datetime.datetime.now(datetime.timezone.utc)
    assert raw("PUT", f"/{bucket}/k", signed_with_date(f"/{bucket}/k", b"x", now), b"x")[:2] == (200, "")
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"x"
    old = signed_with_date(f"/{bucket}/k", b"y", now - datetime.timedelta(hours=1))
    assert raw("PUT", f"/{bucket}/k", old, b"y")[:2] == (403, "RequestTimeTooSkewed")
    other = signed_with_date(f"/{bucket}/k", b"y", now)
    other["date"] = email.utils.format_datetime(now - datetime.timedelta(minutes=1), usegmt=True)
    assert raw("PUT", f"/{bucket}/k", other, b"y")[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("change, told", [
    ({"X-Amz-Date": None}, (403, "AccessDenied")),
    ({"X-Amz-Date": ""}, (403, "AccessDenied")),
    ({"X-Amz-Date": "Bad Date"}, (403, "AccessDenied")),
    ({"Authorization": ""}, (403, "AccessDenied")),
    ({"Authorization": None}, (403, "AccessDenied")),
    ({"Authorization": "AWS HAHAHA"}, (400, "InvalidRequest")),
])
def test_missing_and_bad(s3, bucket, change, told):
    signed = {**sign("PUT", f"/{bucket}/k", body=b"x"), "Content-Length": "1", **change}
    signed = {name: value for name, value in signed.items() if value is not None}
    assert raw("PUT", f"/{bucket}/k", signed, b"x")[:2] == told
    assert absent(s3, bucket, "k")


@pytest.mark.parametrize("value", ["200", ""])
def test_any_expectation_is_met(bucket, value):
    signed = {**sign("PUT", f"/{bucket}/k", body=b"x"), "Content-Length": "1", "Expect": value}
    assert raw("PUT", f"/{bucket}/k", signed, b"x")[0] == 200
