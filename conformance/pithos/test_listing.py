"""Listings of objects."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET

import pytest

from .client import Pithos, root_of

TREE = [
    "photos/animals/cats/persian.jpg", "photos/animals/dogs/poodle.jpg",
    "photos/animals/dogs/terrier.jpg", "photos/me.jpg", "photos/plants/fern.jpg",
    "photos/plants/rose.jpg", "zoo",
]


@pytest.fixture
def tree(alice: Pithos, c: str) -> str:
    for one in TREE:
        alice.put(f"/{c}/{one}", one.encode())
    return c


def test_pages(alice: Pithos, tree: str) -> None:
    assert alice.names(f"/{tree}") == TREE
    assert alice.names(f"/{tree}", limit=2) == TREE[:2]
    assert alice.names(f"/{tree}", marker="photos/me.jpg", limit=2) == TREE[4:6]
    assert alice.names(f"/{tree}", limit="x") == TREE
    assert alice.names(f"/{tree}", prefix="photos/p") == TREE[4:6]
    assert alice.names(f"/{tree}", prefix="/photos/p") == TREE[4:6]


def test_levels(alice: Pithos, tree: str) -> None:
    def level(prefix: str) -> list[str]:
        return alice.names(f"/{tree}", prefix=prefix, delimiter="/")

    assert alice.names(f"/{tree}", delimiter="/") == ["photos/", "zoo"]
    expected = ["photos/animals/", "photos/me.jpg", "photos/plants/"]
    assert level("photos") == expected and level("photos/") == expected
    assert level("photos/animals") == ["photos/animals/cats/", "photos/animals/dogs/"]
    assert alice.names(f"/{tree}", path="photos") == ["photos/me.jpg"]
    assert alice.names(f"/{tree}", path="/") == ["zoo"]
    assert alice.names(f"/{tree}", delimiter="/", limit=1) == ["photos/"]
    # A page goes on behind all of a directory.
    assert alice.names(f"/{tree}", delimiter="/", limit=1, marker="photos/") == ["zoo"]


def test_a_path_that_ends_with_the_delimiter_is_an_object(alice: Pithos, c: str) -> None:
    for one in ("dir", "trail/", "trail/x", "a/", "a/b/", "a/b/c"):
        alice.put(f"/{c}/{one}")
    assert alice.names(f"/{c}", delimiter="/") == ["a/", "a/", "dir", "trail/", "trail/"]
    listed = alice.listed(f"/{c}", delimiter="/", prefix="trail")
    assert [one["name"] for one in listed] == ["trail/", "trail/x"]
    assert alice.listed(f"/{c}", delimiter="/")[1] == {"subdir": "a/"}
    assert alice.names(f"/{c}", path="a") == ["a/", "a/b/"]


def test_entries(alice: Pithos, c: str) -> None:
    answer = alice.put(f"/{c}/o", b"x" * 1500)
    alice.put(f"/{c}/d/p")
    [subdir, entry] = alice.listed(f"/{c}", delimiter="/")
    assert subdir == {"subdir": "d/"}
    assert entry["name"] == "o" and entry["bytes"] == 1500
    assert entry["x_object_hash"] == root_of(b"x" * 1500) == answer.headers["ETag"]
    assert str(entry["x_object_version"]) == answer.headers["X-Object-Version"]
    assert entry["x_object_modified_by"] == "alice"
    assert entry["x_object_uuid"] == alice.head(f"/{c}/o")["X-Object-UUID"]
    seconds, decimals = entry["x_object_version_timestamp"].split(".")
    assert len(decimals) == 6 and abs(int(seconds) - time.time()) < 60
    assert entry["last_modified"].endswith("+00:00") and "x_object_sharing" not in entry
    root = ET.fromstring(alice.ok("GET", f"/{c}", params={"format": "xml", "delimiter": "/"}).text)
    assert root.tag == "container" and root.attrib == {"name": c}
    assert [one.tag for one in root] == ["subdir", "object"]
    assert root[0].attrib == {"name": "d/"} and root[1].findtext("name") == "o"
    headers = {"Accept": "application/json"}
    assert alice.ok("GET", f"/{c}", headers=headers).json()[1]["name"] == "o"


def test_terms(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/a", quality="aaa", stock="true", n="9")
    alice.put(f"/{c}/b", quality="bbb", n="10")
    alice.put(f"/{c}/c", stock="false")
    alice.put(f"/{c}/d/e", deep="1")

    def found(meta: str, **params: str) -> list[str]:
        return alice.names(f"/{c}", meta=meta, **params)

    for meta, expected in [
        ("quality", ["a", "b"]), ("Quality", ["a", "b"]), ("quality, stock", ["a", "b", "c"]),
        ("!quality", ["c", "d/e"]), ("quality=aaa", ["a"]), ("quality!=aaa", ["b"]),
        ("n>5", ["a"]), ("n<=10", ["b"]), ("stock, !quality", ["c"]), ("missing", []),
        ("quality>=aaa, stock=true", ["a"]), ("<, =", ["a", "b", "c", "d/e"]),
    ]:
        assert found(meta) == expected, meta
    # A directory is there when something below it is.
    assert found("deep", delimiter="/") == ["d/"] and found("n", delimiter="/") == ["a", "b"]
    assert found("quality", limit="1") == ["a"] and found("quality", marker="a") == ["b"]


def test_looking_back(alice: Pithos, c: str) -> None:
    for one in ("a", "b", "d/x", "e/x"):
        alice.put(f"/{c}/{one}", b"1")
    for _ in range(30):
        alice.put(f"/{c}/many", b"1")
    time.sleep(1.1)
    until = int(time.time())
    time.sleep(1.1)
    alice.put(f"/{c}/a", b"22")
    alice.put(f"/{c}/c", b"1")
    alice.put(f"/{c}/f/x", b"1")
    alice.ok("DELETE", f"/{c}/b")
    alice.ok("DELETE", f"/{c}/e/x")
    for _ in range(30):
        alice.put(f"/{c}/many", b"22")
    then = ["a", "b", "d/x", "e/x", "many"]
    assert alice.names(f"/{c}", until=until) == then
    assert alice.names(f"/{c}") == ["a", "c", "d/x", "f/x", "many"]
    listed = alice.listed(f"/{c}", until=until)
    assert [one["bytes"] for one in listed] == [1] * 5 and "last_modified" not in listed[0]
    assert alice.names(f"/{c}", until=until, delimiter="/") == ["a", "b", "d/", "e/", "many"]
    pages: list[str] = []
    while page := alice.names(f"/{c}", until=until, limit=1, marker=pages[-1] if pages else ""):
        pages += page
    assert pages == then


def test_empty(alice: Pithos, c: str) -> None:
    assert alice.status("GET", f"/{c}") == 204
    assert alice.ok("GET", f"/{c}", params={"format": "json"}).text == "[]"
