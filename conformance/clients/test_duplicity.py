"""duplicity keeps a full and an incremental backup through its boto3 backend; both are restored."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Tools
from harness.trees import pseudo_random, same, small_tree

pytestmark = pytest.mark.skipif(
    shutil.which("duplicity") is None, reason="the Debian package duplicity is not installed"
)


def test_full_and_incremental(tools: Tools, s3: Any, bucket: str, tmp_path: Path) -> None:
    tree, first = small_tree(tmp_path / "tree"), tmp_path / "first"
    url = f"boto3+s3://{bucket}/backup"
    volumes = ("--volsize", "10")
    tools.duplicity("full", *volumes, tree, url)
    shutil.copytree(tree, first)

    pseudo_random(tree / "twenty.bin", 6 << 20, "second")
    (tree / "added").write_text("added for the second backup")
    next(path for path in sorted(tree.rglob("*")) if path.is_file() and path.name != "added").unlink()
    tools.duplicity("incremental", *volumes, tree, url)
    names = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    for kind in ("duplicity-full.", "duplicity-inc.", "full-signatures", "new-signatures"):
        assert any(kind in name for name in names), (kind, names)

    # What this machine remembers is gone: everything comes from the bucket.
    shutil.rmtree(tools.home / ".cache/duplicity")
    back = tmp_path / "back"
    tools.duplicity("restore", url, back)
    same(tree, back)
    tools.duplicity("verify", "--compare-data", url, tree)
    full = [line.split() for line in tools.duplicity("collection-status", url).splitlines()]
    assert sum(1 for words in full if words[:1] == ["Full"]) == 1, full
    assert sum(1 for words in full if words[:1] == ["Incremental"]) == 1, full

    tools.duplicity("full", *volumes, first, url, "--allow-source-mismatch")
    tools.duplicity("remove-all-but-n-full", "1", "--force", url)
    left = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert not set(left) & set(names), "the old chain is removed"
    again = tmp_path / "again"
    tools.duplicity("restore", url, again)
    same(first, again)
