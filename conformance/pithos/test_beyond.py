"""What the reference does not have: conditional deletion, changes, blocks by name, restoring a container."""

from __future__ import annotations

import os
import threading
import time

from harness.server import Server

from .client import Pithos, block_hash, fault, root_of
from .conftest import SECRET


def test_conditional_deletion(alice: Pithos, c: str) -> None:
    etag = alice.put(f"/{c}/o", b"1").headers["ETag"]
    assert alice.status("DELETE", f"/{c}/o", headers={"If-Match": "x"}) == 412
    assert alice.status("DELETE", f"/{c}/o", headers={"If-None-Match": etag}) == 412
    assert alice.status("DELETE", f"/{c}/o", headers={"If-Match": etag}) == 204
    assert alice.status("DELETE", f"/{c}/o", headers={"If-Match": etag}) == 412


def test_changes(alice: Pithos, bob: Pithos, c: str) -> None:
    def changes(cursor: str = "", **params: str) -> dict[str, object]:
        return dict(alice.ok("GET", f"/{c}", params={"changes": cursor, **params}).json())

    start = changes()
    assert start["changes"] == []
    version = alice.put(f"/{c}/a", b"1").headers["X-Object-Version"]
    alice.put(f"/{c}/b", b"1")
    alice.ok("DELETE", f"/{c}/a")
    page = changes(str(start["cursor"]))
    seen = [(one["name"], one["change"]) for one in page["changes"]]  # type: ignore[union-attr, index]
    assert seen == [("a", "put"), ("b", "put"), ("a", "delete")] and page["more"] is False
    assert str(page["changes"][0]["x_object_version"]) == version  # type: ignore[index]
    first = changes(str(start["cursor"]), limit="1")
    assert first["more"] is True
    rest = changes(str(first["cursor"]))
    assert len(rest["changes"]) == 2  # type: ignore[arg-type]
    assert changes(str(page["cursor"]))["changes"] == []
    assert bob.status("GET", f"/{c}", params={"changes": ""}, account="alice") == 403
    for bad in ("x", "1", "-1.2", "1.x"):
        assert alice.status("GET", f"/{c}", params={"changes": bad}) == 400, bad
    number = str(start["cursor"]).split(".")[0]
    for gone in (f"{number}.999999", "999999.1"):
        assert fault(alice.ask("GET", f"/{c}", params={"changes": gone})) == ("gone", 410)


def test_waiting_for_changes(alice: Pithos, c: str) -> None:
    cursor = alice.ok("GET", f"/{c}", params={"changes": ""}).json()["cursor"]
    began = time.monotonic()
    params = {"changes": cursor, "wait": "1"}
    assert alice.ok("GET", f"/{c}", params=params).json()["changes"] == []
    assert 0.9 < time.monotonic() - began < 10
    late = threading.Timer(0.5, lambda: alice.put(f"/{c}/o", b"1"))
    late.start()
    page = alice.ok("GET", f"/{c}", params={"changes": cursor, "wait": "30"}).json()
    late.join()
    assert [one["name"] for one in page["changes"]] == ["o"]
    assert time.monotonic() - began < 25


def test_blocks_by_name(alice: Pithos, bob: Pithos, c: str) -> None:
    data = os.urandom(1024)
    alice.put(f"/{c}/o", data)
    params = {"block": block_hash(data)}
    answer = alice.ok("GET", f"/{c}", params=params)
    assert answer.content == data and answer.headers["ETag"] == block_hash(data)
    assert alice.head(f"/{c}", params=params)["Content-Length"] == "1024"
    assert bob.status("GET", f"/{c}", params=params, account="alice") == 403
    assert alice.status("GET", f"/{c}", params={"block": "11" * 32}) == 404
    assert alice.status("GET", f"/{c}", params={"block": "x"}) == 400
    assert alice.ok("GET", f"/{c}", params={"block": block_hash(b"")}).content == b""


def test_a_container_restored(alice: Pithos, c: str) -> None:
    for n in range(250):
        alice.put(f"/{c}/{n:03}", b"old%d" % n, n=str(n))
    time.sleep(0.01)
    at = f"{time.time():.6f}"
    time.sleep(0.01)
    alice.put(f"/{c}/000", b"new")
    alice.ok("POST", f"/{c}/001", headers={"X-Object-Meta-Other": "1"})
    alice.ok("DELETE", f"/{c}/002")
    alice.put(f"/{c}/late", b"1")
    answer = alice.ask("POST", f"/{c}", params={"restore": at})
    assert answer.status_code == 202 and answer.json() == {"written": 3, "deleted": 1}
    assert alice.names(f"/{c}") == [f"{n:03}" for n in range(250)]
    assert alice.get(f"/{c}/000") == b"old0" and alice.get(f"/{c}/002") == b"old2"
    head = alice.head(f"/{c}/001")
    assert head["X-Object-Meta-N"] == "1" and "X-Object-Meta-Other" not in head
    assert alice.head(f"/{c}/000")["X-Object-Hash"] == root_of(b"old0")
    # History is not rewritten, and asking again changes nothing.
    assert len(alice.versions(f"/{c}/000")) == 3
    answer = alice.ask("POST", f"/{c}", params={"restore": at})
    assert answer.json() == {"written": 0, "deleted": 0}
    for bad in ("", "x", "-1", str(int(time.time()) + 1000), "1000000000"):
        assert alice.status("POST", f"/{c}", params={"restore": bad}) == 400, bad


def test_recovered(own_server: Server, tmp_path: object) -> None:
    """What was said of accounts and containers, then and now, comes back from the array."""
    from harness.server import forget_except

    alice = Pithos.of(own_server, "alice", SECRET)
    alice.make("c", quota="7000")
    alice.ok("POST", "", headers={"X-Account-Meta-A": "old"})
    alice.ok("POST", "/c", headers={"X-Container-Meta-A": "old"})
    alice.put("/c/o", b"x" * 3000, a="1")
    uuid = alice.head("/c/o")["X-Object-UUID"]
    time.sleep(1.1)
    until = int(time.time())
    time.sleep(1.1)
    alice.ok("POST", "", headers={"X-Account-Meta-A": "new"})
    alice.ok("POST", "/c", params={"update": ""}, headers={"X-Container-Meta-A": "new"})
    key = own_server.recovery_key.read_bytes()
    own_server.stop()
    forget_except(own_server.data_dir)
    key_file = own_server.data_dir.with_name("key")
    key_file.write_bytes(key)
    from harness.server import run_binary

    words = ["recover", "--config", str(own_server.config), "--recovery-key", str(key_file)]
    done = run_binary(*words, "--data-dir", str(own_server.data_dir))
    assert done.code == 0, done.text
    own_server.start()
    alice = Pithos.of(own_server, "alice", SECRET)
    assert alice.head(params={"until": until})["X-Account-Meta-A"] == "old"
    assert alice.head()["X-Account-Meta-A"] == "new"
    assert alice.head("/c", params={"until": until})["X-Container-Meta-A"] == "old"
    head = alice.head("/c")
    assert head["X-Container-Meta-A"] == "new" and head["X-Container-Block-Size"] == "1024"
    assert head["X-Container-Policy-Quota"] == "7000"
    head = alice.head("/c/o")
    assert head["X-Object-UUID"] == uuid and head["X-Object-Hash"] == root_of(b"x" * 3000)
