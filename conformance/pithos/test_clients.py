"""What real clients send, request by request."""

from __future__ import annotations

import json
import os
import time

from .client import BYTES, Pithos, block_hash, hashes_of, root_of


def upload_object(alice: Pithos, c: str, path: str, data: bytes, etag: str | None = None) -> int:
    """An upload as kamaki does it: the hash map first, then what is missing, then the map again."""
    head = alice.head(f"/{c}")
    block = int(head["x-container-block-size"])
    assert head["x-container-block-hash"] == "sha256"
    hashes = hashes_of(data, block)
    blocks = {name: data[at * block : (at + 1) * block] for at, name in enumerate(hashes)}
    headers = {"Content-Type": BYTES, "X-Object-Public": "False"}
    if etag:
        headers["If-Match"] = etag
    for _ in range(7):
        body = json.dumps({"bytes": len(data), "hashes": hashes})
        params = {"hashmap": "True", "format": "json"}
        answer = alice.ask("PUT", f"/{c}/{path}", params=params, headers=headers, data=body)
        if answer.status_code != 409:
            return answer.status_code
        for name in json.loads(answer.text):
            params = {"update": "", "format": "json"}
            sent = {"Content-Type": BYTES, "Content-Length": str(len(blocks[name]))}
            posted = alice.ask("POST", f"/{c}", params=params, headers=sent, data=blocks[name])
            assert posted.status_code == 202 and json.loads(posted.text)[0] == name
    raise AssertionError("blocks are missing for ever")


def download_object(alice: Pithos, c: str, path: str) -> bytes:
    """A download as kamaki does it: the hash map, then each distinct block."""
    params = {"format": "json", "hashmap": "True"}
    found = alice.ok("GET", f"/{c}/{path}", params=params).json()
    block, size = found["block_size"], found["bytes"]
    blocks: dict[str, bytes] = {}
    out = b""
    for at, name in enumerate(found["hashes"]):
        if size == 0:
            break
        if name not in blocks:
            last = min((at + 1) * block, size) - 1
            headers = {"Range": f"bytes={at * block}-{last}", "If-Range": ""}
            answer = alice.ask("GET", f"/{c}/{path}", params={"format": "json"}, headers=headers)
            assert answer.status_code in (200, 206)
            blocks[name] = answer.content
            assert block_hash(answer.content) == name
        out += blocks[name]
    return out


def test_kamaki_up_and_down(alice: Pithos, c: str) -> None:
    for path, data in (
        ("empty", b""), ("small", b"x"), ("sparse", bytes(42 * 1024)),
        ("large", os.urandom(20_000)), ("double", b"ab" * 5000),
    ):
        assert upload_object(alice, c, path, data) == 201
        assert alice.head(f"/{c}/{path}")["x-object-hash"] == root_of(data)
        assert download_object(alice, c, path) == data


def test_kamaki_conditional_upload(alice: Pithos, c: str) -> None:
    assert upload_object(alice, c, "o", b"1") == 201
    assert upload_object(alice, c, "o", os.urandom(9), etag="nonsense") == 412
    assert upload_object(alice, c, "o", os.urandom(9), etag=root_of(b"1")) == 201


def test_kamaki_deletes_a_container(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"1")
    assert alice.status("DELETE", f"/{c}", params={"delimiter": "/"}) == 204
    assert alice.status("DELETE", f"/{c}", params={"until": str(time.time())}) == 204
    assert alice.status("HEAD", f"/{c}") == 404


def test_kamaki_copies(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"1")
    headers = {"Destination": f"/{c}/p", "X-Object-Public": "False", "Content-Length": "0"}
    assert alice.status("COPY", f"/{c}/o", params={"format": "json"}, headers=headers) == 201
    headers = {"X-Move-From": f"/{c}/p", "X-Object-Public": "False", "Content-Length": "0"}
    assert alice.status("PUT", f"/{c}/q", params={"format": "json"}, headers=headers) == 201
    assert alice.names(f"/{c}") == ["o", "q"]


def test_agkyra(alice: Pithos, c: str) -> None:
    def state() -> dict[str, tuple[str, str, str]]:
        return {
            one["name"]: (one["x_object_hash"], one["content_type"], one["last_modified"])
            for one in alice.listed(f"/{c}")
        }

    def put(data: bytes, **headers: str) -> int:
        said = {key.replace("_", "-"): value for key, value in headers.items()}
        return alice.status("PUT", f"/{c}/f", data=data, headers={"Content-Type": BYTES, **said})

    assert put(b"1", If_None_Match="*") == 201
    assert put(b"2", If_None_Match="*") == 412
    first = state()["f"]
    assert put(b"2", If_Match=first[0]) == 201
    second = state()["f"]
    assert second[2] > first[2] and second[0] == root_of(b"2")
    assert put(b"3", If_Match=first[0]) == 412
    headers = {"Destination": f"/{c}/.tmp", "If-Match": first[0]}
    assert alice.status("MOVE", f"/{c}/f", headers=headers) == 412
    headers["If-Match"] = second[0]
    assert alice.status("MOVE", f"/{c}/f", headers=headers) == 201
    assert alice.status("DELETE", f"/{c}/.tmp") == 204
    assert state() == {}
