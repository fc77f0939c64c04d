"""Services with ways of their own: Swift, Azure, S3 in another order, WebDAV over a slow line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from harness.fixtures import Start

from .array import Array, dolium
from .services import Azurite, S3rver, Webdav
from .wire import Wire

MIB = 1 << 20
KEY = "raid-swift-key-0123456789"


def swift(server: object, url: str) -> dict[str, str]:
    server.cli_ok("user", "add", "ada", "--swift", "home:ada", "--secret-key", KEY)  # type: ignore[attr-defined]
    return {"auth": f"{url}/auth/v1.0", "user": "home:ada", "key": KEY}


def test_swift_agrees_with_s3_by_checksums(tmp_path: Path, start: Start) -> None:
    first, second = start(name="first"), start(name="second")
    array = Array(tmp_path).add("s3", "s3", dolium(first))
    array.add("swift", "swift", swift(second, f"http://127.0.0.1:{second.http_port}"))
    keys = ["a b/ü&?#", "a//b", "/x", "100%", "plain"]
    for key in keys:
        array.expect(0, "put", "-", key, stdin=key.encode() * 1000)
    rows = array.rows()
    assert list(rows) == sorted(keys, key=lambda key: key.encode())
    assert {row["agree"] for row in rows.values()} == {"checksum"}
    assert array.rows("a b/")["a b/ü&?#"]["len"] == 1000 * len("a b/ü&?#".encode())
    for key in keys:
        assert array.get(key, tmp_path) == key.encode() * 1000
    # In parts at S3, in one piece at Swift: sizes are what is left.
    large = os.urandom(20 * MIB)
    array.expect(0, "put", "-", "large", stdin=large)
    assert array.rows()["large"]["agree"] == "size"
    array.expect(0, "check", "--read")
    assert "Swift's access lists are of containers" in array.expect(0, "acl", "plain", "private").out
    assert array.expect(0, "--without", "s3", "get", "large", str(tmp_path / "got")).out.count("verified") == 1
    assert (tmp_path / "got").read_bytes() == large
    array.expect(0, "rm", "large")
    second.kill()
    array.expect(1, "put", "-", "plain", stdin=b"newer")
    second.start()
    array.expect(0, "repair")
    assert array.rows()["plain"]["agree"] == "checksum"
    array.expect(0, "rm", "--all", "--yes")
    assert array.rows() == {}


def test_azure_and_an_s3_in_another_order(tmp_path: Path, azurite: Azurite, s3rver: S3rver) -> None:
    array = Array(tmp_path).add("azure", "azblob", azurite.options("photos")).add("other", "s3", s3rver.options())
    array.directory("disk", tmp_path / "disk")
    # The container is there, so the directory might be missing: it is made on purpose. Azure's is not ours to make.
    assert "azure: prepare: unsupported" in array.expect(1, "init").out
    keys = ["a/b", "a.txt", "a0", "ä", "z/y/x"]
    for key in keys:
        array.expect(0, "put", "-", key, stdin=key.encode())
    assert list(array.rows()) == sorted(keys, key=lambda key: key.encode())
    assert list(array.rows("a/")) == ["a/b"]
    large = os.urandom(20 * MIB + 3)
    array.expect(0, "put", "-", "large", stdin=large)
    for name in array.names:
        others = [word for other in array.names if other != name for word in ("--without", other)]
        array.expect(0, *others, "get", "large", str(tmp_path / "got"))
        assert (tmp_path / "got").read_bytes() == large, name
    (tmp_path / "disk/a/b").unlink()
    azure_only = ["--without", "other", "--without", "disk"]
    array.expect(0, *azure_only, "rm", "a0")
    time.sleep(1.1)
    (tmp_path / "disk/ä").write_bytes(b"changed here")
    deviations = array.expect(1, "check").out
    assert "a/b: missing at disk" in deviations and "a0: missing at azure" in deviations
    array.expect(0, "repair")
    array.expect(0, "check", "--read")
    array.expect(0, *azure_only, "get", "ä", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == b"changed here"
    # What the library in between would change is refused there, and kept elsewhere.
    assert "azure: key: unsupported" in array.expect(1, "put", "-", "a//b", stdin=b"x").out


def test_a_slow_line_is_waited_for(tmp_path: Path, webdav: Webdav, wire: Callable[[int], Wire]) -> None:
    slow = wire(webdav.port)
    options = {**webdav.options(root="slow"), "endpoint": f"http://127.0.0.1:{slow.port}"}
    array = Array(tmp_path).add("webdav", "webdav", options).directory("disk", tmp_path / "disk")
    array.expect(0, "init")
    slow.rate_up = MIB // 5
    content = os.urandom(8 * MIB)
    started = time.monotonic()
    array.expect(0, "put", "-", "object", stdin=content)
    # Longer than a request may take to be answered, once it is sent.
    assert time.monotonic() - started > 33
    assert (webdav.files / "slow/object").read_bytes() == content
