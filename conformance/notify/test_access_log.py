"""Server access logs: a line for each request, as objects of another bucket."""

from __future__ import annotations

import re
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import s3_client
from harness.server import Server, write_config

from .receivers import wait_for

FIELD = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')
NAMES = (
    "owner bucket time remote requester request_id operation key line status error sent size total "
    "turnaround referer agent version host_id signature cipher authentication host tls point acl"
).split()


@pytest.fixture
def logged(start: Any, tmp_path: Any) -> tuple[Server, Any]:
    """A server that writes logs every second, with a bucket and one for its logs."""
    text = "[s3]\naccess_log_seconds = 1\n"
    config = write_config(tmp_path / "dolium.toml", tmp_path / "data", text)
    server = start(config=config)
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="photos")
    s3.create_bucket(Bucket="logs")
    return server, s3


def enable(s3: Any, **more: Any) -> None:
    enabled = {"TargetBucket": "logs", "TargetPrefix": "p/", **more}
    s3.put_bucket_logging(Bucket="photos", BucketLoggingStatus={"LoggingEnabled": enabled})


def lines(s3: Any) -> list[dict[str, str]]:
    found = []
    for entry in s3.list_objects_v2(Bucket="logs").get("Contents", []):
        text = s3.get_object(Bucket="logs", Key=entry["Key"])["Body"].read().decode()
        for line in text.splitlines():
            fields = FIELD.findall(line)
            assert len(fields) == len(NAMES), line
            found.append(dict(zip(NAMES, fields)))
    return found


def test_requests_become_lines(logged: tuple[Server, Any]) -> None:
    server, s3 = logged
    enable(s3)
    put = s3.put_object(Bucket="photos", Key="a b.jpg", Body=b"hello")
    s3.get_object(Bucket="photos", Key="a b.jpg", Range="bytes=1-3")["Body"].read()
    with pytest.raises(ClientError):
        s3.get_object(Bucket="photos", Key="nothing")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server.endpoint}/photos/a%20b.jpg")
    s3.list_objects_v2(Bucket="photos")
    s3.list_objects_v2(Bucket="logs")

    def of(operation: str, **want: str) -> list[dict[str, str]]:
        return [
            line
            for line in lines(s3)
            if line["operation"] == operation and want.items() <= line.items()
        ]

    wait_for("the last line", lambda: bool(of("REST.GET.BUCKET")))
    owner = s3.list_buckets()["Owner"]["ID"]
    (line,) = of("REST.PUT.OBJECT")
    assert line["request_id"] == put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert (line["owner"], line["requester"]) == (owner, owner)
    assert (line["bucket"], line["key"], line["remote"]) == ("photos", "a%20b.jpg", "127.0.0.1")
    assert (line["status"], line["error"], line["size"]) == ("200", "-", "5")
    assert (line["signature"], line["authentication"]) == ("SigV4", "AuthHeader")
    assert line["line"] == '"PUT /photos/a%20b.jpg HTTP/1.1"'
    assert "Boto3" in line["agent"] or "boto" in line["agent"].lower()
    (line,) = of("REST.GET.OBJECT", status="206")
    assert (line["sent"], line["size"]) == ("3", "5")
    (line,) = of("REST.GET.OBJECT", status="404")
    assert line["error"] == "NoSuchKey"
    (line,) = of("REST.GET.OBJECT", status="403")
    assert (line["requester"], line["signature"], line["error"]) == ("-", "-", "AccessDenied")
    assert all(line["bucket"] == "photos" for line in lines(s3))
    names = [entry["Key"] for entry in s3.list_objects_v2(Bucket="logs")["Contents"]]
    assert all(re.fullmatch(r"p/\d{4}(-\d\d){5}-[0-9A-F]{16}", name) for name in names), names


def test_a_stop_writes_what_waits(start: Any) -> None:
    server = start()
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="photos")
    s3.create_bucket(Bucket="logs")
    enable(s3)
    s3.put_object(Bucket="photos", Key="a", Body=b"x")
    assert lines(s3) == []
    server.restart()
    assert "REST.PUT.OBJECT" in [line["operation"] for line in lines(s3)]


def test_partitions(logged: tuple[Server, Any]) -> None:
    _, s3 = logged
    for source, times in (("EventTime", "00-00-00"), ("DeliveryTime", r"\d\d-\d\d-\d\d")):
        partitioned = {"PartitionedPrefix": {"PartitionDateSource": source}}
        enable(s3, TargetPrefix=f"{source}/", TargetObjectKeyFormat=partitioned)
        got = s3.get_bucket_logging(Bucket="photos")["LoggingEnabled"]
        assert got["TargetObjectKeyFormat"] == partitioned
        s3.put_object(Bucket="photos", Key="a", Body=b"x")

        def names() -> list[str]:
            listed = s3.list_objects_v2(Bucket="logs", Prefix=f"{source}/")
            return [entry["Key"] for entry in listed.get("Contents", [])]

        wait_for("a log", lambda: bool(names()))
        day = r"\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\d"
        pattern = rf"{source}/\d+/us-east-1/photos/{day}-{times}-[0-9A-F]{{16}}"
        assert re.fullmatch(pattern, names()[0]), names()


def test_configuration(logged: tuple[Server, Any]) -> None:
    _, s3 = logged
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="photos")
    for target in ("nowhere-at-all", "UPPER"):
        with pytest.raises(ClientError) as refused:
            enable(s3, TargetBucket=target)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    enable(s3)
    expected = {"TargetBucket": "logs", "TargetPrefix": "p/"}
    assert s3.get_bucket_logging(Bucket="photos")["LoggingEnabled"] == expected
    s3.put_bucket_logging(Bucket="photos", BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="photos")
    s3.put_object(Bucket="photos", Key="a", Body=b"x")
