"""What happens to objects is told: to whom, with which fields, in which order, through which accidents."""

from __future__ import annotations

import time
import urllib.request
from typing import Any

from .conftest import TOKEN, hook_config, nats_config, rabbit_config
from .receivers import Nats, Rabbit, Record, Webhook, wait_for
from .test_configuration import configure

ALL = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def rule(target: str, events: list[str] = ALL, **filters: str) -> dict[str, Any]:
    made: dict[str, Any] = {"Id": target, "QueueArn": f"arn:dolium:sqs::{target}", "Events": events}
    if filters:
        rules = [{"Name": name, "Value": value} for name, value in filters.items()]
        made["Filter"] = {"Key": {"FilterRules": rules}}
    return made


def seen(records: list[Record]) -> list[tuple[str, str]]:
    return [(record["eventName"], record["s3"]["object"]["key"]) for record in records]


def keys(records: list[Record]) -> list[str]:
    return [record["s3"]["object"]["key"] for record in records]


def put_all(s3: Any, numbers: range) -> list[str]:
    for number in numbers:
        s3.put_object(Bucket="photos", Key=str(number), Body=b"x")
    return [str(number) for number in numbers]


def test_every_event_and_its_fields(told: Any, webhook: Webhook) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("hook"))
    put = s3.put_object(Bucket="photos", Key="in/a b+ü.jpg", Body=b"abc")
    source = {"Bucket": "photos", "Key": "in/a b+ü.jpg"}
    s3.copy_object(Bucket="photos", Key="copy", CopySource=source)
    upload = s3.create_multipart_upload(Bucket="photos", Key="parts")["UploadId"]
    place = {"Bucket": "photos", "Key": "parts", "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=b"part")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    whole = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    s3.delete_object(Bucket="photos", Key="copy")
    s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": "parts"}]})

    records = webhook.wait(5)
    assert seen(records) == [
        ("ObjectCreated:Put", "in/a+b%2B%C3%BC.jpg"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectRemoved:Delete", "copy"),
        ("ObjectRemoved:Delete", "parts"),
    ]
    first = records[0]
    owner = s3.list_buckets()["Owner"]["ID"]
    assert (first["eventVersion"], first["eventSource"]) == ("2.3", "aws:s3")
    assert first["awsRegion"] == "us-east-1"
    assert first["eventTime"].endswith("Z") and len(first["eventTime"]) == 24
    assert first["userIdentity"]["principalId"] == owner
    assert first["requestParameters"]["sourceIPAddress"] == "127.0.0.1"
    request_id = put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert first["responseElements"]["x-amz-request-id"] == request_id
    s3_part = first["s3"]
    assert (s3_part["s3SchemaVersion"], s3_part["configurationId"]) == ("1.0", "hook")
    bucket = {
        "name": "photos",
        "ownerIdentity": {"principalId": owner},
        "arn": "arn:aws:s3:::photos",
    }
    assert s3_part["bucket"] == bucket
    assert s3_part["object"]["size"] == 3
    assert s3_part["object"]["eTag"] == put["ETag"].strip('"')
    assert "versionId" not in s3_part["object"]
    assert records[2]["s3"]["object"]["eTag"] == whole["ETag"].strip('"')
    assert "size" not in records[3]["s3"]["object"]
    sequencers = [record["s3"]["object"]["sequencer"] for record in records]
    assert sequencers == sorted(set(sequencers))
    assert webhook.tokens == {f"Bearer {TOKEN}"}
    time.sleep(1)
    assert len(webhook.taken) == 5, "nothing comes twice"


def test_a_browser_form(told: Any, webhook: Webhook) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("hook"))
    form = s3.generate_presigned_post("photos", "form")
    lines = []
    for name, value in [*form["fields"].items(), ("file", "hello")]:
        lines += ["--edge", f'Content-Disposition: form-data; name="{name}"', "", value]
    body = "\r\n".join([*lines, "--edge--", ""]).encode()
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    request = urllib.request.Request(form["url"], body, headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204
    (record,) = webhook.wait(1)
    assert seen([record]) == [("ObjectCreated:Post", "form")]
    assert record["s3"]["object"]["size"] == 5


def test_versions_and_markers(told: Any, webhook: Webhook) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    configure(s3, "photos", rule("hook"))
    version = s3.put_object(Bucket="photos", Key="a", Body=b"abc")["VersionId"]
    marker = s3.delete_object(Bucket="photos", Key="a")["VersionId"]
    s3.delete_object(Bucket="photos", Key="a", VersionId=version)
    records = webhook.wait(3)
    told_of = [(r["eventName"], r["s3"]["object"]["versionId"]) for r in records]
    assert told_of == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", version),
    ]


def test_filters_and_switching_off(told: Any, webhook: Webhook) -> None:
    _, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="in/early.jpg", Body=b"x")
    pictures = rule("hook", ["s3:ObjectCreated:*"], prefix="in/", suffix=".jpg")
    configure(s3, "photos", pictures)
    for key in ("in/a.png", "out/b.jpg", "in/c.jpg"):
        s3.put_object(Bucket="photos", Key=key, Body=b"x")
    s3.delete_object(Bucket="photos", Key="in/c.jpg")
    s3.put_object(Bucket="photos", Key="in/d.jpg", Body=b"x")
    assert keys(webhook.wait(2)) == ["in/c.jpg", "in/d.jpg"]
    configure(s3, "photos")
    s3.put_object(Bucket="photos", Key="in/e.jpg", Body=b"x")
    configure(s3, "photos", pictures)
    s3.put_object(Bucket="photos", Key="in/f.jpg", Body=b"x")
    assert keys(webhook.wait(3)) == ["in/c.jpg", "in/d.jpg", "in/f.jpg"]


def test_a_target_that_was_down_gets_all_in_order(told: Any, webhook: Webhook) -> None:
    other = Webhook().start()
    try:
        _, s3 = told(hook_config(webhook), hook_config(other, "other"))
        s3.create_bucket(Bucket="photos")
        configure(s3, "photos", rule("hook"), rule("other"))
        webhook.stop()
        expected = put_all(s3, range(60))
        assert keys(other.wait(60)) == expected, "the other target does not wait"
        webhook.refuses = True
        webhook.start()
        wait_for("a refusal", lambda: webhook.refused > 0)
        webhook.refuses = False
        assert keys(webhook.wait(60)) == expected
    finally:
        other.stop()


def test_kill_between_put_and_delivery_loses_nothing(told: Any, webhook: Webhook) -> None:
    server, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("hook"))
    webhook.refuses = True
    expected = put_all(s3, range(40))
    wait_for("a refusal", lambda: webhook.refused > 0)
    server.kill()
    server.start()
    expected += put_all(s3, range(40, 50))
    server.kill()
    webhook.refuses = False
    server.start()
    assert keys(webhook.first_of_each(50)) == expected


def test_kill_while_delivering_loses_nothing(told: Any, webhook: Webhook) -> None:
    server, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("hook"))
    expected: list[str] = []
    for round_number in range(5):
        expected += put_all(s3, range(round_number * 30, round_number * 30 + 30))
        server.kill()
        server.start()
    assert keys(webhook.first_of_each(150)) == expected


def test_a_stop_is_quick_while_a_target_is_down(told: Any, webhook: Webhook) -> None:
    server, s3 = told(hook_config(webhook))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("hook"))
    webhook.stop()
    put_all(s3, range(5))
    time.sleep(0.5)
    assert server.stop() < 5


def test_nats(told: Any, nats: Nats) -> None:
    _, s3 = told(nats_config(nats))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("bus"))
    expected = put_all(s3, range(20))
    assert keys(nats.wait(20)) == expected


def test_a_nats_stream_that_was_down(told: Any, nats: Nats) -> None:
    _, s3 = told(nats_config(nats, jetstream=True))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("bus"))
    expected = put_all(s3, range(10))
    # Published, but no stream took it: that is not delivered.
    time.sleep(1)
    nats.make_stream()
    wait_for("the stream", lambda: len(nats.stored().taken) >= 10)
    nats.stop()
    expected += put_all(s3, range(10, 30))
    time.sleep(1)
    nats.start()
    wait_for("all of it", lambda: len(nats.stored().taken) >= 30)
    assert keys(nats.stored().first_of_each(30)) == expected


def test_rabbitmq(told: Any, rabbit: Rabbit) -> None:
    _, s3 = told(rabbit_config(rabbit))
    s3.create_bucket(Bucket="photos")
    configure(s3, "photos", rule("rabbit"))
    expected = put_all(s3, range(20))
    assert keys(rabbit.wait(20)) == expected
    rabbit.stop()
    expected += put_all(s3, range(20, 40))
    time.sleep(1)
    rabbit.start()
    rabbit.wait(40)
    assert keys(rabbit.first_of_each(40)) == expected
