"""Swift's own command line (python-swiftclient) and rclone, unmodified; every byte is compared."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
import requests

from harness.server import Server

from .conftest import USERS

SWIFT = Path(__file__).parents[2] / ".cache" / "swift" / "venv" / "bin" / "swift"
LOGIN, SECRET = USERS[0][:2]
MIB = 1 << 20


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of files that compress badly, with names that need care."""
    folder = tmp_path / "files"
    content = random.Random(4)
    for name, size in (("empty", 0), ("a b%c", 5000), ("dir/ü", 70_000), ("large", 5 * MIB + 17)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.randbytes(size))
    return folder


def same(one: Path, other: Path) -> None:
    names = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert names and names == sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


class Shell:
    """The command line of one user."""

    def __init__(self, server: Server) -> None:
        self.auth = f"http://127.0.0.1:{server.http_port}/auth/v1.0"
        self.base = f"http://127.0.0.1:{server.http_port}"

    def swift(self, *words: str, cwd: Path | None = None) -> str:
        command = [str(SWIFT), "-A", self.auth, "-U", LOGIN, "-K", SECRET, *words]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def rclone(self, *words: str) -> str:
        env = dict(
            os.environ,
            RCLONE_CONFIG="/dev/null",
            RCLONE_CONFIG_D_TYPE="swift",
            RCLONE_CONFIG_D_USER=LOGIN,
            RCLONE_CONFIG_D_KEY=SECRET,
            RCLONE_CONFIG_D_AUTH=self.auth,
        )
        done = subprocess.run(["rclone", *words], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def shell(shared_swift: Server) -> Shell:
    return Shell(shared_swift)


@pytest.mark.parametrize("kind", ["--use-slo", "--use-dlo"])
def test_folders_go_up_and_down_in_segments(shell: Shell, files: Path, tmp_path: Path, kind: str) -> None:
    container = "up" + kind[-3:]
    shell.swift("upload", kind, "-S", str(MIB), container, ".", cwd=files)
    listed = shell.swift("list", container).splitlines()
    assert set(listed) >= {"empty", "a b%c", "dir/ü", "large"}
    segments = shell.swift("list", f"{container}_segments").splitlines()
    assert len(segments) == 6, segments
    stat = shell.swift("stat", container, "large")
    assert f"Content Length: {5 * MIB + 17}" in stat
    down = tmp_path / "down"
    shell.swift("download", container, "-D", str(down))
    same(files, down)
    again = shell.swift("upload", kind, "-S", str(MIB), "--skip-identical", container, "large", cwd=files)
    assert shell.swift("list", f"{container}_segments").splitlines() == segments, again
    shell.swift("delete", container, "large")
    assert not shell.swift("list", f"{container}_segments").splitlines()
    shell.swift("delete", container)
    assert container not in shell.swift("list").splitlines()


def test_what_is_set_is_told(shell: Shell, files: Path) -> None:
    shell.swift("upload", "told", "a b%c", cwd=files)
    shell.swift("post", "told", "-m", "Colour:blue", "-r", ".r:*")
    shell.swift("post", "told", "a b%c", "-m", "Shape:round", "-H", "X-Delete-After:600")
    stat = shell.swift("stat", "told")
    assert "Meta Colour: blue" in stat and "Read ACL: .r:*" in stat and "Objects: 1" in stat
    stat = shell.swift("stat", "told", "a b%c")
    assert "Meta Shape: round" in stat and "X-Delete-At" in stat
    shell.swift("copy", "told", "a b%c", "-d", "/told/copied")
    shell.swift("download", "told", "copied", "-o", str(files / "copied"))
    assert (files / "copied").read_bytes() == (files / "a b%c").read_bytes()
    assert "slo" in shell.swift("info")


def test_its_signed_urls_are_good(shell: Shell, files: Path) -> None:
    shell.swift("post", "-m", "Temp-URL-Key:a-key-of-ours")
    shell.swift("upload", "signed", "dir/ü", cwd=files)
    path = "/v1/AUTH_test/signed/dir/ü"
    for digest in ("sha1", "sha256", "sha512"):
        made = shell.swift("tempurl", "GET", "60", path, "a-key-of-ours", "--digest", digest)
        answer = requests.get(shell.base + made.strip(), timeout=30)
        assert answer.content == (files / "dir/ü").read_bytes(), (digest, answer.text)
    made = shell.swift("tempurl", "GET", "60", path, "another-key")
    assert requests.get(shell.base + made.strip(), timeout=30).status_code == 401


def test_rclone_copies_checks_and_moves(shell: Shell, files: Path, tmp_path: Path) -> None:
    shell.rclone("copy", "--swift-chunk-size", "1Mi", str(files), "d:rclone/in")
    shell.rclone("check", "--download", str(files), "d:rclone/in")
    shell.rclone("move", "d:rclone/in/dir", "d:rclone/moved")
    assert shell.rclone("lsf", "d:rclone/moved").split() == ["ü"]
    shell.rclone("sync", str(files), "d:rclone/in")
    down = tmp_path / "down"
    shell.rclone("copy", "d:rclone/in", str(down))
    same(files, down)
    shell.rclone("purge", "d:rclone")
    assert "rclone" not in shell.rclone("lsf", "d:").split()
