"""Uploads by browser forms (POST Object)."""

import base64
import datetime
import hashlib
import hmac
import json
import urllib.parse

import pytest
from conftest import ACCESS_KEY, MIB, SECRET_KEY, absent, body_of, code_in, connect, host, keys, read_answer

BOUNDARY = "----dolium"


def encode(fields, file=b"bar", file_name="f.txt", after=()):
    """The body of a form; `after` are fields behind the file."""
    parts = []

    def add(name, value, extra=""):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
        parts.append(head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n")

    for name, value in fields:
        add(name, value)
    if file is not None:
        add("file", file, f'; filename="{file_name}"')
    for name, value in after:
        add(name, value)
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(path, body, headers=None, length=None):
    """Sends a form; gives status, headers and body."""
    sent = {
        "Host": host(),
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(body) if length is None else length),
        **(headers or {}),
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    with connect() as sock:
        try:
            sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        if length is not None:
            sock.shutdown(1)
        return read_answer(sock)


def told(answer):
    return answer[0], code_in(answer[2])


def policy(bucket, *conditions, seconds=600):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    document = {
        "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [{"bucket": bucket}, ["starts-with", "$key", "foo"], *conditions],
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


def signed_v2(document, secret=SECRET_KEY):
    tag = hmac.new(secret.encode(), document.encode(), hashlib.sha1).digest()
    return [("AWSAccessKeyId", ACCESS_KEY), ("policy", document), ("signature", base64.b64encode(tag).decode())]


def test_boto3_makes_forms_of_version_4(s3, bucket):
    made = s3.generate_presigned_post(
        bucket, "up/${filename}", {"x-amz-meta-colour": "red"}, [{"x-amz-meta-colour": "red"}]
    )
    path = urllib.parse.urlsplit(made["url"]).path
    answer = post(path, encode(made["fields"].items(), b"x" * 300, "C:\\dir\\a b.txt"))
    assert answer[0] == 204, answer
    found = s3.get_object(Bucket=bucket, Key="up/a b.txt")
    assert body_of(found) == b"x" * 300 and found["Metadata"] == {"colour": "red"}
    assert answer[1]["etag"] == found["ETag"]


@pytest.mark.parametrize("field, value, code", [
    ("x-amz-signature", "0" * 64, "SignatureDoesNotMatch"),
    ("x-amz-signature", "", "InvalidArgument"),
    ("x-amz-credential", "NOBODY/20260101/us-east-1/s3/aws4_request", "InvalidArgument"),
    ("policy", base64.b64encode(b"{}").decode(), "SignatureDoesNotMatch"),
    ("key", "other", "AccessDenied"),
    ("x-amz-meta-more", "v", "AccessDenied"),
    ("x-amz-algorithm", "AWS4-HMAC-SHA1", "InvalidArgument"),
])
def test_changed_forms(s3, bucket, field, value, code):
    made = s3.generate_presigned_post(bucket, "foo")
    fields = {**made["fields"], field: value}
    assert told(post(f"/{bucket}", encode(fields.items())))[1] == code
    assert absent(s3, bucket, "foo") and absent(s3, bucket, "other")


def test_version_2_and_headers(s3, bucket):
    document = policy(
        bucket, ["eq", "$acl", "private"], ["starts-with", "$Content-Type", "text/"], ["starts-with", "$cache-control", ""]
    )
    fields = [
        ("kEy", "foo.txt"), ("aCl", "private"), ("Content-Type", "text/plain"), ("Cache-Control", "no-cache"),
        ("x-ignore-me", "x"), *signed_v2(document),
    ]
    assert post(f"/{bucket}", encode(fields, after=[("x-amz-meta-late", "ignored")]))[0] == 204
    found = s3.get_object(Bucket=bucket, Key="foo.txt")
    assert body_of(found) == b"bar" and found["ContentType"] == "text/plain"
    assert found["CacheControl"] == "no-cache" and found["Metadata"] == {}
    wrong = [*fields[:-3], *signed_v2(document, "wrong")]
    assert told(post(f"/{bucket}", encode(wrong))) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("missing", ["AWSAccessKeyId", "policy", "signature"])
def test_half_a_signature(s3, bucket, missing):
    fields = [("key", "foo"), *signed_v2(policy(bucket))]
    fields = [(name, value) for name, value in fields if name != missing]
    assert told(post(f"/{bucket}", encode(fields))) == (400, "InvalidArgument")


def test_expired_and_elsewhere(s3, bucket):
    fields = [("key", "foo"), *signed_v2(policy(bucket, seconds=-1))]
    assert told(post(f"/{bucket}", encode(fields))) == (403, "AccessDenied")
    fields = [("key", "foo"), *signed_v2(policy("another-bucket"))]
    assert told(post(f"/{bucket}", encode(fields))) == (403, "AccessDenied")


@pytest.mark.parametrize("size, code", [(99, "EntityTooSmall"), (100, ""), (MIB, ""), (MIB + 1, "EntityTooLarge")])
def test_length_range(s3, bucket, size, code):
    fields = [("key", "foo"), *signed_v2(policy(bucket, ["content-length-range", 100, MIB]))]
    answer = post(f"/{bucket}", encode(fields, b"x" * size))
    assert told(answer) == ((400, code) if code else (204, ""))
    assert keys(s3, bucket) == ([] if code else ["foo"])


def test_a_file_without_its_end(s3, bucket):
    body = encode([("key", "foo"), *signed_v2(policy(bucket))], b"x" * 5000)
    cut = body[:-40]
    status, _, _ = post(f"/{bucket}", cut, length=len(body))
    assert status in (0, 400)
    status, code = told(post(f"/{bucket}", cut))
    assert (status, code) == (400, "IncompleteBody")
    assert absent(s3, bucket, "foo")


def test_a_boundary_within_the_file(s3, bucket):
    file = f"\r\n--{BOUNDARY[:-1]}\r\n--\r\n".encode() * 5000
    fields = [("key", "foo"), *signed_v2(policy(bucket))]
    assert post(f"/{bucket}", encode(fields, file))[0] == 204
    assert body_of(s3.get_object(Bucket=bucket, Key="foo")) == file


def test_success(s3, bucket):
    def answer(field, value):
        document = policy(bucket, ["starts-with", f"${field}", ""])
        fields = [("key", "foo&bar"), (field, value), *signed_v2(document)]
        return post(f"/{bucket}", encode(fields))

    assert answer("success_action_status", "200")[0] == 200
    assert answer("success_action_status", "404")[0] == 204
    status, _, text = answer("success_action_status", "201")
    assert status == 201 and b"<Key>foo&amp;bar</Key>" in text and bucket.encode() in text
    for field in ("success_action_redirect", "redirect"):
        status, headers, _ = answer(field, "https://example.org/done?x=y")
        etag = urllib.parse.quote(s3.head_object(Bucket=bucket, Key="foo&bar")["ETag"])
        assert status == 303
        # Header values come in lower case from the helper; none here has another.
        assert headers["location"] == f"https://example.org/done?x=y&bucket={bucket}&key=foo%26bar&etag={etag}".lower()
    assert answer("success_action_redirect", "javascript:alert(1)")[0] == 204


def test_checksums(s3, bucket):
    good = base64.b64encode(hashlib.sha256(b"bar").digest()).decode()
    for value, status in ((good, 204), (good.swapcase(), 400), ("sailorjerry", 400)):
        fields = [("key", "foo"), ("x-amz-checksum-sha256", value), *signed_v2(policy(bucket))]
        assert post(f"/{bucket}", encode(fields))[0] == status


@pytest.mark.parametrize("body, code", [
    (b"", "MalformedPOSTRequest"),
    (b"nonsense" * 1000, "MalformedPOSTRequest"),
    (encode([("key", "foo")], None), "IncorrectNumberOfFilesInPostRequest"),
    (encode([]), "InvalidArgument"),
    (encode([("key", "foo"), ("KEY", "bar")]), "InvalidArgument"),
    (encode([("key", "foo"), ("x", "y" * 30_000)]), "MaxPostPreDataLengthExceededError"),
])
def test_broken_forms(s3, bucket, body, code):
    assert told(post(f"/{bucket}", body)) == (400, code)


def test_forms_need_permission(s3, bucket):
    assert told(post(f"/{bucket}", encode([("key", "foo")]))) == (403, "AccessDenied")
    assert told(post("/no-such-bucket-xyz", encode([("key", "foo")])))[0] in (403, 404)
    fields = encode([("key", "foo"), *signed_v2(policy(bucket))])
    assert told(post(f"/{bucket}/foo", fields)) == (405, "MethodNotAllowed")
    assert absent(s3, bucket, "foo")


def test_anonymous_forms(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1</Value></Tag></TagSet></Tagging>"
    fields = [("key", "foo"), ("acl", "public-read"), ("tagging", tags)]
    assert post(f"/{bucket}", encode(fields))[0] == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="foo")["TagSet"] == [{"Key": "a b", "Value": "1"}]
