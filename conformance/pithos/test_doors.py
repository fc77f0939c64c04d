"""One object through three doors: Pithos+, S3, plain Swift."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import boto3
import botocore.config
import pytest
import requests

from harness.server import Server

from .client import BLOCK, Pithos, block_hash, hashes_of, root_of
from .conftest import SECRET


@pytest.fixture
def s3(server: Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="alice:alice",
        aws_secret_access_key=SECRET,
        config=botocore.config.Config(signature_version="s3v4", retries={"max_attempts": 1}),
    )


@pytest.fixture
def swift(alice: Pithos) -> Any:
    """Requests of plain Swift as alice."""
    home = alice.root.split("/pithos/")[0]

    def ask(method: str, path: str, **words: Any) -> requests.Response:
        headers = {"X-Auth-Token": alice.token, **words.pop("headers", {})}
        url = f"{home}/v1/AUTH_alice{path}"
        return requests.request(method, url, headers=headers, timeout=60, **words)

    return ask


DATA = os.urandom(3 * BLOCK + 5)


def test_written_over_pithos(alice: Pithos, s3: Any, swift: Any) -> None:
    alice.make("door-one")
    alice.put("/door-one/o", DATA, colour="blue")
    got = s3.get_object(Bucket="door-one", Key="o")
    assert got["Body"].read() == DATA and got["Metadata"] == {"colour": "blue"}
    assert got["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    answer = swift("GET", "/door-one/o")
    assert answer.content == DATA and answer.headers["X-Object-Meta-Colour"] == "blue"
    assert answer.headers["ETag"] == hashlib.md5(DATA).hexdigest()
    # What was put together has a tag that nobody takes for an MD5.
    alice.put_map("/door-one/map", len(DATA), hashes_of(DATA))
    etag = s3.head_object(Bucket="door-one", Key="map")["ETag"].strip('"')
    assert etag.endswith("-4") and len(etag) == 34
    assert swift("GET", "/door-one/map").content == DATA


def test_written_over_others(alice: Pithos, s3: Any, swift: Any) -> None:
    alice.make("door-two")
    s3.put_object(Bucket="door-two", Key="s3", Body=DATA, Metadata={"Foo_bar": "1"})
    swift("PUT", "/door-two/swift", data=DATA, headers={"X-Object-Meta-Foo-Bar": "1"})
    for path in ("s3", "swift"):
        head = alice.head(f"/door-two/{path}")
        assert head["ETag"] == head["X-Object-Hash"] == root_of(DATA)
        assert alice.hashmap(f"/door-two/{path}")["hashes"] == hashes_of(DATA)
        assert alice.get(f"/door-two/{path}") == DATA and head["X-Object-UUID"]
    assert alice.head("/door-two/swift")["X-Object-Meta-Foo-Bar"] == "1"
    listed = alice.listed("/door-two")
    assert [one["x_object_hash"] for one in listed] == [root_of(DATA)] * 2
    # An update through one door is a version for all.
    alice.update("/door-two/s3", "bytes */*", b"more")
    assert s3.get_object(Bucket="door-two", Key="s3")["Body"].read() == DATA + b"more"
    versions = s3.list_object_versions(Bucket="door-two", Prefix="s3")["Versions"]
    assert len(versions) == 2 and len(alice.versions("/door-two/s3")) == 2


def test_parts_of_odd_lengths_have_a_map_and_no_root(alice: Pithos, s3: Any) -> None:
    alice.make("door-three")
    first = os.urandom((5 << 20) + 1)
    upload = s3.create_multipart_upload(Bucket="door-three", Key="o")["UploadId"]
    parts = []
    for number, body in ((1, first), (2, DATA)):
        put = s3.upload_part(Bucket="door-three", Key="o", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": put["ETag"]})
    done = s3.complete_multipart_upload(
        Bucket="door-three", Key="o", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    whole = first + DATA
    head = alice.head("/door-three/o")
    assert "X-Object-Hash" not in head and head["ETag"] == done["ETag"].strip('"')
    assert alice.listed("/door-three")[0]["x_object_hash"] == ""
    assert alice.hashmap("/door-three/o")["hashes"] == hashes_of(whole)
    assert alice.status("GET", "/door-three/o", headers={"If-Match": head["ETag"]}) == 200
    # An update of it lies on the grid again.
    alice.update("/door-three/o", "bytes 0-0/*", b"x")
    assert alice.head("/door-three/o")["X-Object-Hash"] == root_of(b"x" + whole[1:])
    # And parts on the grid have a root at once.
    upload = s3.create_multipart_upload(Bucket="door-three", Key="even")["UploadId"]
    put = s3.upload_part(
        Bucket="door-three", Key="even", UploadId=upload, PartNumber=1, Body=first[: 5 << 20]
    )
    end = s3.upload_part(Bucket="door-three", Key="even", UploadId=upload, PartNumber=2, Body=DATA)
    parts = [{"PartNumber": 1, "ETag": put["ETag"]}, {"PartNumber": 2, "ETag": end["ETag"]}]
    s3.complete_multipart_upload(
        Bucket="door-three", Key="even", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert alice.head("/door-three/even")["X-Object-Hash"] == root_of(first[: 5 << 20] + DATA)


def test_encrypted_by_the_client(alice: Pithos, s3: Any) -> None:
    alice.make("door-four")
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    s3.put_object(Bucket="door-four", Key="o", Body=DATA, **key)
    # Without the key nothing is told, and never the names of ciphertext.
    assert alice.status("GET", "/door-four/o") == 400
    assert alice.listed("/door-four")[0]["x_object_hash"] == ""
    assert alice.update("/door-four/o", "bytes */*", b"x").status_code == 501


def test_a_container_of_s3(alice: Pithos, s3: Any) -> None:
    s3.create_bucket(Bucket="door-five")
    assert alice.head("/door-five")["X-Container-Block-Size"] == str(4 << 20)
    assert alice.head("/door-five")["X-Container-Policy-Versioning"] == "none"
    s3.put_object(Bucket="door-five", Key="o", Body=DATA)
    assert alice.hashmap("/door-five/o")["hashes"] == [block_hash(DATA)]
    s3.copy_object(Bucket="door-five", Key="p", CopySource="door-five/o")
    assert alice.head("/door-five/p")["X-Object-UUID"] != alice.head("/door-five/o")["X-Object-UUID"]


def test_metadata_that_others_cannot_say(alice: Pithos, s3: Any, swift: Any) -> None:
    """Names and values that are no headers elsewhere: the object is there all the same."""
    alice.make("door-six")
    headers = {
        "Content-Type": "text/%CE%A0", "X-Object-Meta-%CE%A0": "greek", "X-Object-Meta-a%20b%3A": "spaced",
        "X-Object-Meta-Value": "%CE%A0%0A%01", "X-Object-Meta-Plain": "plain",
    }
    assert alice.status("PUT", "/door-six/o", data=DATA, headers=headers) == 201
    got = s3.get_object(Bucket="door-six", Key="o")
    assert got["Body"].read() == DATA and got["Metadata"]["plain"] == "plain"
    assert s3.head_object(Bucket="door-six", Key="o")["ContentLength"] == len(DATA)
    answer = swift("GET", "/door-six/o")
    assert answer.content == DATA and answer.headers["X-Object-Meta-Plain"] == "plain"
    assert swift("GET", "/door-six?format=json").json()[0]["name"] == "o"
    head = alice.head("/door-six/o")
    assert head["X-Object-Meta-%CF%80"] == "greek" and head["X-Object-Meta-A%20B%3A"] == "spaced"
    assert head["X-Object-Meta-Value"] == "%CE%A0%0A%01"
