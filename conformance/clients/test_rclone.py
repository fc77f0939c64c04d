"""rclone: copy, check, check --download, sync, delete."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from harness.clients import Tools
from harness.trees import pseudo_random, same, small_tree


def test_copy_check_sync_delete(tools: Tools, s3: Any, bucket: str, tmp_path: Path) -> None:
    tree, back = small_tree(tmp_path / "tree"), tmp_path / "back"
    remote = f"dolium:{bucket}/tree"
    parts = ("--s3-upload-cutoff", "8M", "--s3-chunk-size", "5M")
    tools.rclone("copy", "--transfers", "8", *parts, tree, remote)
    tools.rclone("check", tree, remote)
    tools.rclone("check", "--download", tree, remote)
    tools.rclone("copy", remote, back)
    same(tree, back)

    shutil.rmtree(next(path for path in sorted(tree.iterdir()) if path.is_dir()))
    pseudo_random(tree / "twenty.bin", 9 << 20, "changed")
    (tree / "new file").write_text("new")
    tools.rclone("sync", *parts, tree, remote)
    tools.rclone("check", "--download", tree, remote)
    tools.rclone("sync", remote, back)
    same(tree, back)

    count = len(tools.rclone("lsf", "-R", "--files-only", remote).splitlines())
    assert count == sum(1 for path in tree.rglob("*") if path.is_file())
    tools.rclone("moveto", f"{remote}/new file", f"{remote}/moved/file")
    assert tools.rclone("cat", f"{remote}/moved/file") == "new"
    tools.rclone("delete", remote)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    tools.rclone("rmdir", f"dolium:{bucket}")


def test_mount_like_ranges(tools: Tools, bucket: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    pseudo_random(file, 12 << 20, "ranges")
    tools.rclone("copyto", file, f"dolium:{bucket}/file")
    back = tmp_path / "back"
    # Several streams of one object at once, each a range request.
    streams = ("--multi-thread-streams", "4", "--multi-thread-cutoff", "1M")
    tools.rclone("copyto", *streams, f"dolium:{bucket}/file", back)
    assert back.read_bytes() == file.read_bytes()
