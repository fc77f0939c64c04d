"""Hash maps: objects put together from blocks, and nobody learns what others have."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import requests

from harness.server import Server

from .client import BLOCK, BYTES, ZERO, Pithos, block_hash, fault, hashes_of, root_of
from .conftest import SECRET


def test_upload(alice: Pithos, c: str) -> None:
    data = os.urandom(3 * BLOCK + 100)
    names = hashes_of(data)
    answer = alice.put_map(f"/{c}/o", len(data), [names[0], names[0], *names[1:]][:4])
    assert answer.status_code == 409
    # Each once, in the order of the map.
    assert json.loads(answer.text) == names[:3]
    assert alice.status("GET", f"/{c}/o") == 404
    assert alice.upload_blocks(c, data).json() == names
    headers = {"X-Object-Meta-A": "1", "Content-Type": "video/x", "ETag": "ignored"}
    answer = alice.put_map(f"/{c}/o", len(data), [name.upper() for name in names], headers=headers)
    assert answer.status_code == 201 and answer.headers["ETag"] == root_of(data)
    assert alice.get(f"/{c}/o") == data
    head = alice.head(f"/{c}/o")
    assert head["Content-Type"] == "video/x" and head["X-Object-Meta-A"] == "1"
    assert alice.hashmap(f"/{c}/o")["hashes"] == names


def test_sparse(alice: Pithos, c: str) -> None:
    block = os.urandom(BLOCK)
    alice.upload_blocks(c, block)
    names = [ZERO] * 20 + [block_hash(block)] + [ZERO] * 20
    answer = alice.put_map(f"/{c}/o", 41 * BLOCK, names)
    data = bytes(20 * BLOCK) + block + bytes(20 * BLOCK)
    assert answer.status_code == 201 and answer.headers["ETag"] == root_of(data)
    assert alice.get(f"/{c}/o") == data


def test_a_map_of_many_blocks(alice: Pithos, c: str) -> None:
    data = b"".join(n.to_bytes(4, "big") * 256 for n in range(1, 1501))
    names = hashes_of(data)
    assert alice.put_map(f"/{c}/o", len(data), names).json() == names
    assert alice.upload_blocks(c, data).json() == names
    answer = alice.put_map(f"/{c}/o", len(data), names)
    assert answer.status_code == 201 and answer.headers["ETag"] == root_of(data)
    assert alice.get(f"/{c}/o") == data


def test_the_length_governs(alice: Pithos, c: str) -> None:
    block = b"0123456789"
    alice.upload_blocks(c, block)
    answer = alice.put_map(f"/{c}/o", 4, [block_hash(block)])
    # What is named is what is shown.
    assert answer.status_code == 201 and answer.headers["ETag"] == root_of(b"0123")
    assert alice.get(f"/{c}/o") == b"0123"
    assert alice.hashmap(f"/{c}/o")["hashes"] == [block_hash(b"0123")]
    answer = alice.put_map(f"/{c}/p", 12, [block_hash(block)])
    assert alice.get(f"/{c}/p") == block + bytes(2)
    for hashes in ([], [ZERO]):
        assert alice.put_map(f"/{c}/empty", 0, hashes).status_code == 201
        assert alice.hashmap(f"/{c}/empty")["hashes"] == [ZERO]


def test_bad_maps(alice: Pithos, c: str) -> None:
    alice.upload_blocks(c, b"x")
    name = block_hash(b"x")
    for size, hashes in ((0, [name]), (1, []), (1025, [name]), (-1, []), (1, [name] * 2),
                         (10**30, [name]), (1, ["zz"]), (1, None), (1, "x"), ("x", [name])):
        answer = alice.put_map(f"/{c}/o", size, hashes)  # type: ignore[arg-type]
        assert fault(answer)[1] == 400, (size, hashes)
    assert alice.put_map(f"/{c}/o", "1", [name]).status_code == 201  # type: ignore[arg-type]
    assert json.loads(alice.put_map(f"/{c}/o", 1, ["ABCD"]).text) == ["abcd"]
    for body in ("", "[]", "{}", "<hashmap/>", '{"bytes": 1}', "{" * 10000, "\xff"):
        answer = alice.ask("PUT", f"/{c}/o", params={"hashmap": ""}, data=body.encode("latin-1"),
                           headers={"Content-Type": BYTES})
        assert answer.status_code == 400, body[:20]
    assert alice.put_map("/missing/o", 1, [name]).status_code == 404
    assert alice.put_map(f"/{c}/o", 2, ["11" * 32], headers={"If-Match": "x"}).status_code == 412


def test_a_name_is_no_content(alice: Pithos, bob: Pithos, c: str, name: Callable[[], str]) -> None:
    secret = os.urandom(BLOCK)
    alice.put(f"/{c}/secret", secret)
    theirs = name()
    bob.make(theirs)
    # Bob knows the name; to him the block is missing, as one that nobody has.
    names = [block_hash(secret), block_hash(os.urandom(9))]
    assert json.loads(bob.put_map(f"/{theirs}/o", 2 * BLOCK, names).text) == names
    assert bob.status("GET", f"/{theirs}", params={"block": names[0]}) == 404
    bob.upload_blocks(theirs, secret)
    assert bob.put_map(f"/{theirs}/o", BLOCK, names[:1]).status_code == 201
    assert bob.get(f"/{theirs}/o") == secret
    # Whoever has it need not upload it again.
    assert alice.put_map(f"/{c}/again", BLOCK, names[:1]).status_code == 201


def test_uploaded_blocks_outlive_a_restart(own_server: Server) -> None:
    alice = Pithos.of(own_server, "alice", SECRET)
    alice.make("c")
    data = os.urandom(5 * BLOCK)
    alice.upload_blocks("c", data)
    own_server.restart()
    assert alice.put_map("/c/o", len(data), hashes_of(data)).status_code == 201
    own_server.cli_ok("collect")
    assert alice.get("/c/o") == data


def test_xml(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"x")
    answer = alice.ok("GET", f"/{c}/o", params={"hashmap": "", "format": "xml"})
    assert answer.text.endswith(
        f'<object name="o" bytes="1" block_size="1024" block_hash="sha256">'
        f"<hash>{block_hash(b'x')}</hash></object>"
    )
    # The object's type, and the end of its name says nothing.
    alice.put(f"/{c}/f.xml", b"x")
    assert alice.ok("GET", f"/{c}/f.xml", params={"hashmap": "True"}).json()["bytes"] == 1


def test_uploaded_blocks_count_against_the_quota(own_server: Server) -> None:
    chuck = Pithos.of(own_server, "chuck", SECRET)
    root = Pithos.of(own_server, "root", SECRET)
    home = chuck.root.split("/pithos/")[0]
    chuck.make("c")
    headers = {"X-Auth-Token": root.token, "X-Account-Quota-Bytes": str(5 * BLOCK)}
    answer = requests.post(f"{home}/v1/AUTH_chuck", headers=headers, timeout=30)
    assert answer.status_code == 204, answer.text
    data = os.urandom(4 * BLOCK)
    assert chuck.upload_blocks("c", data).status_code == 202
    assert fault(chuck.upload_blocks("c", os.urandom(2 * BLOCK)))[1] == 413
    # The same blocks again are no more than they were; an object takes the place of its blocks.
    assert chuck.upload_blocks("c", data).status_code == 202
    assert chuck.put_map("/c/o", len(data), hashes_of(data)).status_code == 201
    assert chuck.upload_blocks("c", os.urandom(BLOCK)).status_code == 202
    assert chuck.upload_blocks("c", os.urandom(BLOCK)).status_code == 413
    assert chuck.get("/c/o") == data
