"""Lifecycle with days of two seconds: what is due ends by itself, over crashes too."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

import pytest

from harness.clients import s3_client
from harness.objects import body_for
from harness.server import Server, write_config
from harness.waiting import wait_for

DAY_SECONDS = 2
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture
def server(start: Any, tmp_path: Path) -> Server:
    settings = f"[lifecycle]\nday_seconds = {DAY_SECONDS}\n"
    config = write_config(tmp_path / "dolium.toml", tmp_path / "data", settings)
    made: Server = start(config=config)
    return made


def configure(s3: Any, bucket: str, **members: Any) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "end/"}} | members
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}
    )


def keys(s3: Any, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def versions(s3: Any, bucket: str) -> tuple[int, int]:
    """How many versions and how many delete markers there are."""
    page = s3.list_object_versions(Bucket=bucket)
    return len(page.get("Versions", [])), len(page.get("DeleteMarkers", []))


def test_objects_end_when_their_day_ends(server: Server) -> None:
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="days")
    configure(s3, "days", Expiration={"Days": 2})
    began = time.time()
    for key in ("end/1", "keep/1"):
        s3.put_object(Bucket="days", Key=key, Body=b"x")
    wait_for(lambda: keys(s3, "days"), ["keep/1"])
    assert time.time() - began >= 2 * DAY_SECONDS


def test_versions_markers_and_uploads_end(server: Server) -> None:
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(
        Bucket="versions", VersioningConfiguration={"Status": "Enabled"}
    )
    for number in range(3):
        s3.put_object(Bucket="versions", Key="end/1", Body=body_for("end/1", number))
    upload = s3.create_multipart_upload(Bucket="versions", Key="end/2")
    where = {"Bucket": "versions", "Key": "end/2", "UploadId": upload["UploadId"]}
    s3.upload_part(**where, PartNumber=1, Body=b"x")
    assert versions(s3, "versions") == (3, 0)
    noncurrent = {"NoncurrentDays": 1}
    abort = {"DaysAfterInitiation": 1}
    configure(
        s3,
        "versions",
        NoncurrentVersionExpiration=noncurrent,
        AbortIncompleteMultipartUpload=abort,
    )
    wait_for(lambda: versions(s3, "versions"), (1, 0))
    wait_for(lambda: s3.list_multipart_uploads(Bucket="versions").get("Uploads", []), [])
    s3.delete_object(Bucket="versions", Key="end/1")
    configure(
        s3,
        "versions",
        NoncurrentVersionExpiration=noncurrent,
        Expiration={"ExpiredObjectDeleteMarker": True},
    )
    wait_for(lambda: versions(s3, "versions"), (0, 0))


def test_a_crash_delays_what_is_due_and_loses_nothing(server: Server) -> None:
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="crash")
    kept = {f"keep/{number:03}": body_for(f"keep/{number}", 100) for number in range(20)}
    ending = [f"end/{number:03}" for number in range(300)]
    for key in [*kept, *ending]:
        s3.put_object(Bucket="crash", Key=key, Body=kept.get(key, b"x"))
    configure(s3, "crash", Expiration={"Date": PAST})
    for _ in range(3):
        time.sleep(DAY_SECONDS * 0.6)
        server.kill()
        server.start()
    wait_for(lambda: keys(s3, "crash"), sorted(kept))
    for key, body in kept.items():
        assert s3.get_object(Bucket="crash", Key=key)["Body"].read() == body
    found = server.cli_ok("scrub", "--json").findings()
    assert found == []
