"""What an object tells of itself and its parts, and RenameObject."""

import base64
import email.utils
import hashlib
import zlib

import pytest
from conftest import (
    PART, SECOND_ACCESS_KEY, SECOND_SECRET_KEY, absent, anonymous, body_of, error_of, keys, raw, required,
    set_versioning, sign,
)

PIECES = [b"1" * PART, b"2" * (PART + 1), b"3" * 100]


def sha256(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


SUMS = {"SHA256": sha256, "CRC32": crc32}


def upload(s3, bucket, algorithm, pieces=PIECES, **more):
    where = {"Bucket": bucket, "Key": "m"}
    begun = s3.create_multipart_upload(**where, ChecksumAlgorithm=algorithm, **more)
    where["UploadId"] = begun["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        told = s3.upload_part(**where, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
        name = f"Checksum{algorithm}"
        parts.append({"PartNumber": number, "ETag": told["ETag"], name: told[name]})
    return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})


def attributes(s3, bucket, key, *names, **more):
    return s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=list(names), **more)


def test_of_a_plain_object(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    told = attributes(s3, bucket, "k", "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")
    # Here, and only here, the tag is without its quotes.
    assert told["ETag"] == put["ETag"].strip('"') and told["ObjectSize"] == 5
    assert told["StorageClass"] == "STANDARD" and "ObjectParts" not in told
    assert told["Checksum"]["ChecksumSHA256"] == sha256(b"hello")
    assert told["LastModified"] == s3.head_object(Bucket=bucket, Key="k")["LastModified"]


@pytest.mark.parametrize("name, field", [
    ("ETag", "ETag"), ("Checksum", "Checksum"), ("StorageClass", "StorageClass"), ("ObjectSize", "ObjectSize"),
])
def test_only_what_was_asked_for(s3, bucket, name, field):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    told = attributes(s3, bucket, "k", name)
    fields = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
    assert fields & set(told) == {field}


@pytest.mark.parametrize("headers", [
    {}, {"x-amz-object-attributes": "Colour"}, {"x-amz-object-attributes": "ETag,Colour"}, {"x-amz-object-attributes": ""},
])
def test_bad_names(s3, bucket, headers):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    signed = sign("GET", f"/{bucket}/k", headers, query="attributes=")
    status, code, _ = raw("GET", f"/{bucket}/k", signed, query="attributes=")
    assert status == 400 and code in ("InvalidArgument", "InvalidRequest")


def test_missing(s3, bucket):
    assert error_of(attributes, s3, bucket, "none", "ETag") == (404, "NoSuchKey")


@pytest.mark.parametrize("algorithm", SUMS)
def test_parts_with_checksums(s3, bucket, algorithm):
    done = upload(s3, bucket, algorithm)
    name = f"Checksum{algorithm}"
    told = attributes(s3, bucket, "m", "ObjectParts", "Checksum", "ObjectSize")
    assert told["ObjectSize"] == sum(map(len, PIECES))
    # A part's number among all is no part of the sum itself.
    assert told["Checksum"][name] in (done[name], done[name].rsplit("-", 1)[0])
    assert told["Checksum"]["ChecksumType"] == done["ChecksumType"]
    listed = told["ObjectParts"]
    assert listed["TotalPartsCount"] == 3 and not listed["IsTruncated"]
    assert [(part["PartNumber"], part["Size"], part[name]) for part in listed["Parts"]] == [
        (n, len(piece), SUMS[algorithm](piece)) for n, piece in enumerate(PIECES, 1)
    ]


def test_parts_page_by_page(s3, bucket):
    upload(s3, bucket, "CRC32")
    found, marker = [], 0
    for _ in range(5):
        page = attributes(s3, bucket, "m", "ObjectParts", MaxParts=2, PartNumberMarker=marker)["ObjectParts"]
        assert page["MaxParts"] == 2 and page["PartNumberMarker"] == marker and page["TotalPartsCount"] == 3
        found += [part["PartNumber"] for part in page["Parts"]]
        marker = page["NextPartNumberMarker"]
        if not page["IsTruncated"]:
            break
    assert found == [1, 2, 3]
    beyond = attributes(s3, bucket, "m", "ObjectParts", PartNumberMarker=3)["ObjectParts"]
    assert beyond.get("Parts", []) == [] and not beyond["IsTruncated"]


@pytest.mark.parametrize("algorithm", SUMS)
def test_reading_a_part_with_its_checksum(s3, bucket, algorithm):
    upload(s3, bucket, algorithm)
    name = f"Checksum{algorithm}"
    first = 0
    for number, piece in enumerate(PIECES, 1):
        part = {"Bucket": bucket, "Key": "m", "PartNumber": number, "ChecksumMode": "ENABLED"}
        got, head = s3.get_object(**part), s3.head_object(**part)
        assert body_of(got) == piece
        for answer in (got, head):
            assert answer[name] == SUMS[algorithm](piece) and answer["PartsCount"] == 3
            assert answer["ContentLength"] == len(piece)
        assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in (got, head)] == [206, 206]
        assert got["ContentRange"] == f"bytes {first}-{first + len(piece) - 1}/{sum(map(len, PIECES))}"
        first += len(piece)
        silent = s3.head_object(Bucket=bucket, Key="m", PartNumber=number)
        assert name not in silent
    part = {"Bucket": bucket, "Key": "m", "PartNumber": 4}
    assert error_of(s3.get_object, **part) == (400, "InvalidPart")
    assert error_of(s3.get_object, **{**part, "PartNumber": 1}, Range="bytes=0-1") == (400, "InvalidRequest")


def test_the_one_part_of_a_plain_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1, ChecksumMode="ENABLED")
    assert body_of(got) == b"hello" and got["ChecksumSHA256"] == sha256(b"hello")
    assert error_of(s3.get_object, Bucket=bucket, Key="k", PartNumber=2) == (400, "InvalidPart")


def test_of_a_version(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"newer")
    told = attributes(s3, versioned, "k", "ObjectSize", VersionId=old)
    assert told["ObjectSize"] == 3 and told["VersionId"] == old
    s3.delete_object(Bucket=versioned, Key="k")
    assert error_of(attributes, s3, versioned, "k", "ETag") == (404, "NoSuchKey")


def test_strangers(s3, other, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert error_of(attributes, other, bucket, "k", "ETag") == (403, "AccessDenied")


def rename(bucket, source, to, headers=None, **key):
    sent = {"x-amz-rename-source": source, **(headers or {})}
    path = f"/{bucket}/{to}"
    signed = sign("PUT", path, sent, query="renameObject=", **key)
    signed["Content-Length"] = "0"
    return raw("PUT", path, signed, query="renameObject=")[:2]


DONE = (200, "")
FAILED = (412, "PreconditionFailed")


@pytest.fixture
def old(s3, bucket):
    s3.put_object(
        Bucket=bucket, Key="old", Body=b"x" * 70_000, ContentType="t/x", Metadata={"m": "1"}, Tagging="a=b"
    )
    return s3.head_object(Bucket=bucket, Key="old")


@pytest.mark.parametrize("source", ["old", "{}/old", "/{}/old", "%6Fld"])
def test_rename(s3, bucket, old, source):
    assert rename(bucket, source.format(bucket), "new") == DONE
    assert keys(s3, bucket) == ["new"]
    got = s3.get_object(Bucket=bucket, Key="new")
    assert body_of(got) == b"x" * 70_000 and got["ETag"] == old["ETag"]
    assert got["ContentType"] == "t/x" and got["Metadata"] == {"m": "1"}
    assert s3.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize("key", ["a b", "a+b", "ü/ä", "../x", "a//b", "a?b"])
def test_rename_odd_keys(s3, bucket, key):
    from urllib.parse import quote

    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert rename(bucket, quote(key, safe=""), "plain") == DONE and keys(s3, bucket) == ["plain"]
    assert rename(bucket, "plain", quote(key, safe="/~")) == DONE and keys(s3, bucket) == [key]


def test_rename_over_another(s3, bucket, old):
    s3.put_object(Bucket=bucket, Key="new", Body=b"in the way")
    assert rename(bucket, "old", "new", {"if-none-match": "*"}) == FAILED
    assert keys(s3, bucket) == ["new", "old"]
    assert body_of(s3.get_object(Bucket=bucket, Key="new")) == b"in the way"
    assert rename(bucket, "old", "new") == DONE
    assert keys(s3, bucket) == ["new"] and s3.head_object(Bucket=bucket, Key="new")["ETag"] == old["ETag"]


def test_conditions_of_a_rename(s3, bucket, old):
    moment = email.utils.formatdate(old["LastModified"].timestamp(), usegmt=True)
    past = "Mon, 01 Jan 2001 00:00:00 GMT"
    way = s3.put_object(Bucket=bucket, Key="new", Body=b"in the way")["ETag"]
    for headers in (
        {"x-amz-rename-source-if-match": '"other"'},
        {"x-amz-rename-source-if-none-match": old["ETag"]},
        {"x-amz-rename-source-if-modified-since": moment},
        {"x-amz-rename-source-if-unmodified-since": past},
        {"if-match": '"other"'},
        {"if-none-match": "*"},
        {"if-none-match": way},
        {"if-unmodified-since": past},
    ):
        assert rename(bucket, "old", "new", headers) == FAILED, headers
        assert keys(s3, bucket) == ["new", "old"], headers
    for headers in (
        {"x-amz-rename-source-if-modified-since": "yesterday"},
        {"if-unmodified-since": "2001-01-01"},
    ):
        assert rename(bucket, "old", "new", headers)[0] == 400 and keys(s3, bucket) == ["new", "old"], headers
    held = {
        "x-amz-rename-source-if-match": old["ETag"], "x-amz-rename-source-if-none-match": '"other"',
        "x-amz-rename-source-if-unmodified-since": moment, "if-match": way,
    }
    assert rename(bucket, "old", "new", held) == DONE and keys(s3, bucket) == ["new"]


@pytest.mark.parametrize("source, to, told", [
    ("none", "new", (404, "NoSuchKey")),
    ("old", "old", (400, "InvalidRequest")),
    ("", "new", (400, "InvalidArgument")),
    ("old", "", (405, "MethodNotAllowed")),
    ("another-bucket/old", "new", (404, "NoSuchKey")),
    ("old", "n" * 1025, (400, "KeyTooLongError")),
])
def test_renames_that_cannot_be(s3, bucket, old, source, to, told):
    assert rename(bucket, source, to) == told
    assert keys(s3, bucket) == ["old"]


def test_rename_keeps_versions(s3, bucket, old):
    set_versioning(s3, bucket, "Enabled")
    kept = s3.put_object(Bucket=bucket, Key="old", Body=b"second")["VersionId"]
    assert rename(bucket, "old", "new") == DONE and keys(s3, bucket) == ["new"]
    assert body_of(s3.get_object(Bucket=bucket, Key="new")) == b"second"
    assert body_of(s3.get_object(Bucket=bucket, Key="old", VersionId=kept)) == b"second"
    assert absent(s3, bucket, "old")


def test_rename_needs_permission(s3, other, bucket, old):
    required("DOLIUM_SECOND_ID")
    key = {"access_key": SECOND_ACCESS_KEY, "secret": SECOND_SECRET_KEY}
    assert rename(bucket, "old", "new", **key) == (403, "AccessDenied")
    assert rename(bucket, "none", "new", **key) == (403, "AccessDenied")
    sent = {"x-amz-rename-source": "old"}
    told = anonymous("PUT", f"/{bucket}/new", sent, query="renameObject=")
    assert told[:2] == (403, "AccessDenied")
    # The source is part of what is signed.
    signed = sign("PUT", f"/{bucket}/new", query="renameObject=")
    signed.update({"Content-Length": "0", **sent})
    assert raw("PUT", f"/{bucket}/new", signed, query="renameObject=")[:2] == (403, "AccessDenied")
    assert keys(s3, bucket) == ["old"]
