"""s3fs mounts a bucket: files are written, appended to, renamed, listed and read as on a disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Tools
from harness.server import ACCESS_KEY, SECRET_KEY
from harness.trees import digest, pseudo_random, same

MIB = 1 << 20
MOUNT_SECONDS_MAX = 20.0
# What the kernel or its helper says where mounting is not allowed.
NOT_ALLOWED = ("Operation not permitted", "Permission denied", "fuse device not found", "No such device")


def unusable() -> str | None:
    """Why nothing can be mounted here, if so."""
    if shutil.which("s3fs") is None:
        return "the Debian package s3fs is not installed"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"/dev/fuse cannot be opened: {error}"
    return None


@pytest.fixture
def mounted(tools: Tools, bucket: str, tmp_path: Path) -> Iterator[Path]:
    why = unusable()
    if why is not None:
        pytest.skip(why)
    secrets, point, log = tmp_path / "passwd-s3fs", tmp_path / "mount", tmp_path / "s3fs.log"
    secrets.write_text(f"{ACCESS_KEY}:{SECRET_KEY}\n")
    secrets.chmod(0o600)
    point.mkdir()
    options = f"passwd_file={secrets},url={tools.endpoint},use_path_request_style,multipart_size=5"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["s3fs", bucket, str(point), "-f", "-o", options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=tools.environment(),
        )
    try:
        wait_until_mounted(point, process, log)
        yield point
    finally:
        if os.path.ismount(point):
            subprocess.run(["fusermount", "-u", str(point)], check=True, timeout=30)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    assert not os.path.ismount(point)


def wait_until_mounted(point: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + MOUNT_SECONDS_MAX
    while not os.path.ismount(point):
        if process.poll() is not None:
            said = log.read_text(errors="replace")
            reason = next((line for line in said.splitlines() if line.startswith("fuse")), said)
            if any(words in reason for words in NOT_ALLOWED):
                pytest.skip(f"mounting is not allowed here: {reason}")
            raise AssertionError(f"s3fs ended with {process.returncode}\n{said}")
        assert time.monotonic() < deadline, f"not mounted\n{log.read_text(errors='replace')}"
        time.sleep(0.05)


def test_a_mounted_bucket(mounted: Path, s3: Any, bucket: str, tmp_path: Path) -> None:
    def stored(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    folder = mounted / "folder"
    folder.mkdir()
    file = folder / "a file ü+"
    file.write_bytes(b"written\n")
    assert stored("folder/a file ü+") == b"written\n"
    with file.open("ab") as more:
        more.write(b"appended\n")
    assert file.read_bytes() == stored("folder/a file ü+") == b"written\nappended\n"
    file.rename(folder / "renamed")
    assert sorted(os.listdir(folder)) == ["renamed"]
    assert stored("folder/renamed") == b"written\nappended\n"

    # What comes by the API is seen in the mount.
    s3.put_object(Bucket=bucket, Key="folder/by the API", Body=b"from outside")
    assert (folder / "by the API").read_bytes() == b"from outside"
    assert sorted(os.listdir(folder)) == ["by the API", "renamed"]

    large, copied = tmp_path / "large", mounted / "large"
    pseudo_random(large, 23 * MIB + 11, "s3fs")
    shutil.copyfile(large, copied)
    assert s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == large.stat().st_size
    back = tmp_path / "back"
    s3.download_file(bucket, "large", str(back))
    assert digest(back) == digest(large) == digest(copied)
    # A change in the middle: the parts around it are copied by the server.
    for path in (large, copied):
        with path.open("r+b") as opened:
            opened.seek(9 * MIB + 5)
            opened.write(b"changed in the middle")
    s3.download_file(bucket, "large", str(back))
    assert digest(back) == digest(large)
    copied.rename(folder / "large")
    s3.download_file(bucket, "folder/large", str(back))
    assert digest(back) == digest(large)

    for path in list(folder.iterdir()):
        path.unlink()
    folder.rmdir()
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_tree_in_the_mount(mounted: Path, s3: Any, bucket: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(24):
        path = tree / f"folder {number % 4}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pseudo_random(path, number * 500, f"s3fs {number}")
    shutil.copytree(tree, mounted / "tree")
    same(tree, mounted / "tree")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert sum(1 for entry in listed if not entry["Key"].endswith("/")) == 24
    shutil.rmtree(mounted / "tree")
    assert os.listdir(mounted) == []
