"""The server's disk is gone; the providers and the recovery key bring everything back.

Promises: what is compared is all that a client can see: every bucket, version, marker, ETag, body,
header and metadata, users and their keys, uploads under way, and a write acknowledged just before the
end.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import s3_client
from harness.damage import remove
from harness.objects import PART, Population, body_for
from harness.server import Answer, Server, forget_except, run_binary

ANNA = ("anna-access-key", "anna-secret-key-0123456789")
HEADERS = {
    "ContentType": "text/x-test; charset=utf-8",
    "ContentDisposition": 'attachment; filename="x"',
    "ContentEncoding": "identity",
    "ContentLanguage": "el",
    "CacheControl": "max-age=60",
    "Metadata": {"colour": "red", "origin": "a b c"},
}
SHOWN = ("ContentLength", "ETag", "VersionId", "LastModified", *HEADERS)


def load_everything(server: Server, rng: random.Random) -> tuple[Population, dict[str, Any]]:
    """Data of every kind; gives what must be the same afterwards."""
    s3 = s3_client(server.endpoint)
    population = Population(s3, "plain", rng)
    population.fill("a", 60)
    s3.put_object(Bucket="plain", Key="with headers", Body=b"x" * 1000, **HEADERS)
    s3.copy_object(
        Bucket="plain", Key="copied", CopySource={"Bucket": "plain", "Key": "with headers"}
    )
    for key in ("with headers", "copied"):
        population.bodies[key] = b"x" * 1000
        population.etags[key] = s3.head_object(Bucket="plain", Key=key)["ETag"]
    s3.create_bucket(Bucket="empty")
    fill_versions(s3, rng)
    (name, secret) = ANNA
    keys = ("--access-key", name, "--secret-key", secret)
    server.cli_ok("user", "add", "anna", "--display-name", "Anna A", *keys)
    server.cli_ok("user", "add", "gone")
    server.cli_ok("user", "disable", "gone")
    annas = s3_client(server.endpoint, *ANNA)
    annas.create_bucket(Bucket="annas")
    annas.put_object(Bucket="annas", Key="hers", Body=b"hers")
    upload = s3.create_multipart_upload(Bucket="plain", Key="under way")["UploadId"]
    part = s3.upload_part(
        Bucket="plain", Key="under way", UploadId=upload, PartNumber=1, Body=body_for("part", PART)
    )
    return population, {"upload": upload, "part": part["ETag"], "snapshot": snapshot(server)}


def fill_versions(s3: Any, rng: random.Random) -> None:
    s3.create_bucket(Bucket="versions")
    enable = {"Bucket": "versions", "VersioningConfiguration": {"Status": "Enabled"}}
    s3.put_object(Bucket="versions", Key="early", Body=b"before versioning")
    s3.put_bucket_versioning(**enable)
    for number in range(30):
        key = f"k{rng.randrange(5)}"
        if rng.random() < 0.2:
            s3.delete_object(Bucket="versions", Key=key)
        else:
            body = body_for(f"version {number}", rng.choice([10, 5_000, 200_000]))
            s3.put_object(Bucket="versions", Key=key, Body=body, Metadata={"n": str(number)})
    s3.create_bucket(Bucket="suspended")
    enable["Bucket"] = "suspended"
    s3.put_bucket_versioning(**enable)
    s3.put_object(Bucket="suspended", Key="k", Body=b"one")
    enable["VersioningConfiguration"] = {"Status": "Suspended"}
    s3.put_bucket_versioning(**enable)
    s3.put_object(Bucket="suspended", Key="k", Body=b"null version")


def snapshot(server: Server) -> dict[str, Any]:
    """All that clients can see."""
    seen: dict[str, Any] = {"users": server.cli_ok("user", "list", "--json").out}
    for who, s3 in (("root", s3_client(server.endpoint)), ("anna", s3_client(server.endpoint, *ANNA))):
        for entry in s3.list_buckets()["Buckets"]:
            bucket = entry["Name"]
            seen[f"{who}/{bucket}"] = (entry["CreationDate"], *bucket_state(s3, bucket))
    return seen


def bucket_state(s3: Any, bucket: str) -> tuple[Any, ...]:
    versions, markers = [], []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions += page.get("Versions", [])
        markers += page.get("DeleteMarkers", [])
    objects = []
    for entry in versions:
        answer = s3.get_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        shown = {name: answer.get(name) for name in SHOWN}
        objects.append((entry["Key"], shown, answer["Body"].read()))
    return s3.get_bucket_versioning(Bucket=bucket).get("Status"), versions, markers, objects


def recover(providers: Path, key: Path, target: Path) -> Answer:
    return run_binary(
        *("recover", "--providers", str(providers), "--recovery-key", str(key)),
        *("--data-dir", str(target)),
    )


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before.keys() == after.keys()
    for name, state in before.items():
        assert state == after[name], f"{name} differs"


@pytest.mark.parametrize("lost", [None, "p1", "p2", "p3", "p4"])
def test_everything_comes_back(
    start: Any, rng: random.Random, tmp_path: Path, lost: str | None
) -> None:
    server = start()
    population, before = load_everything(server, rng)
    key = tmp_path / "key-kept-elsewhere"
    shutil.copy(server.recovery_key, key)
    last = population.s3.put_object(Bucket="plain", Key="the last", Body=b"of the last second")
    server.kill()
    population.bodies["the last"] = b"of the last second"
    population.etags["the last"] = last["ETag"]
    forget_except(server.data_dir)
    if lost:
        remove(server.provider(lost))

    target = tmp_path / "recovered"
    recovered = recover(server.data_dir / "providers", key, target)
    assert recovered.code == 0, recovered
    again = start(name="recovered", s3_port=server.s3_port)
    population.verify()
    population.s3.delete_object(Bucket="plain", Key="the last")
    assert_same(before["snapshot"], snapshot(again))
    goes_on(again, population, before)
    if lost:
        assert again.cli("check").code == 1
    again.cli_ok("repair")
    assert again.cli("check").code == 0, again.cli("check")
    del population.bodies["the last"], population.etags["the last"]
    again.restart()
    population.verify()


def goes_on(server: Server, population: Population, before: dict[str, Any]) -> None:
    """A recovered server is a server: writes, an upload begun before, rights."""
    s3 = population.s3
    call = {"Bucket": "plain", "Key": "under way", "UploadId": before["upload"]}
    parts = {"Parts": [{"PartNumber": 1, "ETag": before["part"]}]}
    etag = s3.complete_multipart_upload(**call, MultipartUpload=parts)["ETag"]
    population.bodies["under way"], population.etags["under way"] = body_for("part", PART), etag
    population.fill("after", 10)
    annas = s3_client(server.endpoint, *ANNA)
    annas.put_object(Bucket="annas", Key="new", Body=b"new")
    with pytest.raises(ClientError) as refused:
        annas.get_object(Bucket="plain", Key="with headers")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    server.cli_ok("user", "enable", "gone")


def test_recovery_of_a_recovery(start: Any, rng: random.Random, tmp_path: Path) -> None:
    """What the second server writes is recovered too, together with what the first wrote."""
    server = start()
    population = Population(s3_client(server.endpoint), "twice", rng)
    population.fill("first", 20)
    for turn in ("second", "third"):
        server.kill()
        key = tmp_path / f"key {turn}"
        shutil.copy(server.recovery_key, key)
        providers = (server.data_dir / "providers").resolve()
        forget_except(server.data_dir)
        answer = recover(providers, key, tmp_path / turn)
        assert answer.code == 0, answer
        server = start(name=turn, s3_port=server.s3_port)
        population.verify()
        population.fill(turn, 20)
    assert server.cli("check").code == 0
    population.verify()


def test_recover_refuses_a_directory_in_use(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = start()
    population = Population(s3_client(server.endpoint), "kept", rng)
    population.fill("a", 5)
    key = tmp_path / "key"
    shutil.copy(server.recovery_key, key)
    providers = server.data_dir / "providers"
    assert recover(providers, key, server.data_dir).code == 2, "a server runs there"
    server.stop()
    assert recover(providers, key, server.data_dir).code == 2, "a catalog is there"
    other = tmp_path / "other"
    other.mkdir()
    (other / "something").write_text("of somebody else")
    refused = recover(providers, key, other)
    assert refused.code == 2 and "empty" in refused.text, refused
    assert [path.name for path in other.iterdir()] == ["something"]
    server.start()
    population.verify()


def test_a_failed_recovery_may_be_tried_again(
    start: Any, rng: random.Random, tmp_path: Path
) -> None:
    """The wrong key, the wrong folder, too few providers: then the right ones, into the same place."""
    server, other = start(), start(name="other")
    population = Population(s3_client(server.endpoint), "kept", rng)
    population.fill("a", 5)
    key, wrong = tmp_path / "key", tmp_path / "wrong"
    shutil.copy(server.recovery_key, key)
    shutil.copy(other.recovery_key, wrong)
    server.kill()
    forget_except(server.data_dir)
    providers, target = server.data_dir / "providers", tmp_path / "target"
    assert recover(providers, wrong, target).code == 2
    assert recover(tmp_path / "nowhere", key, target).code == 2
    aside = [(providers / name).rename(tmp_path / name) for name in ("p1", "p2")]
    assert recover(providers, key, target).code != 0, "two of four providers are gone"
    for path in aside:
        path.rename(providers / path.name)
    shutil.rmtree(target, ignore_errors=True)
    answer = recover(providers, key, target)
    assert answer.code == 0, answer
    start(name="target", s3_port=server.s3_port)
    population.verify()
