"""rclone: made-up trees, hash sums, two-way sync with a conflict, old versions, unfinished uploads."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Tools
from harness.trees import pseudo_random, same

MIB = 1 << 20


@pytest.fixture
def made(tools: Tools, tmp_path: Path) -> Path:
    """A tree of odd names that rclone itself makes."""
    tree = tmp_path / "made"
    tools.rclone(
        *("test", "makefiles", tree, "--seed", "7", "--files", "120"),
        *("--files-per-directory", "8", "--max-file-size", "300k"),
    )
    pseudo_random(tree / "in parts.bin", 12 * MIB + 1, "rclone parts")
    return tree


def test_made_up_files_and_hash_sums(tools: Tools, bucket: str, made: Path, tmp_path: Path) -> None:
    remote, back = f"dolium:{bucket}/made", tmp_path / "back"
    parts = ("--s3-upload-cutoff", "8M", "--s3-chunk-size", "5M")
    tools.rclone("sync", *parts, made, remote)
    tools.rclone("check", made, remote)
    tools.rclone("check", "--download", made, remote)

    def sums(place: str | Path) -> list[str]:
        return sorted(tools.rclone("hashsum", "MD5", place).splitlines())

    assert sums(remote) == sums(made)
    tools.rclone("copy", "--checksum", remote, back)
    same(made, back)
    # Same size and time, other bytes: only the sum tells.
    changed = next(path for path in sorted(made.rglob("*")) if path.is_file() and path.stat().st_size)
    stamp = changed.stat()
    changed.write_bytes(bytes(byte ^ 1 for byte in changed.read_bytes()))
    os.utime(changed, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    tools.rclone("copy", "--checksum", *parts, made, remote)
    tools.rclone("check", "--download", made, remote)
    shutil.rmtree(back)
    tools.rclone("copy", "--checksum", remote, back)
    same(made, back)


def test_two_ways(tools: Tools, bucket: str, made: Path, tmp_path: Path) -> None:
    remote, seen = f"dolium:{bucket}/two", tmp_path / "seen"
    (made / "shared").write_text("as it was")
    tools.rclone("bisync", made, remote, "--resync")
    tools.rclone("check", "--download", made, remote)

    # Each side changes, adds and removes; the other follows.
    kept = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    here, there = made / kept[0], kept[1]
    here.unlink()
    (made / "from here").write_text("made here")
    tools.rclone("deletefile", f"{remote}/{there}")
    from_there = tmp_path / "there"
    from_there.write_text("made there")
    tools.rclone("copyto", from_there, f"{remote}/from there")
    tools.rclone("bisync", made, remote)
    assert not here.exists() and not (made / there).exists()
    assert (made / "from there").read_text() == "made there"
    assert tools.rclone("cat", f"{remote}/from here") == "made here"
    tools.rclone("check", "--download", made, remote)

    # Both change one file: neither side's bytes may be lost.
    (made / "shared").write_text("changed here")
    from_there.write_text("changed there, longer")
    tools.rclone("copyto", from_there, f"{remote}/shared")
    tools.rclone("bisync", made, remote)
    texts = {path.read_text() for path in made.glob("shared*")}
    assert texts == {"changed here", "changed there, longer"}
    tools.rclone("copy", remote, seen)
    same(made, seen)


def test_old_versions(tools: Tools, bucket: str, tmp_path: Path) -> None:
    remote, file = f"dolium:{bucket}", tmp_path / "file"
    assert tools.rclone("backend", "versioning", remote, "Enabled").strip() == "Enabled"
    for text in ("first", "second one", "the third"):
        file.write_text(text)
        tools.rclone("copyto", file, f"{remote}/dir/k.txt")
        time.sleep(1.1)  # rclone names versions by their second
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(1.1)
    tools.rclone("deletefile", f"{remote}/dir/k.txt")
    assert tools.rclone("lsf", f"{remote}/dir").strip() == ""

    names = tools.rclone("lsf", "--s3-versions", f"{remote}/dir").splitlines()
    assert len(names) == 3 and all(name.startswith("k-v") for name in names), names
    back = tmp_path / "back"
    tools.rclone("copy", "--s3-versions", f"{remote}/dir", back)
    texts = [(back / name).read_text() for name in sorted(names)]
    assert texts == ["first", "second one", "the third"]
    then = tmp_path / "then"
    tools.rclone("copy", "--s3-version-at", moment, f"{remote}/dir", then)
    assert [path.name for path in then.iterdir()] == ["k.txt"]
    assert (then / "k.txt").read_text() == "the third"
    tools.rclone("backend", "cleanup-hidden", remote)
    assert tools.rclone("lsf", "-R", "--files-only", "--s3-versions", remote).strip() == ""


def test_unfinished_uploads_are_cleaned_up(tools: Tools, s3: Any, bucket: str) -> None:
    remote = f"dolium:{bucket}"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="unfinished")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="unfinished", UploadId=upload, PartNumber=1, Body=b"part")
    assert "unfinished" in tools.rclone("backend", "list-multipart-uploads", remote)
    tools.rclone("cleanup", remote)
    left = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [entry["UploadId"] for entry in left] == [upload], "younger than a day: it stays"
    time.sleep(1.1)
    tools.rclone("backend", "cleanup", "-o", "max-age=1s", remote)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
