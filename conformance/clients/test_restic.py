"""restic keeps its repository here: two backups, a full check, restore, forget with prune."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.clients import Tools
from harness.trees import pseudo_random, same, small_tree


def test_backup_check_restore_prune(tools: Tools, bucket: str, tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "tree")
    tools.restic(bucket, "init")
    tools.restic(bucket, "backup", tree)
    first = tmp_path / "first"
    shutil.copytree(tree, first)

    pseudo_random(tree / "twenty.bin", 6 << 20, "second")
    (tree / "added").write_text("added for the second backup")
    tools.restic(bucket, "backup", tree)
    tools.restic(bucket, "check", "--read-data")

    snapshots = [line.split()[0] for line in tools.restic(bucket, "snapshots", "--compact").splitlines()
                 if line[:8].strip() and all(c in "0123456789abcdef" for c in line[:8])]
    assert len(snapshots) == 2, snapshots
    for snapshot, expected in zip(snapshots, (first, tree), strict=True):
        back = tmp_path / f"back-{snapshot}"
        tools.restic(bucket, "restore", snapshot, "--target", back)
        same(expected, back / tree.relative_to("/"))

    tools.restic(bucket, "forget", "--keep-last", "1", "--prune")
    tools.restic(bucket, "check", "--read-data")
    back = tmp_path / "back-last"
    tools.restic(bucket, "restore", "latest", "--target", back)
    same(tree, back / tree.relative_to("/"))
