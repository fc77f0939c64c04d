"""Copies and moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .client import Pithos, root_of

DATA = b"data" * 700


@pytest.fixture
def d(alice: Pithos, name: Callable[[], str]) -> str:
    """Another container."""
    container = name()
    alice.make(container)
    return container


def words(method: str, source: str, target: str, **more: str) -> dict[str, object]:
    """Two ways to say one thing: how a request for a copy or a move looks."""
    more = {key.replace("_", "-"): value for key, value in more.items()}
    if method in ("COPY", "MOVE"):
        return {"method": method, "path": source, "headers": {"Destination": target, **more}}
    said = {method: source, "Content-Length": "0", **more}
    return {"method": "PUT", "path": target, "headers": said}


COPIES = ["COPY", "X-Copy-From"]
MOVES = ["MOVE", "X-Move-From"]


@pytest.mark.parametrize("way", COPIES)
def test_copy(alice: Pithos, c: str, d: str, way: str) -> None:
    alice.put(f"/{c}/o", DATA, a="1", b="2")
    before = alice.head(f"/{c}/o")
    said = {"X_Object_Meta_B": "", "X_Object_Meta_C": "3"}
    answer = alice.ask(**words(way, f"/{c}/o", f"/{d}/p", **said))
    assert answer.status_code == 201
    head = alice.head(f"/{d}/p")
    assert head["X-Object-Version"] == answer.headers["X-Object-Version"]
    assert head["X-Object-Hash"] == before["X-Object-Hash"] == root_of(DATA)
    assert head["X-Object-UUID"] != before["X-Object-UUID"]
    assert head["X-Object-Meta-A"] == "1" and head["X-Object-Meta-C"] == "3"
    assert "X-Object-Meta-B" not in head and head["Content-Type"] == before["Content-Type"]
    assert alice.head(f"/{c}/o")["X-Object-Version"] == before["X-Object-Version"]
    assert alice.get(f"/{d}/p") == DATA
    typed = words(way, f"/{c}/o", f"/{d}/q", Content_Type="text/x")
    assert alice.status(**typed) == 201
    assert alice.head(f"/{d}/q")["Content-Type"] == "text/x"
    assert alice.status(**typed, params={"ignore_content_type": ""}) == 201
    assert alice.head(f"/{d}/q")["Content-Type"] == before["Content-Type"]


@pytest.mark.parametrize("way", MOVES)
def test_move(alice: Pithos, c: str, d: str, way: str) -> None:
    alice.put(f"/{c}/o", DATA, a="1")
    uuid = alice.head(f"/{c}/o")["X-Object-UUID"]
    # In a header a path is encoded, in an address requests encodes it.
    target = "%CE%A0%20x" if way == "MOVE" else "Π x"
    answer = alice.ask(**words(way, f"/{c}/o", f"/{d}/{target}"))
    assert answer.status_code == 201 and answer.headers["X-Object-Version"].isdigit()
    assert alice.status("GET", f"/{c}/o") == 404
    assert alice.get(f"/{d}/Π x") == DATA
    assert alice.head(f"/{d}/Π x")["X-Object-UUID"] == uuid
    assert len(alice.versions(f"/{c}/o")) == 1
    assert alice.status("MOVE", f"/{c}/o", headers={"Destination": f"/{d}/p"}) == 404


def test_refused(alice: Pithos, bob: Pithos, c: str, d: str) -> None:
    alice.put(f"/{c}/o", DATA)
    for target in ("", "x", f"{d}/p", f"/{d}", f"/{d}/", "//p"):
        headers = {"Destination": target}
        assert alice.status("COPY", f"/{c}/o", headers=headers) == 400, target
    assert alice.status("COPY", f"/{c}/o") == 400
    assert alice.status("COPY", f"/{c}/o", headers={"Destination": "/missing/p"}) == 404
    assert alice.status("COPY", f"/{c}/missing", headers={"Destination": f"/{d}/p"}) == 404
    assert alice.status("COPY", "/missing/o", headers={"Destination": f"/{d}/p"}) == 404
    many = {f"X-Object-Meta-K{n}": "v" for n in range(33)}
    for method in ("COPY", "MOVE"):
        headers = {"Destination": f"/{d}/p", **many}
        assert alice.status(method, f"/{c}/o", headers=headers) == 400
        headers = {"Destination": f"/{d}/p"}
        assert bob.status(method, f"/{c}/o", headers=headers, account="alice") == 403
    headers = {"X-Copy-From": f"/{c}/o", "X-Source-Account": "alice", "Content-Length": "0"}
    bob.ask("PUT", "/bobs")
    assert bob.status("PUT", "/bobs/p", headers=headers) == 403
    assert alice.get(f"/{c}/o") == DATA and alice.names(f"/{d}") == []


def fill(alice: Pithos, c: str, count: int = 130) -> list[str]:
    for one in ("d", "da", "d.x"):
        alice.put(f"/{c}/{one}", one.encode(), of=one)
    names = [f"{n:03}" for n in range(count)]
    for one in names:
        alice.put(f"/{c}/d/{one}", one.encode(), of=one)
    return names


def test_copy_of_a_tree(alice: Pithos, c: str, d: str) -> None:
    names = fill(alice, c)
    headers = {"Destination": f"/{d}/e", "X-Object-Meta-New": "1"}
    assert alice.status("COPY", f"/{c}/d", params={"delimiter": "/"}, headers=headers) == 201
    assert alice.names(f"/{d}") == ["e", *[f"e/{one}" for one in names]]
    head = alice.head(f"/{d}/e/007")
    assert head["X-Object-Meta-Of"] == "007" and "X-Object-Meta-New" not in head
    assert alice.head(f"/{d}/e")["X-Object-Meta-New"] == "1"
    # Into itself: what it was, and no more.
    headers = {"Destination": f"/{d}/e/in"}
    assert alice.status("COPY", f"/{d}/e", params={"delimiter": "/"}, headers=headers) == 201
    found = alice.names(f"/{d}", prefix="e/in")
    assert found == ["e/in", *[f"e/in/{one}" for one in names]]
    assert alice.status("COPY", f"/{c}/missing", params={"delimiter": "/"}, headers=headers) == 404


def test_move_of_a_tree(alice: Pithos, c: str) -> None:
    names = fill(alice, c)
    headers = {"Destination": f"/{c}/d/in"}
    assert alice.status("MOVE", f"/{c}/d", params={"delimiter": "/"}, headers=headers) == 400
    headers = {"Destination": f"/{c}/e"}
    assert alice.status("MOVE", f"/{c}/d", params={"delimiter": "/"}, headers=headers) == 201
    assert alice.names(f"/{c}") == ["d.x", "da", "e", *[f"e/{one}" for one in names]]
    assert alice.get(f"/{c}/e/129") == b"129"


def test_onto_itself(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", DATA, a="1")
    before = alice.head(f"/{c}/o")
    headers = {"Destination": f"/{c}/o", "Content-Type": "application/directory"}
    assert alice.status("MOVE", f"/{c}/o", headers=headers) == 201
    head = alice.head(f"/{c}/o")
    assert head["Content-Type"] == "application/directory" and head["X-Object-Meta-A"] == "1"
    assert head["X-Object-UUID"] == before["X-Object-UUID"]
    assert alice.get(f"/{c}/o") == DATA


def test_an_old_version_brought_back(alice: Pithos, c: str) -> None:
    headers = {"Content-Type": "text/old", "X-Object-Meta-A": "old"}
    answer = alice.ask("PUT", f"/{c}/o", data=DATA, headers=headers)
    first = answer.headers["X-Object-Version"]
    uuid = alice.head(f"/{c}/o")["X-Object-UUID"]
    alice.put(f"/{c}/o", b"new")
    back = {"Destination": f"/{c}/o", "X-Source-Version": first}
    assert alice.status("COPY", f"/{c}/o", headers=back) == 201
    head = alice.head(f"/{c}/o")
    assert head["Content-Type"] == "text/old" and head["X-Object-Meta-A"] == "old"
    assert head["X-Object-UUID"] == uuid and alice.get(f"/{c}/o") == DATA
    alice.ok("DELETE", f"/{c}/o")
    assert alice.status("COPY", f"/{c}/o", headers={"Destination": f"/{c}/p"}) == 404
    assert alice.status("COPY", f"/{c}/o", headers=back) == 201
    assert alice.head(f"/{c}/o")["Content-Type"] == "text/old"
    assert alice.get(f"/{c}/o") == DATA
    back["X-Source-Version"] = "999999"
    assert alice.status("COPY", f"/{c}/o", headers=back) == 404


def test_into_blocks_of_another_length(alice: Pithos, c: str, name: Callable[[], str]) -> None:
    other = name()
    alice.ok("PUT", f"/{other}", headers={"X-Container-Block-Size": "2048"})
    data = bytes(range(256)) * 30
    alice.put(f"/{c}/o", data)
    assert alice.status("COPY", f"/{c}/o", headers={"Destination": f"/{other}/o"}) == 201
    assert alice.head(f"/{other}/o")["X-Object-Hash"] == root_of(data, 2048)
    assert alice.get(f"/{other}/o") == data
