"""Updates: bytes within an object, at its end, from another object; and what is cut off."""

from __future__ import annotations

import os
import random

import pytest

from .client import BLOCK, BYTES, Pithos, hashes_of, root_of


def same(alice: Pithos, path: str, data: bytes) -> None:
    """The object has these bytes, and their names."""
    assert alice.get(path) == data
    head = alice.head(path)
    assert head["X-Object-Hash"] == root_of(data) and head["Content-Length"] == str(len(data))
    if data:
        assert alice.hashmap(path)["hashes"] == hashes_of(data)


def test_random_updates(alice: Pithos, c: str) -> None:
    random.seed(7)
    data = os.urandom(5 * BLOCK + 77)
    alice.put(f"/{c}/o", data)
    for _ in range(25):
        first = random.choice([0, BLOCK, 2 * BLOCK, random.randrange(len(data) + 1)])
        new = os.urandom(random.choice([1, 100, BLOCK, 2 * BLOCK, 3000]))
        header = random.choice(
            [f"bytes {first}-{first + len(new) - 1}/*", f"bytes {first}-/*"]
        )
        answer = alice.update(f"/{c}/o", header, new)
        assert answer.status_code == 204, answer.text
        data = data[:first] + new + data[first + len(new) :]
        assert answer.headers["ETag"] == root_of(data)
        same(alice, f"/{c}/o", data)


def test_append(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o")
    data = b""
    for n in range(6):
        piece = os.urandom(400 * n + 1)
        assert alice.update(f"/{c}/o", "bytes */*", piece).status_code == 204
        data += piece
    same(alice, f"/{c}/o", data)

    def chunks() -> object:
        yield b"a" * 700
        yield b"b" * 700

    assert alice.update(f"/{c}/o", "bytes */*", chunks()).status_code == 204  # type: ignore[arg-type]
    same(alice, f"/{c}/o", data + b"a" * 700 + b"b" * 700)


@pytest.mark.parametrize(
    ("header", "data", "status"),
    [
        ("bytes 0-4/2560", b"12345", 204), ("bytes 2555-2559/2560", b"12345", 204),
        ("bytes 2560-2564/*", b"12345", 204), ("bytes 2561-2565/*", b"12345", 416),
        ("bytes 0-4/2559", b"12345", 416), ("bytes 2558-2562/2560", b"12345", 416),
        ("bytes 2558-/2560", b"12345", 416), ("bytes 4-0/*", b"12345", 416),
        ("bytes 0-5/*", b"12345", 400), ("bytes=0-4", b"12345", 416), ("nonsense", b"1", 416),
        ("bytes 0-18446744073709551615/*", b"1", 416), ("bytes 2560-2564/2560", b"12345", 416),
    ],
)
def test_ranges(alice: Pithos, c: str, header: str, data: bytes, status: int) -> None:
    alice.put(f"/{c}/o", b"x" * 2560)
    assert alice.update(f"/{c}/o", header, data).status_code == status


def test_refused(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"x" * 100)
    headers = {"Content-Type": BYTES}
    assert alice.status("POST", f"/{c}/o", headers=headers, data=b"x") == 400
    assert alice.update(f"/{c}/missing", "bytes */*", b"x").status_code == 404
    assert alice.update(f"/{c}/o", "bytes */*", b"x", X_Object_Bytes="x").status_code == 400
    source = {"X_Source_Object": f"{c}/o"}
    assert alice.update(f"/{c}/o", "bytes */*", **source).status_code == 400
    source["X_Source_Object"] = f"/{c}/missing"
    assert alice.update(f"/{c}/o", "bytes */*", **source).status_code == 404
    same(alice, f"/{c}/o", b"x" * 100)


def test_metadata_of_updates(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"x", a="1")
    uuid = alice.head(f"/{c}/o")["X-Object-UUID"]
    alice.update(f"/{c}/o", "bytes */*", b"y", X_Object_Meta_B="2")
    head = alice.head(f"/{c}/o")
    assert (head["X-Object-Meta-A"], head["X-Object-Meta-B"]) == ("1", "2")
    assert head["X-Object-UUID"] == uuid and head["Content-Type"] == BYTES
    headers = {"Content-Type": BYTES, "Content-Range": "bytes */*"}
    alice.ok("POST", f"/{c}/o", headers=headers, data=b"z")
    assert "X-Object-Meta-A" not in alice.head(f"/{c}/o")
    same(alice, f"/{c}/o", b"xyz")
    assert len(alice.versions(f"/{c}/o")) == 3


def test_from_another_object(alice: Pithos, c: str) -> None:
    source, data = os.urandom(3000), os.urandom(2500)
    alice.put(f"/{c}/source", source)
    alice.put(f"/{c}/o", data)
    alice.put(f"/{c}/empty")
    said = {"X_Source_Object": f"/{c}/source"}
    assert alice.update(f"/{c}/empty", "bytes */*", **said).status_code == 204
    same(alice, f"/{c}/empty", source)
    # The range says where it goes; the bytes are the source's first.
    assert alice.update(f"/{c}/o", "bytes 100-299/*", **said).status_code == 204
    data = data[:100] + source[:200] + data[300:]
    same(alice, f"/{c}/o", data)
    assert alice.update(f"/{c}/o", f"bytes {BLOCK}-/*", **said).status_code == 204
    same(alice, f"/{c}/o", data[:BLOCK] + source)
    assert alice.update(f"/{c}/o", "bytes 0-3000/*", **said).status_code == 400


def test_cut_off(alice: Pithos, c: str) -> None:
    data = os.urandom(5 * BLOCK)
    for length in (5 * BLOCK, 3 * BLOCK + 7, 2 * BLOCK, 10, 0):
        alice.put(f"/{c}/o", data)
        said = {"X_Source_Object": f"/{c}/o", "X_Object_Bytes": str(length)}
        assert alice.update(f"/{c}/o", "bytes 0-0/*", **said).status_code == 204
        same(alice, f"/{c}/o", data[:length])
    alice.put(f"/{c}/o", data)
    answer = alice.update(f"/{c}/o", "bytes 0-9/*", b"0123456789", X_Object_Bytes="1000")
    assert answer.status_code == 204
    same(alice, f"/{c}/o", b"0123456789" + data[10:1000])


def test_an_old_version_brought_back(alice: Pithos, c: str) -> None:
    old, new = os.urandom(2500), os.urandom(4000)
    first = alice.put(f"/{c}/o", old).headers["X-Object-Version"]
    alice.put(f"/{c}/o", new)
    said = {"X_Source_Object": f"/{c}/o", "X_Source_Version": first}
    assert alice.update(f"/{c}/o", "bytes 0-/*", **said).status_code == 204
    same(alice, f"/{c}/o", old + new[2500:])
    assert alice.update(f"/{c}/o", "bytes 0-/*", X_Object_Bytes="2500", **said).status_code == 204
    same(alice, f"/{c}/o", old)
