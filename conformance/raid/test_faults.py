"""Services that are down, that differ, that lie, and commands that are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from harness.clients import s3_client
from harness.fixtures import Start
from harness.server import Server

from .array import Array, dolium
from .services import Sftp, Webdav
from .wire import Wire

MIB = 1 << 20


def cloud_and(tmp_path: Path, server: Server) -> Array:
    """A mirror of a bucket and a directory."""
    array = Array(tmp_path).add("cloud", "s3", dolium(server, bucket="mirror"))
    return array.directory("disk", tmp_path / "disk")


def test_a_service_that_is_down_is_told_and_mended(tmp_path: Path, start: Start, webdav: Webdav, sftp: Sftp) -> None:
    server = start()
    array = cloud_and(tmp_path, server)
    array.add("webdav", "webdav", webdav.options(root="w")).add("sftp", "sftp", sftp.options())
    array.expect(0, "put", "-", "before", stdin=b"before")
    for service in (webdav, sftp):
        service.stop()
    said = array.expect(1, "put", "-", "during", stdin=b"during").out
    assert "during: 2 of 4 services" in said and "webdav: " in said and "sftp: " in said
    array.expect(1, "put", "-", "before", stdin=b"before, but newer")
    assert array.get("during", tmp_path) == b"during"
    # While they cannot be asked nothing is decided.
    assert "could not be asked" in array.expect(1, "repair").out
    for service in (webdav, sftp):
        service.start()
    checked = array.expect(1, "check").out
    assert "during: missing at webdav, sftp" in checked
    assert "before: differs at webdav, sftp" in checked
    dry = array.expect(0, "repair", "--dry-run").out
    assert "would be copied" in dry
    assert array.expect(1, "check").out == checked
    array.expect(0, "repair")
    array.expect(0, "check", "--read")
    assert (webdav.files / "w/before").read_bytes() == b"before, but newer"
    assert (sftp.files / "raid/during").read_bytes() == b"during"
    # All down: nothing was done.
    server.kill()
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    for service in (webdav, sftp):
        service.stop()
    array.expect(2, "put", "-", "nowhere", stdin=b"x")
    array.expect(2, "ls")
    array.expect(2, "check")


def test_a_disk_that_is_not_mounted_is_not_replaced(disks: Array, tmp_path: Path) -> None:
    disks.expect(0, "put", "-", "x", stdin=b"x")
    (tmp_path / "b").rename(tmp_path / "elsewhere")
    (tmp_path / "b").mkdir()
    assert "unmounted" in disks.expect(1, "put", "-", "y", stdin=b"y").out
    assert list((tmp_path / "b").iterdir()) == []
    assert disks.get("x", tmp_path) == b"x"
    assert disks.expect(1, "ls").out.count("?") == 2
    # A new disk is made on purpose.
    disks.expect(0, "init")
    disks.expect(0, "repair")
    assert (tmp_path / "b/x").read_bytes() == b"x"
    assert (tmp_path / "b/y").read_bytes() == b"y"


def test_a_corrupted_copy_is_found_by_its_checksum(tmp_path: Path, start: Start) -> None:
    first, second = start(name="first"), start(name="second")
    array = Array(tmp_path).add("one", "s3", dolium(first, bucket="bbb")).add("two", "s3", dolium(second, bucket="bbb"))
    array.directory("disk", tmp_path / "disk")
    content = os.urandom(MIB)
    array.expect(0, "put", "-", "object", stdin=content)
    time.sleep(1.1)
    flipped = bytes([content[0] ^ 1]) + content[1:]
    # A directory has no checksums: its listing says nothing, its bytes do.
    path = tmp_path / "disk/object"
    at = path.stat().st_mtime
    path.write_bytes(flipped)
    os.utime(path, (at, at))
    array.expect(0, "check")
    assert array.get("object", tmp_path) == content
    assert "disk" in array.expect(1, "check", "--read").out
    # It says that it is as old as the others; that two agree against one is no proof either.
    assert "tie between" in array.expect(1, "repair", "--read").out
    array.expect(0, "repair", "--read", "--from", "one")
    assert path.read_bytes() == content
    # Another content of the same size in a bucket shows in its listing. The newest is right.
    time.sleep(1.1)
    s3_client(second.endpoint).put_object(Bucket="bbb", Key="object", Body=flipped)
    row = array.rows()["object"]
    assert (row["agree"], row["differs"]) == ("no", ["one"])
    # The disk's size fits both; it is asked for its bytes.
    array.expect(0, "repair", "--read")
    assert array.get("object", tmp_path) == flipped == path.read_bytes()


def test_a_get_leaves_a_liar(tmp_path: Path, start: Start) -> None:
    array = cloud_and(tmp_path, start())
    content = os.urandom(2 * MIB)
    array.expect(0, "put", "-", "object", stdin=content)
    path = tmp_path / "disk/object"
    at = path.stat().st_mtime
    path.write_bytes(bytes(len(content)))
    os.utime(path, (at, at))
    answer = array.expect(0, "get", "object", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == content
    assert "from cloud, verified" in answer.out and "disk: " in answer.err
    # Alone, the liar is at least caught where a checksum is known.
    array.expect(0, "--without", "cloud", "get", "object", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == bytes(len(content)), "nobody knows better"


def test_a_get_goes_on_with_another_service(tmp_path: Path, start: Start, wire: Callable[[int], Wire]) -> None:
    array = Array(tmp_path)
    wires = []
    for name in ("one", "two"):
        wires.append(wire(start(name=name).s3_port))
        endpoint = f"http://127.0.0.1:{wires[-1].port}"
        options = dolium(Server(tmp_path / "x"), bucket="bbb")
        array.add(name, "s3", {**options, "endpoint": endpoint})
    content = os.urandom(7 * MIB)
    array.expect(0, "put", "-", "object", stdin=content)
    for each in wires:
        each.cut_after = 5 * MIB
    answer = array.expect(0, "get", "object", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == content
    assert sorted(wire.cuts for wire in wires) == [0, 1]
    assert "verified" in answer.out and "broke off" in answer.err
    # To a pipe as well: what was sent is not sent again.
    assert array.expect(0, "get", "object", "-").code == 0


def test_a_tie_is_told_and_not_guessed(disks: Array, tmp_path: Path) -> None:
    disks.expect(0, "put", "-", "object", stdin=b"x")
    for name, content in (("a", b"one"), ("b", b"other")):
        (tmp_path / name / "object").write_bytes(content)
        os.utime(tmp_path / name / "object", (1_700_000_000, 1_700_000_000))
    assert "tie between a, b" in disks.expect(1, "check").out
    assert "tie between a, b" in disks.expect(1, "repair").out
    assert "--from" in disks.expect(2, "get", "object", "-").err
    assert (tmp_path / "a/object").read_bytes() == b"one"
    assert (tmp_path / "b/object").read_bytes() == b"other"
    assert disks.expect(0, "get", "--from", "b", "object", "-").out == "other"
    disks.expect(0, "repair", "--from", "b")
    assert (tmp_path / "a/object").read_bytes() == b"other"
    disks.expect(0, "check")


def test_the_newest_complete_copy_wins(tmp_path: Path, start: Start) -> None:
    array = cloud_and(tmp_path, start())
    array.expect(0, "put", "-", "object", stdin=b"old")
    time.sleep(1.1)
    (tmp_path / "disk/object").write_bytes(b"newer")
    assert "differs at cloud" in array.expect(1, "check").out
    assert "from disk to cloud" in array.expect(0, "repair").out
    assert array.get("object", tmp_path) == b"newer"
    # What is extra is copied too; nothing is deleted.
    (tmp_path / "disk/stray").write_bytes(b"stray")
    array.expect(0, "repair")
    assert set(array.rows()) == {"object", "stray"}
    # A lost service is left out by who knows that it is lost.
    third = Array(tmp_path, "test").add("gone", "s3", {"endpoint": "http://127.0.0.1:1", "access_key_id": "x", "secret_access_key": "x"})
    third.directory("disk", tmp_path / "disk").directory("new", tmp_path / "new")
    third.expect(1, "repair")
    third.expect(0, "--without", "gone", "init")
    third.expect(0, "--without", "gone", "repair")
    assert (tmp_path / "new/stray").read_bytes() == b"stray"


def intact(array: Array, tmp_path: Path, server: Server, wanted: tuple[bytes, ...]) -> None:
    """Each service has one whole content or another, and nothing else."""
    body = s3_client(server.endpoint).get_object(Bucket="mirror", Key="object")["Body"].read()
    assert body in wanted
    assert (tmp_path / "disk/object").read_bytes() in wanted
    assert set(array.rows()) == {"object"}


def slow_put(array: Array, tmp_path: Path, content: bytes, seconds: float, how: int) -> int:
    (tmp_path / "new").write_bytes(content)
    process = array.spawn("put", str(tmp_path / "new"), "object")
    time.sleep(seconds)
    process.send_signal(how)
    process.communicate(timeout=60)
    return process.returncode


def test_a_killed_put_leaves_no_half_object(
    tmp_path: Path, start: Start, wire: Callable[[int], Wire], rng: random.Random
) -> None:
    server = start()
    slow = wire(server.s3_port)
    slow.rate_up = 60 * MIB
    array = cloud_and(tmp_path, server)
    array.file.write_text(array.text.replace(server.endpoint, f"http://127.0.0.1:{slow.port}"))
    old = os.urandom(MIB)
    array.expect(0, "put", "-", "object", stdin=old)
    killed = 0
    for _ in range(6):
        new = os.urandom(64 * MIB)
        killed += slow_put(array, tmp_path, new, rng.uniform(0.1, 1.0), signal.SIGKILL) == -signal.SIGKILL
        intact(array, tmp_path, server, (old, new))
        array.expect(0, "put", "-", "object", stdin=old)
    assert killed > 0, "no put was killed"


def test_a_stopped_put_undoes_what_it_began(tmp_path: Path, start: Start, wire: Callable[[int], Wire]) -> None:
    server = start()
    slow = wire(server.s3_port)
    array = cloud_and(tmp_path, server)
    array.file.write_text(array.text.replace(server.endpoint, f"http://127.0.0.1:{slow.port}"))
    array.expect(0, "put", "-", "object", stdin=b"old")
    slow.rate_up = 20 * MIB
    assert slow_put(array, tmp_path, os.urandom(96 * MIB), 1.5, signal.SIGINT) == 2
    intact(array, tmp_path, server, (b"old",))
    assert list((tmp_path / "disk/.dolium-raid").iterdir()) == []
    assert "Uploads" not in s3_client(server.endpoint).list_multipart_uploads(Bucket="mirror")


def resident_peak(pid: int) -> float:
    """The most memory that a process had so far, in MiB; nothing when it just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def test_large_objects_pass_in_little_memory(tmp_path: Path, start: Start, webdav: Webdav) -> None:
    array = cloud_and(tmp_path, start()).add("webdav", "webdav", webdav.options())
    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(MIB))
    for words in (["put", str(large)], ["get", "large", str(tmp_path / "got")], ["check", "--read"]):
        process = array.spawn(*words)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, resident_peak(process.pid))
            time.sleep(0.01)
        assert process.returncode == 0, (words, process.communicate())
        print(f"{words[0]}: peak {peak:.0f} MiB")
        assert 5 < peak < 120, f"{words[0]} took {peak:.0f} MiB"
    assert (tmp_path / "got").read_bytes() == large.read_bytes()
