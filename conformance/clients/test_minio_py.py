"""minio-py: files, composed objects, tags, policy, versions, locks, and links and forms signed ahead."""

from __future__ import annotations

import io
import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from minio import Minio
from minio.commonconfig import COMPLIANCE, ENABLED, GOVERNANCE, ComposeSource, CopySource, Filter, Tags
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.sse import SseCustomerKey
from minio.versioningconfig import VersioningConfig

from harness.clients import Tools, minio_client, open_to_acls
from harness.server import Server
from harness.trees import digest, pseudo_random

MIB = 1 << 20


@pytest.fixture(scope="module")
def minio(shared_server: Server) -> Minio:
    return minio_client(shared_server.endpoint)


def read(minio: Minio, bucket: str, key: str, **more: Any) -> bytes:
    answer = minio.get_object(bucket, key, **more)
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def put(minio: Minio, bucket: str, key: str, body: bytes, **more: Any) -> Any:
    return minio.put_object(bucket, key, io.BytesIO(body), len(body), **more)


def refused(code: str) -> Any:
    return pytest.raises(S3Error, match=code)


def test_buckets_come_and_go(minio: Minio) -> None:
    name = "minio-" + uuid.uuid4().hex[:12]
    assert not minio.bucket_exists(name)
    minio.make_bucket(name)
    assert minio.bucket_exists(name) and name in [found.name for found in minio.list_buckets()]
    put(minio, name, "k", b"k")
    with refused("BucketNotEmpty"):
        minio.remove_bucket(name)
    minio.remove_object(name, "k")
    minio.remove_bucket(name)
    assert not minio.bucket_exists(name)


def test_files_there_and_back(minio: Minio, bucket: str, tmp_path: Path) -> None:
    for number, length in enumerate((0, 1, 300_000, 5 * MIB, 23 * MIB + 17)):
        source, back = tmp_path / f"source {number}", tmp_path / f"back {number}"
        pseudo_random(source, length, f"minio {number}")
        key = f"dir/ü+ {number}"
        minio.fput_object(
            bucket, key, str(source), "application/x-test", {"colour": "red"}, part_size=5 * MIB
        )
        found = minio.stat_object(bucket, key)
        assert found.size == length and found.content_type == "application/x-test"
        assert found.metadata is not None and found.metadata["x-amz-meta-colour"] == "red"
        minio.fget_object(bucket, key, str(back))
        assert digest(back) == digest(source), length
    part = read(minio, bucket, "dir/ü+ 4", offset=5 * MIB - 10, length=20)
    assert part == source.read_bytes()[5 * MIB - 10 : 5 * MIB + 10]

    minio.put_object(bucket, "unknown length", source.open("rb"), -1, part_size=5 * MIB)
    assert read(minio, bucket, "unknown length") == source.read_bytes()
    names = [found.object_name for found in minio.list_objects(bucket, "dir/", recursive=True)]
    assert names == [f"dir/ü+ {number}" for number in range(5)]
    found_names = {found.object_name for found in minio.list_objects(bucket)}
    assert found_names == {"dir/", "unknown length"}
    gone = [DeleteObject(str(name)) for name in [*names, "unknown length"]]
    assert not list(minio.remove_objects(bucket, gone))
    assert not list(minio.list_objects(bucket, recursive=True))


def test_composed_of_others(minio: Minio, bucket: str, tmp_path: Path) -> None:
    bodies = []
    for number, length in enumerate((6 * MIB, 12 * MIB, 100)):
        path = tmp_path / str(number)
        pseudo_random(path, length, f"compose {number}")
        minio.fput_object(bucket, f"from {number}", str(path))
        bodies.append(path.read_bytes())
    sources = [
        ComposeSource(bucket, "from 0"),
        ComposeSource(bucket, "from 1", offset=1000, length=7 * MIB),
        ComposeSource(bucket, "from 2"),
    ]
    minio.compose_object(bucket, "whole", sources, metadata={"made": "of three"})
    assert read(minio, bucket, "whole") == bodies[0] + bodies[1][1000 : 7 * MIB + 1000] + bodies[2]
    minio.copy_object(bucket, "copy", CopySource(bucket, "whole"))
    assert read(minio, bucket, "copy") == read(minio, bucket, "whole")


def test_tags(minio: Minio, bucket: str) -> None:
    tags = Tags.new_object_tags()
    tags["first"], tags["second"] = "1", "a b+c"
    put(minio, bucket, "k", b"k", tags=tags)
    assert minio.get_object_tags(bucket, "k") == tags
    tags["first"] = "2"
    minio.set_object_tags(bucket, "k", tags)
    assert minio.get_object_tags(bucket, "k") == tags
    minio.delete_object_tags(bucket, "k")
    assert minio.get_object_tags(bucket, "k") is None

    of_bucket = Tags.new_bucket_tags()
    of_bucket["team"] = "one"
    minio.set_bucket_tags(bucket, of_bucket)
    assert minio.get_bucket_tags(bucket) == of_bucket
    minio.delete_bucket_tags(bucket)
    assert minio.get_bucket_tags(bucket) is None


def test_policy_and_lifecycle(minio: Minio, s3: Any, bucket: str, tools: Tools) -> None:
    open_to_acls(s3, bucket)
    put(minio, bucket, "k", b"for everyone")
    url = f"{tools.endpoint}/{bucket}/k"
    policy = {
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }],
    }
    assert tools.curl(url)[0] == 403
    minio.set_bucket_policy(bucket, json.dumps(policy))
    assert json.loads(minio.get_bucket_policy(bucket)) == policy
    assert tools.curl(url) == (200, b"for everyone")
    minio.delete_bucket_policy(bucket)
    assert tools.curl(url)[0] == 403

    rule = Rule(
        ENABLED, rule_filter=Filter(prefix="logs/"), rule_id="old", expiration=Expiration(days=30)
    )
    minio.set_bucket_lifecycle(bucket, LifecycleConfig([rule]))
    kept = minio.get_bucket_lifecycle(bucket)
    assert kept is not None and kept.rules[0].rule_id == "old"
    assert kept.rules[0].expiration is not None and kept.rules[0].expiration.days == 30
    minio.delete_bucket_lifecycle(bucket)
    assert minio.get_bucket_lifecycle(bucket) is None


def test_versions(minio: Minio, bucket: str) -> None:
    minio.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    assert minio.get_bucket_versioning(bucket).status == ENABLED
    bodies = [f"state {number}".encode() for number in range(4)]
    ids = [put(minio, bucket, "v", body).version_id for body in bodies]
    minio.remove_object(bucket, "v")
    with refused("NoSuchKey"):
        minio.get_object(bucket, "v")
    for version, body in zip(ids, bodies, strict=True):
        assert read(minio, bucket, "v", version_id=version) == body
    listed = list(minio.list_objects(bucket, include_version=True))
    assert [found.version_id for found in listed if not found.is_delete_marker] == ids[::-1]
    assert [found.is_latest for found in listed if found.is_delete_marker] in ([True], ["true"])
    every = [DeleteObject("v", found.version_id) for found in listed]
    assert not list(minio.remove_objects(bucket, every))
    assert not list(minio.list_objects(bucket, include_version=True))


def test_locks(minio: Minio) -> None:
    bucket = "minio-" + uuid.uuid4().hex[:12]
    minio.make_bucket(bucket, object_lock=True)
    minio.set_object_lock_config(bucket, ObjectLockConfig(GOVERNANCE, 1, DAYS))
    kept = minio.get_object_lock_config(bucket)
    assert (kept.mode, kept.duration, kept.duration_unit) == (GOVERNANCE, 1, DAYS)
    by_default = put(minio, bucket, "by default", b"1").version_id
    found = minio.get_object_retention(bucket, "by default")
    assert found is not None and found.mode == GOVERNANCE
    with refused("AccessDenied"):
        minio.remove_object(bucket, "by default", version_id=by_default)
    minio.delete_object_lock_config(bucket)

    end = (datetime.now(timezone.utc) + timedelta(days=2)).replace(microsecond=0)
    version = put(minio, bucket, "k", b"kept", retention=Retention(COMPLIANCE, end)).version_id
    found = minio.get_object_retention(bucket, "k")
    assert found is not None and (found.mode, found.retain_until_date) == (COMPLIANCE, end)
    with refused("AccessDenied"):
        minio.set_object_retention(bucket, "k", Retention(COMPLIANCE, end - timedelta(days=1)))
    later = end + timedelta(days=1)
    minio.set_object_retention(bucket, "k", Retention(COMPLIANCE, later))
    found = minio.get_object_retention(bucket, "k")
    assert found is not None and found.retain_until_date == later
    with refused("AccessDenied"):
        minio.remove_object(bucket, "k", version_id=version)
    minio.remove_object(bucket, "k")
    assert read(minio, bucket, "k", version_id=version) == b"kept"

    held = put(minio, bucket, "held", b"held", legal_hold=True).version_id
    assert minio.is_object_legal_hold_enabled(bucket, "held")
    with refused("AccessDenied"):
        minio.remove_object(bucket, "held", version_id=held)
    minio.disable_object_legal_hold(bucket, "held")
    assert not minio.is_object_legal_hold_enabled(bucket, "held")
    minio.remove_object(bucket, "held", version_id=held)
    with refused("NoSuchKey"):
        minio.stat_object(bucket, "held")


def test_keys_of_the_client(minio: Minio, bucket: str) -> None:
    key = SseCustomerKey(b"0123456789abcdefghijklmnopqrstuv")
    try:
        put(minio, bucket, "k", b"sealed", sse=key)
    except ValueError as error:
        pytest.skip(f"minio-py sends no keys without TLS: {error}")
    assert read(minio, bucket, "k", ssec=key) == b"sealed"


def test_links_signed_ahead(minio: Minio, bucket: str, tools: Tools) -> None:
    body = b"by a link" * 1000
    assert requests.put(minio.presigned_put_object(bucket, "a b"), data=body, timeout=60).ok
    link = minio.presigned_get_object(bucket, "a b", timedelta(minutes=10))
    assert tools.curl(link) == (200, body)
    assert tools.curl(link.replace("X-Amz-Expires=600", "X-Amz-Expires=601"))[0] == 403


def test_forms_signed_ahead(minio: Minio, bucket: str) -> None:
    policy = PostPolicy(bucket, datetime.now(timezone.utc) + timedelta(minutes=10))
    policy.add_starts_with_condition("key", "up/")
    policy.add_content_length_range_condition(1, MIB)
    form = minio.presigned_post_policy(policy)
    url = minio.presigned_get_object(bucket, "x").split("?")[0].removesuffix("/x")

    def send(key: str, body: bytes) -> int:
        files = {"file": ("name", body)}
        return requests.post(url, {**form, "key": key}, files=files, timeout=60).status_code

    body = bytes(range(256)) * 2000
    assert send("up/k", body) == 204
    assert read(minio, bucket, "up/k") == body
    assert send("elsewhere", body) == 403
    assert send("up/large", b"x" * (MIB + 1)) == 400
    assert [found.object_name for found in minio.list_objects(bucket, recursive=True)] == ["up/k"]
