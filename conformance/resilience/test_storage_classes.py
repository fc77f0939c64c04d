"""Storage classes are arrays: objects lie where their class says, and move there when it changes."""

from __future__ import annotations

import datetime
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import s3_client
from harness.objects import body_for
from harness.server import PROVIDERS, Server, write_config
from harness.waiting import wait_for

COLD = ("c1", "c2")
CLASS = "GLACIER_IR"
MIB = 1 << 20
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture
def server(start: Any, tmp_path: Path) -> Server:
    settings = "[lifecycle]\nday_seconds = 1\n"
    settings += "[collect]\ngarbage_age_seconds = 0\norphan_age_seconds = 0\n"
    config = write_config(tmp_path / "dolium.toml", tmp_path / "data", settings)
    text = config.read_text()
    for name in COLD:
        path = tmp_path / "data" / "providers" / name
        text += f'\n[[provider]]\nname = "{name}"\nkind = "directory"\noptions = {{ path = "{path}" }}\n'
    text += f'\n[[array]]\nname = "cold"\nlayout = "mirror:2"\nproviders = ["c1", "c2"]\n'
    config.write_text(text + f'storage_class = "{CLASS}"\n')
    made: Server = start(config=config)
    return made


@pytest.fixture
def s3(server: Server) -> Any:
    client = s3_client(server.endpoint)
    client.create_bucket(Bucket="classes")
    return client


def packed(server: Server, names: tuple[str, ...]) -> int:
    """Bytes of packs at providers."""
    packs = (file for name in names for file in (server.provider(name) / "packs").rglob("*"))
    return sum(file.stat().st_size for file in packs if file.is_file())


def classes(s3: Any) -> dict[str, str]:
    listed = s3.list_objects_v2(Bucket="classes").get("Contents", [])
    return {entry["Key"]: entry["StorageClass"] for entry in listed}


def lose_packs(server: Server, names: tuple[str, ...]) -> None:
    for name in names:
        shutil.rmtree(server.provider(name) / "packs", ignore_errors=True)


def read(s3: Any, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket="classes", Key=key)["Body"].read()
    return body


def test_writes_go_where_their_class_says(server: Server, s3: Any) -> None:
    body = body_for("a", 300_000)
    s3.put_object(Bucket="classes", Key="a", Body=body, StorageClass=CLASS)
    assert packed(server, PROVIDERS) == 0 and packed(server, COLD) >= 2 * len(body)
    upload = s3.create_multipart_upload(Bucket="classes", Key="m", StorageClass=CLASS)
    where = {"Bucket": "classes", "Key": "m", "UploadId": upload["UploadId"]}
    assert s3.list_multipart_uploads(Bucket="classes")["Uploads"][0]["StorageClass"] == CLASS
    big = body_for("m", 5 * MIB)
    tags = [s3.upload_part(**where, PartNumber=1, Body=big)["ETag"]]
    source = {"Bucket": "classes", "Key": "a"}
    copied = s3.upload_part_copy(**where, PartNumber=2, CopySource=source)
    tags.append(copied["CopyPartResult"]["ETag"])
    assert s3.list_parts(**where)["StorageClass"] == CLASS
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    s3.put_object(Bucket="classes", Key="usual", Body=b"x")
    assert classes(s3) == {"a": CLASS, "m": CLASS, "usual": "STANDARD"}
    assert s3.head_object(Bucket="classes", Key="a")["StorageClass"] == CLASS
    assert "StorageClass" not in s3.head_object(Bucket="classes", Key="usual")
    told = s3.get_object_attributes(Bucket="classes", Key="m", ObjectAttributes=["StorageClass"])
    assert told["StorageClass"] == CLASS
    listed = s3.list_object_versions(Bucket="classes")["Versions"]
    assert {entry["Key"]: entry["StorageClass"] for entry in listed} == classes(s3)
    lose_packs(server, PROVIDERS)
    assert read(s3, "a") == body and read(s3, "m") == big + body


@pytest.mark.parametrize("name", ["GLACIER", "cold", "default", "", "standard"])
def test_there_are_no_other_classes(s3: Any, name: str) -> None:
    for call in (
        lambda: s3.put_object(Bucket="classes", Key="k", Body=b"x", StorageClass=name),
        lambda: s3.create_multipart_upload(Bucket="classes", Key="k", StorageClass=name),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "InvalidStorageClass"
    assert classes(s3) == {}


def test_a_copy_onto_itself_changes_the_class(server: Server, s3: Any) -> None:
    body = body_for("a", 500_000)
    tag = s3.put_object(Bucket="classes", Key="a", Body=body, Metadata={"m": "1"})["ETag"]
    itself = {"Bucket": "classes", "Key": "a", "CopySource": {"Bucket": "classes", "Key": "a"}}
    s3.copy_object(**itself, StorageClass=CLASS)
    assert classes(s3) == {"a": CLASS} and read(s3, "a") == body
    wait_for(lambda: packed(server, COLD) >= 2 * len(body), True)
    wait_for(lambda: server.cli_ok("collect").code or packed(server, PROVIDERS), 0)
    head = s3.head_object(Bucket="classes", Key="a")
    assert (head["ETag"], head["Metadata"]) == (tag, {"m": "1"})
    lose_packs(server, PROVIDERS)
    assert read(s3, "a") == body


def test_rules_move_objects_while_the_server_is_killed(server: Server, s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="classes", VersioningConfiguration={"Status": "Enabled"})
    bodies = {f"old/{number:02}": body_for(str(number), 400_000) for number in range(30)}
    ids: dict[str, tuple[str, Any]] = {}
    for key, body in bodies.items():
        s3.put_object(Bucket="classes", Key=key, Body=body[:1000])
        made = s3.put_object(Bucket="classes", Key=key, Body=body)
        head = s3.head_object(Bucket="classes", Key=key)
        ids[key] = (made["VersionId"], head["LastModified"])
    s3.put_object(Bucket="classes", Key="young", Body=b"stays")
    rule = {
        "ID": "r",
        "Status": "Enabled",
        "Filter": {"Prefix": "old/"},
        "Transitions": [{"Date": PAST, "StorageClass": CLASS}],
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": CLASS}],
    }
    rules = {"Rules": [rule]}
    s3.put_bucket_lifecycle_configuration(Bucket="classes", LifecycleConfiguration=rules)
    kept = s3.get_bucket_lifecycle_configuration(Bucket="classes")["Rules"][0]
    assert kept["Transitions"][0]["StorageClass"] == CLASS
    for _ in range(3):
        time.sleep(1.1)
        server.kill()
        server.start()
    wanted = {key: CLASS for key in bodies} | {"young": "STANDARD"}
    wait_for(lambda: classes(s3), wanted)
    whole = 2 * sum(len(body) + 1000 for body in bodies.values())
    wait_for(lambda: packed(server, COLD) >= whole, True)

    def left() -> bool:
        server.cli_ok("collect")
        return packed(server, PROVIDERS) < 100_000

    wait_for(left, True)
    lose_packs(server, PROVIDERS)
    for key, body in bodies.items():
        assert read(s3, key) == body
        head = s3.head_object(Bucket="classes", Key=key)
        assert (head["VersionId"], head["LastModified"]) == ids[key]
    older = s3.list_object_versions(Bucket="classes", Prefix="old/")["Versions"]
    assert {entry["StorageClass"] for entry in older} == {CLASS}
    shutil.rmtree(server.provider("c1"))
    server.restart()
    for key, body in bodies.items():
        assert read(s3, key) == body
