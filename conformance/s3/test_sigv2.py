"""Signatures of version 2, on a server that has them switched on."""

import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from conftest import error_of
from harness.server import ACCESS_KEY, SECRET_KEY, Server, write_config


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        config = write_config(Path(folder) / "dolium.toml", data_dir, "[s3]\nsigv2 = true\n")
        server = Server(data_dir, config=config).start()
        yield server
        assert not server.panics()
        server.end()


def client(server, version="s3", secret=SECRET_KEY):
    return boto3.client(
        "s3", endpoint_url=server.endpoint, region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=secret,
        config=Config(signature_version=version, s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def v2(server):
    made = client(server)
    made.create_bucket(Bucket="old-tools")
    made.put_object(Bucket="old-tools", Key="k ü/1", Body=b"old", Metadata={"a": "b"})
    return made


def fetch(url, method="GET", body=None, headers=None):
    # Without a type urllib adds one, which the URL does not sign.
    request = urllib.request.Request(url, body, {"Content-Type": "", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_operations(v2):
    found = v2.get_object(Bucket="old-tools", Key="k ü/1", ResponseContentType="a/b")
    assert found["Body"].read() == b"old" and found["Metadata"] == {"a": "b"} and found["ContentType"] == "a/b"
    listed = v2.list_objects_v2(Bucket="old-tools", Prefix="k", Delimiter="/")
    assert listed["CommonPrefixes"] == [{"Prefix": "k ü/"}]
    upload = v2.create_multipart_upload(Bucket="old-tools", Key="m")["UploadId"]
    part = v2.upload_part(Bucket="old-tools", Key="m", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    v2.complete_multipart_upload(Bucket="old-tools", Key="m", UploadId=upload, MultipartUpload=parts)
    v2.delete_object(Bucket="old-tools", Key="m")


def test_version_4_goes_on(server, v2):
    assert client(server, "s3v4").head_object(Bucket="old-tools", Key="k ü/1")["ContentLength"] == 3


def test_wrong_secret(server, v2):
    wrong = client(server, secret="wrong")
    assert error_of(wrong.list_buckets) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("value, told", [
    ("Bad Date", (403, "AccessDenied")),
    ("", (403, "AccessDenied")),
    ("Tue, 07 Jul 2010 21:53:04 GMT", (403, "RequestTimeTooSkewed")),
    ("Tue, 07 Jul 9999 21:53:04 GMT", (403, "RequestTimeTooSkewed")),
    ("Tue, 07 Jul 1950 21:53:04 GMT", (403, "AccessDenied")),
])
def test_dates(server, v2, value, told):
    made = client(server)

    def change(params, **_):
        params["headers"]["x-amz-date"] = value

    made.meta.events.register("before-call.s3.PutObject", change)
    assert error_of(made.put_object, Bucket="old-tools", Key="x", Body=b"x") == told


def test_parameters_that_are_not_signed(v2):
    assert error_of(v2.get_bucket_encryption, Bucket="old-tools") == (400, "InvalidRequest")


def test_presigned(v2):
    names = {"Bucket": "old-tools", "Key": "p"}
    put = v2.generate_presigned_url("put_object", names, ExpiresIn=60)
    assert "Signature=" in put and "X-Amz" not in put
    assert fetch(put, "PUT", b"new")[0] == 200
    get = v2.generate_presigned_url("get_object", names, ExpiresIn=60)
    assert fetch(get) == (200, b"new")
    assert fetch(get, "DELETE")[0] == 403
    assert fetch(get.replace("/p?", "/q?"))[0] == 403
    assert fetch(get + "&acl")[0] == 403
    assert fetch(get + "&encryption")[0] == 405
    late = get.replace("Expires=", "Expires=9")
    assert fetch(late)[0] == 403


def test_expiry(v2):
    url = v2.generate_presigned_url("get_object", {"Bucket": "old-tools", "Key": "k ü/1"}, ExpiresIn=1)
    time.sleep(2.1)
    status, text = fetch(url)
    assert status == 403 and b"expired" in text


def test_one_mechanism(v2):
    url = v2.generate_presigned_url("get_object", {"Bucket": "old-tools", "Key": "k ü/1"}, ExpiresIn=60)
    assert fetch(url, headers={"Authorization": "AWS AK:c2ln"})[0] == 400
    assert fetch(url + "&X-Amz-Signature=00")[0] == 400
    key = urllib.parse.quote("AWSAccessKeyId=x")
    assert fetch(url.split("?")[0] + f"?{key}")[0] == 403
