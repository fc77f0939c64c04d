"""The AWS CLI sets ACLs, tags, policies, lifecycles and keys of its own, and moves between buckets."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Tools, open_to_acls
from harness.trees import digest, pseudo_random, same

MIB = 1 << 20
# What the command line takes as it is: 32 bytes of text.
CUSTOMER_KEY = "0123456789abcdefghijklmnopqrstuv"
EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"


def asked(tools: Tools, call: str, *words: str | Path) -> Any:
    """A call of `s3api`; gives its answer, None where there is none."""
    text = tools.aws("s3api", call, "--output", "json", *words)
    return json.loads(text) if text.strip() else None


def refused(tools: Tools, code: str, *words: str | Path) -> None:
    """The call must fail, and for this reason."""
    with pytest.raises(AssertionError, match=code):
        tools.aws(*words)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    pseudo_random(path, 100_000, "settings")
    return path


def test_acls_open_and_shut(tools: Tools, s3: Any, bucket: str, file: Path) -> None:
    open_to_acls(s3, bucket)
    one = ("--bucket", bucket, "--key", "k")
    url = f"{tools.endpoint}/{bucket}/k"
    asked(tools, "put-object", *one, "--body", file)
    owner = asked(tools, "get-object-acl", *one)
    assert [grant["Permission"] for grant in owner["Grants"]] == ["FULL_CONTROL"]
    assert tools.curl(url)[0] == 403

    asked(tools, "put-object-acl", *one, "--acl", "public-read")
    grants = asked(tools, "get-object-acl", *one)["Grants"]
    assert {"Type": "Group", "URI": EVERYONE} in [grant["Grantee"] for grant in grants]
    assert tools.curl(url) == (200, file.read_bytes())

    asked(tools, "put-object-acl", *one, "--access-control-policy", json.dumps(owner))
    assert asked(tools, "get-object-acl", *one) == owner
    assert tools.curl(url)[0] == 403

    asked(tools, "put-bucket-acl", "--bucket", bucket, "--grant-read", f"uri={EVERYONE}")
    grants = asked(tools, "get-bucket-acl", "--bucket", bucket)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["READ"]
    status, listing = tools.curl(f"{tools.endpoint}/{bucket}")
    assert status == 200 and b"<Key>k</Key>" in listing
    asked(tools, "put-bucket-acl", "--bucket", bucket, "--acl", "private")
    assert tools.curl(f"{tools.endpoint}/{bucket}")[0] == 403


def test_tags_of_objects_and_buckets(tools: Tools, bucket: str, file: Path) -> None:
    one = ("--bucket", bucket, "--key", "k")
    asked(tools, "put-object", *one, "--body", file, "--tagging", "first=1&second=a%20b")
    tags = {tag["Key"]: tag["Value"] for tag in asked(tools, "get-object-tagging", *one)["TagSet"]}
    assert tags == {"first": "1", "second": "a b"}
    assert asked(tools, "get-object", *one, file.with_name("out"))["TagCount"] == 2
    assert digest(file.with_name("out")) == digest(file)

    wanted = {"TagSet": [{"Key": "colour", "Value": "dark red/+=@"}]}
    asked(tools, "put-object-tagging", *one, "--tagging", json.dumps(wanted))
    assert asked(tools, "get-object-tagging", *one)["TagSet"] == wanted["TagSet"]
    asked(tools, "delete-object-tagging", *one)
    assert asked(tools, "get-object-tagging", *one)["TagSet"] == []

    asked(tools, "put-bucket-tagging", "--bucket", bucket, "--tagging", json.dumps(wanted))
    assert asked(tools, "get-bucket-tagging", "--bucket", bucket) == wanted
    asked(tools, "delete-bucket-tagging", "--bucket", bucket)
    refused(tools, "NoSuchTagSet", "s3api", "get-bucket-tagging", "--bucket", bucket)


def test_a_policy_opens_a_prefix(tools: Tools, s3: Any, bucket: str, file: Path) -> None:
    open_to_acls(s3, bucket)
    for key in ("open/k", "shut/k"):
        asked(tools, "put-object", "--bucket", bucket, "--key", key, "--body", file)
    policy = {
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "readers",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/open/*",
        }],
    }
    asked(tools, "put-bucket-policy", "--bucket", bucket, "--policy", json.dumps(policy))
    kept = asked(tools, "get-bucket-policy", "--bucket", bucket)["Policy"]
    assert json.loads(kept) == policy
    status = asked(tools, "get-bucket-policy-status", "--bucket", bucket)
    assert status == {"PolicyStatus": {"IsPublic": True}}
    assert tools.curl(f"{tools.endpoint}/{bucket}/open/k") == (200, file.read_bytes())
    assert tools.curl(f"{tools.endpoint}/{bucket}/shut/k")[0] == 403

    asked(tools, "delete-bucket-policy", "--bucket", bucket)
    assert tools.curl(f"{tools.endpoint}/{bucket}/open/k")[0] == 403
    refused(tools, "NoSuchBucketPolicy", "s3api", "get-bucket-policy", "--bucket", bucket)
    broken = json.dumps({**policy, "Statement": []})
    refused(
        tools, "MalformedPolicy", "s3api", "put-bucket-policy", "--bucket", bucket, "--policy", broken
    )


def test_a_lifecycle_is_kept(tools: Tools, bucket: str) -> None:
    rules = [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}},
        {
            "ID": "parts",
            "Status": "Disabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
    ]
    one = ("--bucket", bucket)
    wanted = json.dumps({"Rules": rules})
    asked(
        tools, "put-bucket-lifecycle-configuration", *one, "--lifecycle-configuration", wanted
    )
    assert asked(tools, "get-bucket-lifecycle-configuration", *one)["Rules"] == rules
    asked(tools, "delete-bucket-lifecycle", *one)
    refused(
        tools, "NoSuchLifecycleConfiguration", "s3api", "get-bucket-lifecycle-configuration", *one
    )


def test_keys_of_the_client(tools: Tools, bucket: str, file: Path) -> None:
    secret = ("--sse-customer-algorithm", "AES256", "--sse-customer-key", CUSTOMER_KEY)
    one = ("--bucket", bucket, "--key", "k")
    out = file.with_name("out")
    put = asked(tools, "put-object", *one, "--body", file, *secret)
    assert put["SSECustomerAlgorithm"] == "AES256"
    asked(tools, "get-object", *one, *secret, out)
    assert digest(out) == digest(file)
    refused(tools, "InvalidRequest", "s3api", "get-object", *one, out)
    wrong = (*secret[:-1], CUSTOMER_KEY[::-1])
    refused(tools, "AccessDenied|InvalidRequest", "s3api", "get-object", *one, *wrong, out)

    # The same key for parts: `cp` takes the raw bytes from a file.
    large, key = file.with_name("large"), file.with_name("key")
    pseudo_random(large, 17 * MIB + 1, "settings, large")
    key.write_bytes(CUSTOMER_KEY.encode())
    sealed = ("--sse-c", "AES256", "--sse-c-key", f"fileb://{key}", "--only-show-errors")
    tools.aws("s3", "cp", *sealed, large, f"s3://{bucket}/large")
    tools.aws("s3", "cp", *sealed, f"s3://{bucket}/large", out)
    assert digest(out) == digest(large)


def test_moves_and_syncs_between_buckets(tools: Tools, s3: Any, bucket: str, tmp_path: Path) -> None:
    other = "conf-" + uuid.uuid4().hex[:12]
    tools.aws("s3", "mb", f"s3://{other}")
    source, back = tmp_path / "source", tmp_path / "back"
    for number in range(12):
        path = source / f"folder {number % 3}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pseudo_random(path, number * 1000, f"mv {number}")
    pseudo_random(source / "large", 17 * MIB + 3, "mv large")
    kept = tmp_path / "kept"
    quiet = ("--only-show-errors",)
    tools.aws("s3", "cp", "--recursive", *quiet, source, f"s3://{bucket}/kept/")
    tools.aws("s3", "cp", "--recursive", *quiet, f"s3://{bucket}/kept/", kept)

    tools.aws("s3", "mv", "--recursive", *quiet, source, f"s3://{bucket}/a/")
    assert not [path for path in source.rglob("*") if path.is_file()]
    tools.aws("s3", "mv", "--recursive", *quiet, f"s3://{bucket}/a/", f"s3://{other}/b/")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="a/")["KeyCount"] == 0
    s3.put_object(Bucket=other, Key="c/stray", Body=b"stray")
    tools.aws("s3", "sync", "--delete", *quiet, f"s3://{other}/b/", f"s3://{other}/c/")
    assert s3.list_objects_v2(Bucket=other, Prefix="c/")["KeyCount"] == 13
    tools.aws("s3", "mv", "--recursive", *quiet, f"s3://{other}/c/", back)
    same(kept, back)

    (back / "stray").write_text("stray")
    (back / "folder 1/file 1").write_text("another length")
    tools.aws("s3", "sync", "--delete", *quiet, f"s3://{other}/b/", back)
    same(kept, back)
    tools.aws("s3", "rb", "--force", f"s3://{other}")
