"""boto3: the transfer manager in both directions, versions, paginators, forms, and the resource API."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import requests
from boto3.s3.transfer import TransferConfig

from harness.clients import REGION
from harness.server import ACCESS_KEY, SECRET_KEY, Server
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


def test_forms_of_a_presigned_post(s3: Any, bucket: str) -> None:
    body = hashlib.shake_256(b"form").digest(MIB + 3)
    made = s3.generate_presigned_post(
        bucket,
        "up/${filename}",
        Fields={"Content-Type": "application/x-test", "success_action_status": "201"},
        Conditions=[
            {"Content-Type": "application/x-test"},
            {"success_action_status": "201"},
            ["content-length-range", 1, 2 * MIB],
        ],
        ExpiresIn=600,
    )

    def send(fields: dict[str, str], sent: bytes) -> requests.Response:
        files = {"file": ("a file+ü.bin", sent)}
        return requests.post(made["url"], data=fields, files=files, timeout=60)

    answer = send(made["fields"], body)
    assert answer.status_code == 201 and b"<Key>up/a file+" in answer.content, answer.text
    found = s3.get_object(Bucket=bucket, Key="up/a file+ü.bin")
    assert found["Body"].read() == body and found["ContentType"] == "application/x-test"
    assert answer.headers["ETag"] == found["ETag"]
    assert send({**made["fields"], "key": "elsewhere"}, body).status_code == 403
    large = send(made["fields"], bytes(2 * MIB + 1))
    assert large.status_code == 400 and "EntityTooLarge" in large.text
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_the_resource_api(shared_server: Server, bucket: str, tmp_path: Path) -> None:
    service = boto3.resource(
        "s3",
        endpoint_url=shared_server.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    held = service.Bucket(bucket)
    assert held.creation_date is not None and bucket in [each.name for each in service.buckets.all()]
    held.Versioning().enable()
    for number in range(30):
        held.put_object(Key=f"k/{number:02}", Body=f"body {number}".encode())
    seen = {each.key: each.get()["Body"].read() for each in held.objects.filter(Prefix="k/")}
    assert seen == {f"k/{number:02}": f"body {number}".encode() for number in range(30)}
    assert [each.key for each in held.objects.page_size(7).limit(9)] == sorted(seen)[:9]

    source, back = tmp_path / "source", tmp_path / "back"
    pseudo_random(source, 11 * MIB + 1, "resource")
    large = held.Object("large")
    large.upload_file(str(source), Config=IN_PARTS)
    large.wait_until_exists()
    large.download_file(str(back), Config=IN_PARTS)
    assert digest(back) == digest(source) and large.content_length == source.stat().st_size
    held.Object("copy").copy({"Bucket": bucket, "Key": "large"}, Config=IN_PARTS)
    held.Object("copy").download_file(str(back), Config=IN_PARTS)
    assert digest(back) == digest(source)

    by_hand = held.Object("parts").initiate_multipart_upload()
    part = by_hand.Part(1).upload(Body=b"one part")
    assert [each.size for each in by_hand.parts.all()] == [8]
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert by_hand.complete(MultipartUpload=done).get()["Body"].read() == b"one part"

    held.objects.all().delete()
    assert not list(held.objects.all())
    held.object_versions.all().delete()
    held.delete()
    held.wait_until_not_exists()


def test_many_threads_at_once(s3: Any, bucket: str, tmp_path: Path) -> None:
    sources = []
    for number in range(6):
        sources.append(tmp_path / f"source {number}")
        pseudo_random(sources[-1], 9 * MIB + number, f"threads {number}")

    def there_and_back(source: Path) -> bool:
        back = source.with_name(f"back of {source.name}")
        s3.upload_file(str(source), bucket, source.name, Config=IN_PARTS)
        s3.download_file(bucket, source.name, str(back), Config=IN_PARTS)
        return digest(back) == digest(source)

    with ThreadPoolExecutor(len(sources)) as pool:
        assert all(pool.map(there_and_back, sources))
