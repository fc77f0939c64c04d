"""Checksums: verified before anything is stored, and given back."""

import base64
import hashlib
import zlib

import pytest
from conftest import PART, absent, error_of, keys, put_raw

BODY = b"123456789"
VALUES = {
    "CRC32": "y/Q5Jg==",
    "CRC32C": "4waSgw==",
    "CRC64NVME": "rosUhgp5mIg=",
    "SHA1": base64.b64encode(hashlib.sha1(BODY).digest()).decode(),
    "SHA256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
}


def wrong(value):
    return base64.b64encode(b"\0" * len(base64.b64decode(value))).decode()


@pytest.mark.parametrize("name", VALUES)
def test_in_a_header(s3, bucket, name):
    header = f"x-amz-checksum-{name.lower()}"
    assert put_raw(f"/{bucket}/k", BODY, {header: VALUES[name]})[0] == 200
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{name}"] == VALUES[name] and got["ChecksumType"] == "FULL_OBJECT"
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"])
    assert told["Checksum"][f"Checksum{name}"] == VALUES[name]
    assert put_raw(f"/{bucket}/w", BODY, {header: wrong(VALUES[name])})[:2] == (400, "BadDigest")
    assert put_raw(f"/{bucket}/w", BODY, {header: "nonsense!"})[:2] == (400, "BadDigest")
    assert put_raw(f"/{bucket}/k", b"other", {header: wrong(VALUES[name])})[0] == 400
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    assert absent(s3, bucket, "w")


def test_content_md5(s3, bucket):
    good = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    assert put_raw(f"/{bucket}/k", BODY, {"Content-MD5": good})[0] == 200
    assert put_raw(f"/{bucket}/w", BODY, {"Content-MD5": wrong(good)})[:2] == (400, "BadDigest")
    assert put_raw(f"/{bucket}/w", BODY, {"Content-MD5": "AAAA"})[:2] == (400, "InvalidDigest")
    assert absent(s3, bucket, "w")


def test_default_and_two_at_once(s3, bucket):
    assert put_raw(f"/{bucket}/k", BODY)[0] == 200
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["ChecksumCRC64NVME"] == VALUES["CRC64NVME"]
    both = {"x-amz-checksum-crc32": VALUES["CRC32"], "x-amz-checksum-sha1": VALUES["SHA1"]}
    assert put_raw(f"/{bucket}/w", BODY, both)[:2] == (400, "InvalidRequest")
    assert absent(s3, bucket, "w")


def upload(s3, bucket, pieces, **kwargs):
    algorithm = kwargs["ChecksumAlgorithm"]
    where = {"Bucket": bucket, "Key": "m"}
    where["UploadId"] = s3.create_multipart_upload(**where, **kwargs)["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        told = s3.upload_part(**where, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
        field = f"Checksum{algorithm}"
        parts.append({"PartNumber": number, "ETag": told["ETag"], field: told[field]})
    return where, parts


def test_composite(s3, bucket):
    pieces = [b"a" * PART, b"b" * 100]
    where, parts = upload(s3, bucket, pieces, ChecksumAlgorithm="SHA256")
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    joined = b"".join(hashlib.sha256(piece).digest() for piece in pieces)
    value = base64.b64encode(hashlib.sha256(joined).digest()).decode()
    assert done["ChecksumSHA256"] == f"{value}-2" and done["ChecksumType"] == "COMPOSITE"


def test_full_object(s3, bucket):
    pieces = [b"a" * PART, b"b" * 100]
    kwargs = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    where, parts = upload(s3, bucket, pieces, **kwargs)
    value = base64.b64encode(zlib.crc32(b"".join(pieces)).to_bytes(4, "big")).decode()
    complete = {"MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT"}
    told = error_of(s3.complete_multipart_upload, **where, **complete, ChecksumCRC32="AAAAAA==")
    assert told == (400, "BadDigest") and keys(s3, bucket) == []
    done = s3.complete_multipart_upload(**where, **complete, ChecksumCRC32=value)
    assert done["ChecksumCRC32"] == value and done["ChecksumType"] == "FULL_OBJECT"


def test_wrong_checksum_of_a_part(s3, bucket):
    where, parts = upload(s3, bucket, [b"x"], ChecksumAlgorithm="CRC32")
    parts[0]["ChecksumCRC32"] = "AAAAAA=="
    told = error_of(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts})
    assert told == (400, "InvalidPart") and keys(s3, bucket) == []
    other = error_of(s3.upload_part, **where, PartNumber=2, Body=b"y", ChecksumAlgorithm="SHA1")
    assert other == (400, "InvalidRequest")
