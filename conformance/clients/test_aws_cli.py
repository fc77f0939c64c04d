"""The AWS CLI keeps a real tree: recursive copy, sync, presigned links, removal."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Tools
from harness.trees import digest, make_tree, same


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tree") / "tree")


def test_a_real_tree_there_and_back(
    tools: Tools, s3: Any, bucket: str, tree: Path, tmp_path: Path
) -> None:
    tools.aws("s3", "cp", "--recursive", "--only-show-errors", tree, f"s3://{bucket}/tree/")
    listed = tools.aws("s3", "ls", "--recursive", f"s3://{bucket}/tree/").splitlines()
    assert len(listed) == sum(1 for path in tree.rglob("*") if path.is_file())
    assert "large files/" in tools.aws("s3", "ls", f"s3://{bucket}/tree/")

    back = tmp_path / "back"
    tools.aws("s3", "cp", "--recursive", "--only-show-errors", f"s3://{bucket}/tree/", back)
    same(tree, back)

    tools.aws("s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}/")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    tools.aws("s3", "rb", f"s3://{bucket}")


def test_sync_follows_changes(tools: Tools, bucket: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    for name in ("a/one", "a/two", "b/three", "b/four"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name * 1000)
    target = f"s3://{bucket}/s"
    tools.aws("s3", "sync", "--only-show-errors", source, target)
    assert tools.aws("s3", "sync", source, target) == "", "nothing changed, nothing is sent"

    (source / "a/one").write_text("changed and longer")
    (source / "b/four").unlink()
    (source / "c").write_text("new")
    sent = tools.aws("s3", "sync", "--delete", "--no-progress", source, target)
    assert sorted(line.split(":")[0] for line in sent.splitlines()) == ["delete", "upload", "upload"]
    tools.aws("s3", "sync", "--only-show-errors", target, back)
    same(source, back)

    shutil.rmtree(source / "b")
    tools.aws("s3", "sync", "--delete", "--only-show-errors", source, target)
    tools.aws("s3", "sync", "--delete", "--only-show-errors", target, back)
    same(source, back)


def test_presigned_link_with_curl(tools: Tools, bucket: str, tree: Path, tmp_path: Path) -> None:
    big = tree / "large files/over 100 MB.bin"
    # Version 1 of the CLI presigns with the withdrawn Signature Version 2 unless it is told.
    tools.aws("configure", "set", "default.s3.signature_version", "s3v4")
    tools.aws("s3", "cp", "--only-show-errors", big, f"s3://{bucket}/dir/big file")
    link = tools.aws("s3", "presign", "--expires-in", "600", f"s3://{bucket}/dir/big file").strip()
    out = tmp_path / "out"
    subprocess.run(["curl", "--fail", "--silent", "--output", out, link], check=True, timeout=120)
    assert digest(out) == digest(big)
    spoiled = link.replace("X-Amz-Expires=600", "X-Amz-Expires=601")
    assert spoiled != link
    refused = subprocess.run(["curl", "--fail", "--silent", spoiled], check=False, timeout=60)
    assert refused.returncode == 22, "a link that was tampered with must be refused"


def test_streams_and_api_calls(tools: Tools, bucket: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"0123456789" * 100)
    md5 = hashlib.md5(body.read_bytes()).hexdigest()
    answer = tools.aws(
        *("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", body),
        *("--metadata", "colour=red", "--content-type", "text/x-test"),
        *("--checksum-algorithm", "SHA256", "--output", "json"),
    )
    assert md5 in answer
    out = tmp_path / "out"
    answer = tools.aws(
        *("s3api", "get-object", "--bucket", bucket, "--key", "k"),
        *("--range", "bytes=10-29", "--output", "json", out),
    )
    assert out.read_bytes() == b"0123456789" * 2
    assert '"colour": "red"' in answer and "bytes 10-29/1000" in answer
    tools.aws("s3", "mv", "--only-show-errors", f"s3://{bucket}/k", f"s3://{bucket}/moved")
    assert tools.aws("s3", "cp", f"s3://{bucket}/moved", "-") == body.read_text()
    assert tools.aws("s3", "ls", f"s3://{bucket}/").split()[-1] == "moved"


def test_files_behind_empty_ones(tools: Tools, s3: Any, bucket: str, tmp_path: Path) -> None:
    """The CLI asks for `100 Continue` before it sends any file, an empty one too. Where the answer
    comes without it and the connection stays, the CLI takes the next answer on it for one with the
    status of this one and no headers, and waits until the server closes."""
    source, home = tmp_path / "source", tmp_path / "home"
    source.mkdir()
    home.mkdir()
    bodies = {f"{number}": b"" if number % 2 else b"body %d" % number for number in range(16)}
    for name, body in bodies.items():
        (source / name).write_bytes(body)
    one = Tools(tools.endpoint, home)
    one.aws("configure", "set", "default.s3.max_concurrent_requests", "1")
    copy = ("s3", "cp", "--recursive", "--only-show-errors", source, f"s3://{bucket}/")
    one.aws(*copy, timeout=20)  # a second or two, unless it waits for what has come
    stored = {name: s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in bodies}
    assert stored == bodies
