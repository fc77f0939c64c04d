"""Swift's own command line (python-swiftclient), rclone and OpenStack's, unmodified; every byte is compared."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest
import requests

from harness.server import Server

from .conftest import USERS

BIN = Path(__file__).parents[2] / ".cache" / "swift" / "venv" / "bin"
SWIFT, OPENSTACK = BIN / "swift", BIN / "openstack"
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

    def rclone(self, *words: str, login: dict[str, str] | None = None) -> str:
        login = login or {"USER": LOGIN, "KEY": SECRET, "AUTH": self.auth}
        settings = {f"RCLONE_CONFIG_D_{name}": value for name, value in login.items()}
        env = dict(os.environ, RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_D_TYPE="swift", **settings)
        done = subprocess.run(["rclone", *words], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def by_keystone(self, command: Path, *words: str, login: dict[str, str], cwd: Path | None = None) -> str:
        """Runs a client of OpenStack with a login from the environment, as users of OpenStack have it."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        env.update(login)
        done = subprocess.run([str(command), *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


def logins(shell: Shell) -> dict[str, dict[str, str]]:
    """Logins by Keystone v3 of all kinds, as the environment tells them to OpenStack's clients."""
    account, user = LOGIN.split(":")
    domains = {"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"}
    common = {"OS_IDENTITY_API_VERSION": "3", "OS_AUTH_URL": f"{shell.base}/v3"}
    password = {**common, **domains, "OS_USERNAME": user, "OS_PASSWORD": SECRET, "OS_PROJECT_NAME": account}
    return {
        "password": password,
        "unversioned": {**password, "OS_AUTH_URL": shell.base},
        "credential": {
            **common,
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_APPLICATION_CREDENTIAL_ID": LOGIN,
            "OS_APPLICATION_CREDENTIAL_SECRET": SECRET,
        },
    }


KINDS = ["password", "unversioned", "credential"]


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


@pytest.mark.parametrize("kind", KINDS)
def test_openstacks_own_command_line(shell: Shell, files: Path, tmp_path: Path, kind: str) -> None:
    def openstack(*words: str) -> str:
        return shell.by_keystone(OPENSTACK, *words, login=logins(shell)[kind], cwd=files)

    name = f"osc-{kind}"
    openstack("container", "create", name)
    assert name in [row["Name"] for row in json.loads(openstack("container", "list", "-f", "json"))]
    openstack("object", "create", name, "large", "a b%c")
    listed = json.loads(openstack("object", "list", name, "-f", "json"))
    assert {row["Name"] for row in listed} == {"large", "a b%c"}
    saved = tmp_path / "saved"
    openstack("object", "save", name, "large", "--file", str(saved))
    assert saved.read_bytes() == (files / "large").read_bytes()
    openstack("object", "set", "--property", "colour=blue", name, "large")
    assert "blue" in openstack("object", "show", name, "large")
    told = json.loads(openstack("object", "store", "account", "show", "-f", "json"))
    assert told["Account"] == "AUTH_test"
    openstack("object", "delete", name, "a b%c")
    openstack("container", "delete", "--recursive", name)
    assert name not in openstack("container", "list")
    if kind == "password":
        assert "object-store" in openstack("catalog", "list")
        assert openstack("token", "issue", "-f", "value", "-c", "project_id").strip() == "test"


@pytest.mark.parametrize("kind", KINDS)
def test_swifts_command_line_by_keystone(shell: Shell, files: Path, tmp_path: Path, kind: str) -> None:
    def swift(*words: str) -> str:
        return shell.by_keystone(SWIFT, *words, login=logins(shell)[kind], cwd=files)

    name = f"swift-{kind}"
    swift("upload", "-S", str(MIB), name, ".")
    assert set(swift("list", name).splitlines()) >= {"empty", "a b%c", "dir/ü", "large"}
    down = tmp_path / "down"
    swift("download", name, "-D", str(down))
    same(files, down)
    swift("delete", name, "large")
    assert not swift("list", f"{name}_segments").splitlines()
    swift("delete", name)


@pytest.mark.parametrize("kind", ["password", "credential"])
def test_rclone_by_keystone(shell: Shell, files: Path, tmp_path: Path, kind: str) -> None:
    account, user = LOGIN.split(":")
    login = {"AUTH": f"{shell.base}/v3"}
    if kind == "password":
        login |= {"USER": user, "KEY": SECRET, "TENANT": account, "DOMAIN": "Default", "TENANT_DOMAIN": "Default"}
    else:
        login |= {"APPLICATION_CREDENTIAL_ID": LOGIN, "APPLICATION_CREDENTIAL_SECRET": SECRET}
    place = f"d:rclone-{kind}"
    shell.rclone("copy", "--swift-chunk-size", "1Mi", str(files), f"{place}/in", login=login)
    shell.rclone("check", "--download", str(files), f"{place}/in", login=login)
    down = tmp_path / "down"
    shell.rclone("copy", f"{place}/in", str(down), login=login)
    same(files, down)
    shell.rclone("purge", place, login=login)
    assert place[2:] not in shell.rclone("lsf", "d:", login=login).split()
