"""Containers: made, described, changed, emptied, purged, removed."""

from __future__ import annotations

import time
from collections.abc import Callable

from .client import BYTES, Pithos, block_hash, fault


def test_made_twice(alice: Pithos, name: Callable[[], str]) -> None:
    c = name()
    assert alice.status("HEAD", f"/{c}") == 404
    many = {f"X-Container-Meta-K{n}": "v" for n in range(33)}
    assert alice.status("PUT", f"/{c}", headers=many) == 400
    assert alice.status("HEAD", f"/{c}") == 404
    assert alice.status("PUT", f"/{c}", headers={"X-Container-Meta-A": "1"}) == 201
    assert alice.status("PUT", f"/{c}", headers={"X-Container-Meta-B": "2"}) == 202
    head = alice.head(f"/{c}")
    assert head["X-Container-Meta-A"] == "1" and head["X-Container-Meta-B"] == "2"
    assert head["X-Container-Block-Size"] == "1024" and head["X-Container-Block-Hash"] == "sha256"
    assert head["X-Container-Policy-Versioning"] == "auto"
    assert head["X-Container-Policy-Quota"] == "0" and head["X-Container-Policy-Project"] == "alice"
    assert head["X-Container-Object-Count"] == "0" and head["X-Container-Object-Meta"] == ""


def test_metadata(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"123", foo_bar="1", quality="aaa")
    alice.put(f"/{c}/p", b"45", quality="bbb")
    alice.ok("POST", f"/{c}", headers={"X-Container-Meta-A": "1", "X-Container-Meta-B": "2"})
    alice.ok("POST", f"/{c}", params={"update": ""}, headers={"X-Container-Meta-A": ""})
    head = alice.head(f"/{c}")
    assert "X-Container-Meta-A" not in head and head["X-Container-Meta-B"] == "2"
    assert head["X-Container-Object-Count"] == "2" and head["X-Container-Bytes-Used"] == "5"
    assert head["X-Container-Object-Meta"] == "Foo-Bar,Quality"
    assert "X-Container-Until-Timestamp" not in head
    alice.ok("POST", f"/{c}")
    assert "X-Container-Meta-B" not in alice.head(f"/{c}")


def test_policy(alice: Pithos, c: str) -> None:
    def say(update: bool = True, **policy: str) -> int:
        headers = {f"X-Container-Policy-{key}": value for key, value in policy.items()}
        params = {"update": ""} if update else {}
        return alice.status("POST", f"/{c}", params=params, headers=headers)

    def policy() -> tuple[str, str]:
        head = alice.head(f"/{c}")
        return head["X-Container-Policy-Quota"], head["X-Container-Policy-Versioning"]

    assert say(quota="100") == 202
    assert policy() == ("100", "auto")
    assert say(versioning="none") == 202
    assert policy() == ("100", "none")
    assert say(update=False, quota="7") == 202
    assert policy() == ("7", "auto")
    assert say(quota="") == 202
    assert policy() == ("0", "auto")
    for bad in ({"quota": "x"}, {"quota": "-1"}, {"versioning": "maybe"}, {"colour": "red"}):
        assert say(**bad) == 400, bad


def test_quota(alice: Pithos, name: Callable[[], str]) -> None:
    c = name()
    alice.make(c, quota="100")
    alice.put(f"/{c}/o", b"x" * 100)
    answer = alice.ask("PUT", f"/{c}/p", data=b"x", headers={"Content-Type": BYTES})
    assert fault(answer) == ("requestEntityTooLarge", 413)
    assert "Container quota exceeded: limit: 100, usage: 101" in answer.text
    alice.put(f"/{c}/o", b"x" * 60)
    # A new name takes no more room than the old one.
    assert alice.status("MOVE", f"/{c}/o", headers={"Destination": f"/{c}/p"}) == 201
    assert alice.status("COPY", f"/{c}/p", headers={"Destination": f"/{c}/q"}) == 413
    assert alice.update(f"/{c}/p", "bytes */*", b"y" * 41).status_code == 413
    assert alice.update(f"/{c}/p", "bytes */*", b"y" * 40).status_code == 204
    alice.ok("POST", f"/{c}", params={"update": ""}, headers={"X-Container-Policy-Quota": "0"})
    alice.put(f"/{c}/r", b"x" * 101)


def test_block_length_of_its_own(alice: Pithos, name: Callable[[], str]) -> None:
    c = name()
    assert alice.status("PUT", f"/{c}", headers={"X-Container-Block-Size": "4096"}) == 201
    assert alice.head(f"/{c}")["X-Container-Block-Size"] == "4096"
    alice.put(f"/{c}/o", b"z" * 5000)
    assert alice.hashmap(f"/{c}/o")["block_size"] == 4096
    assert alice.hashmap(f"/{c}/o")["hashes"] == [block_hash(b"z" * 4096), block_hash(b"z" * 904)]
    for bad in ("0", "511", "4194305", "x"):
        assert alice.status("PUT", f"/{name()}", headers={"X-Container-Block-Size": bad}) == 400, bad


def test_removed(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"1")
    assert fault(alice.ask("DELETE", f"/{c}")) == ("conflict", 409)
    alice.ok("DELETE", f"/{c}/o")
    # History and marks of deletions go with it.
    assert alice.status("DELETE", f"/{c}") == 204
    assert alice.status("DELETE", f"/{c}") == 404
    assert alice.status("HEAD", f"/{c}") == 404


def test_emptied(alice: Pithos, c: str) -> None:
    names = [f"o{n:03}" for n in range(230)]
    for one in names:
        alice.put(f"/{c}/{one}")
    alice.put(f"/{c}/dir/x", b"1")
    assert alice.status("DELETE", f"/{c}", params={"delimiter": "/"}) == 204
    assert alice.names(f"/{c}") == []
    assert alice.head(f"/{c}")["X-Container-Object-Count"] == "0"
    assert len(alice.versions(f"/{c}/dir/x")) == 1


def test_purged(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/gone", b"1")
    alice.ok("DELETE", f"/{c}/gone")
    for data in (b"1", b"22", b"333"):
        alice.put(f"/{c}/o", data)
    assert len(alice.versions(f"/{c}/o")) == 3
    assert alice.status("DELETE", f"/{c}", params={"until": 1000000000}) == 204
    assert len(alice.versions(f"/{c}/o")) == 3
    time.sleep(1.1)
    assert alice.status("DELETE", f"/{c}", params={"until": int(time.time())}) == 204
    assert len(alice.versions(f"/{c}/o")) == 1 and alice.get(f"/{c}/o") == b"333"
    assert alice.status("GET", f"/{c}/gone") == 404
    assert alice.status("GET", f"/{c}/gone", params={"version": "list"}) == 404
    # What is no whole number is as if it were not there: clients delete containers so.
    alice.ok("DELETE", f"/{c}/o")
    assert alice.status("DELETE", f"/{c}", params={"until": f"{time.time():.2f}"}) == 204
    assert alice.status("HEAD", f"/{c}") == 404


def test_looking_back(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/a", b"11", old="1")
    alice.ok("POST", f"/{c}", headers={"X-Container-Meta-A": "old"})
    time.sleep(1.1)
    until = int(time.time())
    time.sleep(1.1)
    alice.put(f"/{c}/a", b"1", new="1")
    alice.put(f"/{c}/b", b"1")
    alice.ok("DELETE", f"/{c}/b")
    alice.ok("POST", f"/{c}", headers={"X-Container-Meta-A": "new"})
    head = alice.head(f"/{c}", params={"until": until})
    assert head["X-Container-Meta-A"] == "old" and head["X-Container-Object-Meta"] == "Old"
    assert head["X-Container-Object-Count"] == "1" and head["X-Container-Bytes-Used"] == "2"
    assert "X-Container-Until-Timestamp" in head
    assert alice.head(f"/{c}")["X-Container-Object-Meta"] == "New"
    assert alice.status("HEAD", f"/{c}", params={"until": 1000000000}) == 404


def test_dates(alice: Pithos, c: str) -> None:
    modified = alice.head(f"/{c}")["Last-Modified"]
    assert alice.status("HEAD", f"/{c}", headers={"If-Modified-Since": modified}) == 304
    assert alice.status("HEAD", f"/{c}", headers={"If-Unmodified-Since": modified}) == 204
    time.sleep(1.1)
    alice.put(f"/{c}/o", b"1")
    assert alice.status("HEAD", f"/{c}", headers={"If-Modified-Since": modified}) == 204
    assert alice.status("GET", f"/{c}", headers={"If-Unmodified-Since": modified}) == 412


def test_uploaded_blocks(alice: Pithos, c: str) -> None:
    answer = alice.upload_blocks(c, b"a" * 2500)
    assert answer.status_code == 202
    assert answer.json() == [block_hash(b"a" * 1024)] * 2 + [block_hash(b"a" * 452)]
    answer = alice.upload_blocks(c, b"q", params={"update": "", "format": "xml"})
    assert answer.text.endswith(f"<items><item>{block_hash(b'q')}</item></items>")
    # Another type is metadata, and so is no body.
    headers = {"Content-Type": f"{BYTES}; charset=x"}
    answer = alice.ask("POST", f"/{c}", params={"update": ""}, headers=headers, data=b"x")
    assert answer.status_code == 202 and not answer.content
    assert alice.upload_blocks("missing", b"x").status_code == 404
