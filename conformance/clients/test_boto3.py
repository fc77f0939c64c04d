"""boto3: the transfer manager in both directions, versions, and paginators."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from harness.trees import digest, pseudo_random

MIB = 1 << 20
IN_PARTS = TransferConfig(
    multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB, max_concurrency=6
)


def test_transfer_manager_sends_parts_and_fetches_ranges(
    s3: Any, bucket: str, tmp_path: Path
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    pseudo_random(source, 48 * MIB + 4321, "transfer")
    settings = {"Metadata": {"origin": "tests"}, "ContentType": "application/x-test"}
    s3.upload_file(str(source), bucket, "big", ExtraArgs=settings, Config=IN_PARTS)
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].endswith('-10"') and head["ContentLength"] == source.stat().st_size
    assert head["Metadata"] == {"origin": "tests"} and head["ContentType"] == "application/x-test"
    s3.download_file(bucket, "big", str(back), Config=IN_PARTS)
    assert digest(back) == digest(source)


def test_copies_in_parts(s3: Any, bucket: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    pseudo_random(source, 20 * MIB + 1, "copy")
    s3.upload_file(str(source), bucket, "from", Config=IN_PARTS)
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "to", Config=IN_PARTS)
    s3.delete_object(Bucket=bucket, Key="from")
    s3.download_file(bucket, "to", str(back), Config=IN_PARTS)
    assert digest(back) == digest(source)


def test_versions_come_back_as_they_were(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    bodies = [f"state {number}".encode() * (number + 1) for number in range(5)]
    ids = [s3.put_object(Bucket=bucket, Key="v", Body=body)["VersionId"] for body in bodies]
    marker = s3.delete_object(Bucket=bucket, Key="v")
    assert marker["DeleteMarker"] and s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0

    for body, version in zip(bodies, ids, strict=True):
        answer = s3.get_object(Bucket=bucket, Key="v", VersionId=version)
        assert answer["Body"].read() == body
        assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    listed = s3.list_object_versions(Bucket=bucket)
    assert [entry["VersionId"] for entry in listed["Versions"]] == ids[::-1], "newest first"
    assert listed["DeleteMarkers"][0]["IsLatest"]

    s3.delete_object(Bucket=bucket, Key="v", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="v")["Body"].read() == bodies[-1]
    s3.delete_object(Bucket=bucket, Key="v", VersionId=ids[-1])
    assert s3.get_object(Bucket=bucket, Key="v")["Body"].read() == bodies[-2]


def test_paginators_see_every_key_once(s3: Any, bucket: str) -> None:
    names = [f"dir{number % 7}/{number:04}" for number in range(350)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: s3.put_object(Bucket=bucket, Key=k, Body=k.encode()), names))
    for call in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(call).paginate(Bucket=bucket, PaginationConfig={"PageSize": 40})
        seen = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        assert seen == sorted(names), call
        pages = s3.get_paginator(call).paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 3}
        )
        folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        assert folders == [f"dir{number}/" for number in range(7)], call
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 33}
    )
    seen = [entry["Key"] for page in pages for entry in page.get("Versions", [])]
    assert seen == sorted(names)


def test_streams_of_unknown_length(s3: Any, bucket: str) -> None:
    body = hashlib.shake_256(b"stream").digest(11 * MIB)
    s3.upload_fileobj(io.BytesIO(body), bucket, "stream", Config=IN_PARTS)
    out = io.BytesIO()
    s3.download_fileobj(bucket, "stream", out, Config=IN_PARTS)
    assert out.getvalue() == body
    part = s3.get_object(Bucket=bucket, Key="stream", Range="bytes=5242870-5242889")
    assert part["Body"].read() == body[5242870:5242890], "a range over the seam of two parts"
