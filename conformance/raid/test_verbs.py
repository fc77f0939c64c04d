"""What the verbs do while all services are well."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.clients import open_to_acls, s3_client
from harness.fixtures import Start

from .array import Array, dolium
from .services import Moto, Sftp, Webdav

MIB = 1 << 20


@pytest.fixture
def mixed(tmp_path: Path, start: Start, moto: Moto, webdav: Webdav, sftp: Sftp) -> Array:
    """Six services of four kinds and more makers."""
    array = Array(tmp_path, "mixed")
    array.add("one", "s3", dolium(start(name="one")))
    array.add("two", "s3", dolium(start(name="two"), root="below/here"))
    array.add("moto", "s3", moto.options(bucket="mine"))
    array.add("webdav", "webdav", webdav.options(root="raid"))
    array.add("sftp", "sftp", sftp.options())
    return array.directory("disk", tmp_path / "disk")


def test_objects_go_to_all_services_and_come_back(mixed: Array, tmp_path: Path, sftp: Sftp, webdav: Webdav) -> None:
    content = os.urandom(3 * MIB + 7)
    file = tmp_path / "photo.jpg"
    file.write_bytes(content)
    said = mixed.expect(0, "put", str(file), "2026/photo.jpg").out
    assert said == "2026/photo.jpg: 6 of 6 services\n"
    # Any tool of a service reads it under its own name.
    assert (tmp_path / "disk/2026/photo.jpg").read_bytes() == content
    assert (sftp.files / "raid/2026/photo.jpg").read_bytes() == content
    assert (webdav.files / "raid/2026/photo.jpg").read_bytes() == content
    row = mixed.rows()["2026/photo.jpg"]
    assert row["agree"] == "size" and row["len"] == len(content)
    assert [row["services"][name]["tag"] == "-" for name in mixed.names] == [False] * 3 + [True] * 3
    assert mixed.get("2026/photo.jpg", tmp_path) == content
    assert mixed.expect(0, "get", "2026/photo.jpg", "-").err.count("verified") == 1
    assert "6 objects" not in mixed.expect(0, "check").out
    assert "agree" in mixed.expect(0, "check", "--read").out
    # What the bytes say, the sizes need not.
    assert "as far as sizes tell" not in mixed.expect(0, "check", "--read").out
    mixed.expect(0, "rm", "2026/photo.jpg")
    assert mixed.rows() == {}
    assert mixed.expect(2, "get", "2026/photo.jpg", str(tmp_path / "none")).err.count("no service has it") == 1
    assert not (tmp_path / "none").exists()


def test_services_are_shown_and_tested(mixed: Array) -> None:
    assert mixed.run("status").code == 2, "nothing is made yet"
    tested = mixed.expect(0, "--json", "test").records()
    assert [record["service"] for record in tested] == mixed.names
    assert all(record["ok"] and set(record["millis"]) == {"write", "read", "list", "remove"} for record in tested)
    shown = {record["service"]: record for record in mixed.expect(0, "--json", "status").records()}
    assert all(record["ready"] for record in shown.values())
    # The name that nobody gave: array, and a hash of whose it is.
    assert re.search(r"s3://dolium-raid-mixed-[0-9a-f]{8}/ ", shown["one"]["place"]), shown["one"]
    assert shown["two"]["place"].split("/")[2] != shown["one"]["place"].split("/")[2]
    assert mixed.rows() == {}, "a test leaves nothing"


def test_checksums_agree_whatever_their_form(tmp_path: Path, start: Start, moto: Moto) -> None:
    array = Array(tmp_path).add("dolium", "s3", dolium(start())).add("moto", "s3", moto.options())
    for name, length in [("empty", 0), ("small", 5), ("part", 8 * MIB), ("parts", 20 * MIB + 1)]:
        (tmp_path / name).write_bytes(os.urandom(length))
        array.expect(0, "put", str(tmp_path / name))
        row = array.rows()[name]
        assert row["agree"] == "checksum", row
        assert ("-3" in row["services"]["moto"]["tag"]) == (name == "parts"), row
        assert array.get(name, tmp_path) == (tmp_path / name).read_bytes()
        assert "verified" in array.expect(0, "get", name, str(tmp_path / "again")).out
    # The same content in one piece has another tag: sizes are what is left.
    bucket = re.search(r"s3://([^/]+)/", array.expect(0, "status").out)[1]
    client = s3_client(start(name="other").endpoint)
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="parts", Body=(tmp_path / "parts").read_bytes())
    text = array.text.replace(re.search(r"http://127.0.0.1:\d+", array.text)[0], client.meta.endpoint_url)
    array.file.write_text(text.replace("[service.options]\n", f'[service.options]\nbucket = "{bucket}"\n', 1))
    assert array.rows()["parts"]["agree"] == "size"
    assert "size" in array.run("ls", "parts").out


KEYS = [
    "plain",
    "with space",
    "a//b",
    "/leading",
    "trailing/",
    "ünï/cødé/☃",
    "100%",
    "%",
    "per%20cent+plus&and?what#hash",
    "quote'\"<xml>&amp;",
    "back\\slash",
    "..dots../...",
    "x" * 255,
    "deep/" * 20 + "end",
]


def test_keys_stay_what_they_are(mixed: Array, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for at, key in enumerate(KEYS):
        file.write_bytes(f"{at}:{key}".encode())
        answer = mixed.run("put", str(file), key)
        # The last word ends in a slash: the file's name goes below it.
        expected = key + "file" if key.endswith("/") else key
        assert (answer.code, answer.err) == (0, ""), (key, answer)
        assert answer.out.startswith(expected), answer
    stored = [key + "file" if key.endswith("/") else key for key in KEYS]
    mixed.expect(0, "put", "-", "end/slash", stdin=b"x")
    rows = mixed.rows()
    assert sorted(rows) == sorted([*stored, "end/slash"], key=lambda key: key.encode())
    assert [row for row in rows.values() if row["agree"] != "size"] == []
    for at, key in enumerate(KEYS):
        assert mixed.get(stored[at], tmp_path) == f"{at}:{key}".encode(), key
    assert list(mixed.rows("a/")) == ["a//b"]
    mixed.expect(0, "rm", *stored, "end/slash")
    assert mixed.rows() == {}
    assert [path for path in (tmp_path / "disk").iterdir()] == [tmp_path / "disk/.dolium-raid"]


def test_dangerous_keys_are_refused_everywhere(disks: Array, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    before = sorted(tmp_path.iterdir())
    for key in ["..", "../up", "a/../../up", "a/..", ".", ".dolium-raid/x", "k" * 1025]:
        for words in (["put", str(tmp_path / "file"), key], ["get", key, "-"], ["rm", key]):
            assert disks.run(*words).code == 2, words
    assert sorted(tmp_path.iterdir()) == before


def test_a_tree_standard_input_and_prefixes(disks: Array, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("one", "sub/two", "sub/deep/three"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    disks.expect(2, "put", str(tree))
    disks.expect(0, "put", "-r", str(tree))
    disks.expect(0, "put", "-r", str(tree), "copy")
    disks.expect(0, "put", "--prefix", "flat/", str(tree / "one"), str(tree / "sub/two"))
    disks.expect(0, "put", "-", "piped", stdin=b"through a pipe" * 100_000)
    assert list(disks.rows()) == [
        *[f"copy/{name}" for name in ("one", "sub/deep/three", "sub/two")],
        "flat/one",
        "flat/two",
        "piped",
        *[f"tree/{name}" for name in ("one", "sub/deep/three", "sub/two")],
    ]
    assert disks.get("copy/sub/two", tmp_path) == b"sub/two"
    assert disks.get("piped", tmp_path) == b"through a pipe" * 100_000
    # What cannot be put is told; the rest is put.
    (tree / os.fsdecode(b"\xff")).write_text("no text")
    (tree / "last").write_text("last")
    assert "no text" in disks.expect(1, "put", "-r", str(tree), "more").err
    assert "more/last" in disks.rows()


def test_access_is_set_where_it_can_be(tmp_path: Path, start: Start) -> None:
    server = start()
    array = Array(tmp_path).add("cloud", "s3", dolium(server, bucket="shown")).directory("disk", tmp_path / "d")
    array.expect(0, "put", "-", "page.html", stdin=b"<p>hello</p>")
    open_to_acls(s3_client(server.endpoint), "shown")
    url = f"{server.endpoint}/shown/page.html"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url)
    said = array.expect(0, "acl", "page.html", "public-read").out
    assert "1 of 2" in said and "disk: acl: unsupported: not supported" in said
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"<p>hello</p>" and answer.headers["content-type"] == "text/html"
    array.expect(0, "acl", "page.html", "private")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url)
    # No service can: that is a failure.
    array.expect(2, "--without", "cloud", "acl", "page.html", "private")
    array.expect(2, "acl", "absent", "private")


def test_all_is_removed_only_when_somebody_is_sure(disks: Array, tmp_path: Path) -> None:
    for name in ("x", "y/z"):
        disks.expect(0, "put", "-", name, stdin=b"x")
    (tmp_path / "b/x").unlink()
    assert "--yes" in disks.expect(2, "rm", "--all").err
    assert len(disks.rows()) == 2
    assert disks.expect(0, "rm", "--all", "--yes").out == "a: 2 objects removed\nb: 1 objects removed\n"
    assert disks.rows() == {}


def test_mistakes_are_told(tmp_path: Path) -> None:
    one = Array(tmp_path, "one").directory("a", tmp_path / "a")
    assert "2 to 16 services" in one.expect(2, "ls").err
    plain = Array(tmp_path, "plain", layout="plain").directory("a", tmp_path / "p")
    plain.expect(0, "put", "-", "alone", stdin=b"x")
    assert plain.rows()["alone"]["agree"] == "checksum"
    bad = Array(tmp_path, "bad").directory("a", tmp_path / "a").add("b", "s3", {"buckt": "x"})
    assert "buckt" in bad.expect(2, "ls").err
    memory = Array(tmp_path, "memory", layout="plain").add("m", "memory", {})
    assert "keeps nothing" in memory.expect(2, "ls").err
