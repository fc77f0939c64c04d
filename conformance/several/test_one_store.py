"""Two servers are one store: what one acknowledged, the other knows at once."""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import s3_client
from harness.objects import MIB, body_for

# How long a change of a user or key may go unnoticed by another server (`dolium_identity`).
LOOKUP_SECONDS_MAX = 5.0


@pytest.fixture
def pair(cluster: Any) -> tuple[Any, Any]:
    one, two = cluster()
    clients = s3_client(one.endpoint), s3_client(two.endpoint)
    clients[0].create_bucket(Bucket="common")
    return clients


def status_of(call: Any) -> int:
    try:
        return int(call()["ResponseMetadata"]["HTTPStatusCode"])
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def test_what_one_writes_the_other_reads(pair: tuple[Any, Any]) -> None:
    for number in range(60):
        writer, reader = pair[number % 2], pair[1 - number % 2]
        key, body = f"key/{number % 7}", body_for(f"at once {number}", 1 + number * 997)
        where = {"Bucket": "common", "Key": key}
        etag = writer.put_object(**where, Body=body)["ETag"]
        answer = reader.get_object(**where)
        assert (answer["ETag"], answer["Body"].read()) == (etag, body)
        assert reader.head_object(**where)["ETag"] == etag
        listed = reader.list_objects_v2(Bucket="common", Prefix=key)["Contents"]
        assert [entry["ETag"] for entry in listed if entry["Key"] == key] == [etag]
        if number % 5 == 4:
            reader.delete_object(**where)
            assert status_of(lambda: writer.get_object(**where)) == 404  # noqa: B023


def test_ranges_of_an_object_that_the_other_replaced(pair: tuple[Any, Any]) -> None:
    """Blocks that one server keeps in memory are named by content, so none is out of date."""
    one, two = pair
    where = {"Bucket": "common", "Key": "replaced"}
    for turn in range(6):
        body = body_for(f"turn {turn}", 300_000)
        pair[turn % 2].put_object(**where, Body=body)
        for client in (one, two):
            part = client.get_object(**where, Range="bytes=1000-1999")["Body"].read()
            assert part == body[1000:2000]


def test_versions_and_markers(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one.put_bucket_versioning(
        Bucket="common", VersioningConfiguration={"Status": "Enabled"}
    )
    made = []
    for number in range(6):
        answer = pair[number % 2].put_object(
            Bucket="common", Key="versioned", Body=f"body {number}".encode()
        )
        made.append(answer["VersionId"])
    marker = two.delete_object(Bucket="common", Key="versioned")["VersionId"]
    for client in (one, two):
        page = client.list_object_versions(Bucket="common", Prefix="versioned")
        assert [v["VersionId"] for v in page["Versions"]] == made[::-1]
        assert [m["VersionId"] for m in page["DeleteMarkers"]] == [marker]
        assert status_of(lambda: client.get_object(Bucket="common", Key="versioned")) == 404  # noqa: B023
        for number, version in enumerate(made):
            got = client.get_object(Bucket="common", Key="versioned", VersionId=version)
            assert got["Body"].read() == f"body {number}".encode()
    one.delete_object(Bucket="common", Key="versioned", VersionId=marker)
    assert two.get_object(Bucket="common", Key="versioned")["VersionId"] == made[-1]


def test_an_upload_begun_at_one_is_completed_at_the_other(pair: tuple[Any, Any]) -> None:
    one, two = pair
    where = {"Bucket": "common", "Key": "in parts"}
    call = {**where, "UploadId": one.create_multipart_upload(**where)["UploadId"]}
    bodies = [body_for("a", 5 * MIB), body_for("b", 6 * MIB), body_for("c", 17)]
    parts = []
    for number, body in enumerate(bodies, 1):
        client = pair[number % 2]
        etag = client.upload_part(**call, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    assert len(two.list_parts(**call)["Parts"]) == 3
    two.complete_multipart_upload(**call, MultipartUpload={"Parts": parts})
    assert one.get_object(**where)["Body"].read() == b"".join(bodies)
    assert status_of(lambda: one.list_parts(**call)) == 404
    copy = one.copy_object(Bucket="common", Key="copy", CopySource=where)
    assert two.head_object(Bucket="common", Key="copy")["ETag"] == copy["CopyObjectResult"]["ETag"]


def race(calls: list[Any]) -> list[int]:
    """Sends all at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(call: Any) -> int:
        barrier.wait()
        return status_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_conditional_writes_exactly_one_wins(pair: tuple[Any, Any]) -> None:
    for turn in range(25):
        where = {"Bucket": "common", "Key": f"race {turn}"}

        def create(number: int, where: dict[str, str] = where) -> Any:
            body = f"{uuid.uuid4()}".encode()
            client = pair[number % 2]
            return lambda: client.put_object(**where, Body=body, IfNoneMatch="*")

        codes = race([create(number) for number in range(6)])
        assert sorted(codes)[0] == 200 and sorted(codes)[1:] == [412] * 5, codes
        etag = pair[0].head_object(**where)["ETag"]

        def replace(number: int, where: dict[str, str] = where, etag: str = etag) -> Any:
            body = f"{uuid.uuid4()}".encode()
            client = pair[number % 2]
            return lambda: client.put_object(**where, Body=body, IfMatch=etag)

        codes = race([replace(number) for number in range(6)])
        assert sorted(codes)[0] == 200 and sorted(codes)[1:] == [412] * 5, codes


def test_settings_count_at_the_other_server(cluster: Any) -> None:
    one, two = cluster()
    s3 = s3_client(one.endpoint), s3_client(two.endpoint)
    keys = ("--access-key", "dolium-second", "--secret-key", "second-secret-0123456789")
    one.cli_ok("user", "add", "second", *keys)
    second = s3_client(two.endpoint, "dolium-second", "second-secret-0123456789")
    assert second.list_buckets()["Buckets"] == [], "a new key is good everywhere at once"

    s3[0].create_bucket(Bucket="guarded")
    s3[0].put_object(Bucket="guarded", Key="k", Body=b"v")
    assert status_of(lambda: second.get_object(Bucket="guarded", Key="k")) == 403
    s3[0].delete_public_access_block(Bucket="guarded")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::guarded/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3[0].put_bucket_policy(Bucket="guarded", Policy=json.dumps(policy))
    assert status_of(lambda: second.get_object(Bucket="guarded", Key="k")) == 200
    s3[1].delete_bucket_policy(Bucket="guarded")
    assert status_of(lambda: second.get_object(Bucket="guarded", Key="k")) == 403

    one.cli_ok("user", "disable", "second")
    deadline = time.monotonic() + LOOKUP_SECONDS_MAX + 0.5
    while status_of(second.list_buckets) != 403:
        assert time.monotonic() < deadline, "a disabled user is still let in"
        time.sleep(0.1)


def test_three_servers(cluster: Any) -> None:
    """Each makes a bucket that all know, and each may check the array."""
    servers = cluster(count=3)
    for number, server in enumerate(servers):
        s3_client(server.endpoint).create_bucket(Bucket=f"of-{number}")
    for server in servers:
        buckets = s3_client(server.endpoint).list_buckets()["Buckets"]
        assert [bucket["Name"] for bucket in buckets] == ["of-0", "of-1", "of-2"]
        assert server.cli("check").code == 0
