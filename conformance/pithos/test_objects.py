"""Objects: stored, read in ranges, under conditions, described."""

from __future__ import annotations

import hashlib
import time

import pytest

from .client import BLOCK, BYTES, ZERO, Pithos, fault, hashes_of, root_of

VECTORS = [
    (b"", ZERO),
    (b"hello", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    (b"ab" + bytes(6), "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"),
    (bytes(1000), ZERO),
    (bytes(1024) + b"q", "3d51fd26774a18a7a7f8a715aa8a52baf07d010fe60e3bb1f917fde836107f19"),
    (b"a" * 2500, "f2a7078a97c0167b503e2950219bff247254e1c2f1aa81a5955c78536d2c5fd5"),
    (
        b"".join(bytes([n]) * 1024 for n in range(1, 6)),
        "21d0f58d9278101ec4bc9efcb0413c0500e155bd939e5e1e748f5828797c358c",
    ),
]


@pytest.mark.parametrize(("data", "root"), VECTORS)
def test_roots_of_the_specification(alice: Pithos, c: str, data: bytes, root: str) -> None:
    answer = alice.put(f"/{c}/o", data)
    assert answer.headers["ETag"] == root == root_of(data)
    head = alice.head(f"/{c}/o")
    assert head["ETag"] == head["X-Object-Hash"] == root
    assert head["Content-Length"] == str(len(data))
    assert alice.get(f"/{c}/o") == data
    found = alice.hashmap(f"/{c}/o")
    assert found["hashes"] == (hashes_of(data) or [ZERO]) and found["bytes"] == len(data)
    assert found["block_size"] == BLOCK and found["block_hash"] == "sha256"


def test_a_root_of_blocks_of_4_mib(alice: Pithos) -> None:
    alice.ok("PUT", "/large", headers={"X-Container-Block-Size": str(4 << 20)})
    data = b"".join(bytes((7 * k + n) % 256 for k in range(256)) * 16384 for n in range(3))
    data = data[: 9 << 20]
    root = "28c69642bdf687f7e9f34ba3fae3139e7159183f29481610ff5a8a683ad639d3"
    assert alice.put("/large/o", data).headers["ETag"] == root


def test_a_list_of_many_nodes_has_a_root(alice: Pithos, c: str) -> None:
    data = b"".join(n.to_bytes(4, "big") * 256 for n in range(1, 2501))
    assert alice.put(f"/{c}/o", data).headers["ETag"] == root_of(data)
    assert alice.hashmap(f"/{c}/o")["hashes"] == hashes_of(data)
    answer = alice.update(f"/{c}/o", "bytes 1000000-1000009/*", b"0123456789")
    data = data[:1000000] + b"0123456789" + data[1000010:]
    assert answer.headers["ETag"] == root_of(data)
    assert alice.get(f"/{c}/o") == data


def test_headers(alice: Pithos, c: str) -> None:
    headers = {
        "Content-Type": "text/plain", "X-Object-Meta-a_B": "%CE%A0", "Content-Encoding": "gzip",
        "Content-Disposition": "attachment; filename=x",
    }
    answer = alice.ask("PUT", f"/{c}/o", data=b"data", headers=headers)
    assert answer.status_code == 201 and answer.headers["X-Object-Version"]
    head = alice.head(f"/{c}/o")
    for one in ("ETag", "Content-Length", "Content-Type", "Last-Modified", "X-Object-Hash",
                "X-Object-UUID", "X-Object-Version", "X-Object-Version-Timestamp"):
        assert head[one], one
    assert head["X-Object-Modified-By"] == "alice" and head["X-Object-Meta-A-B"] == "%CE%A0"
    assert head["Content-Encoding"] == "gzip" and head["Content-Type"] == "text/plain"
    assert head["Content-Disposition"] == "attachment; filename=x"


def test_refused_uploads(alice: Pithos, c: str) -> None:
    def put(data: bytes = b"x", path: str = f"/{c}/o", **headers: str) -> int:
        said = {"Content-Type": BYTES}
        said.update({key.replace("_", "-"): value for key, value in headers.items()})
        return alice.status("PUT", path, data=data, headers=said)

    assert alice.status("PUT", f"/{c}/o", data=b"x") == 411
    assert put(path="/missing/o") == 404
    assert put(ETag="123") == 422
    assert put(ETag=f'"{hashlib.md5(b"x").hexdigest().upper()}"') == 201
    assert put(X_Object_Manifest="x") == 400
    many = {f"X_Object_Meta_K{n}": "v" for n in range(33)}
    assert put(**many) == 400
    assert put(**{"X-Object-Meta-" + "k" * 114: "v" * 256}) == 201
    assert put(**{"X-Object-Meta-" + "k" * 115: "v"}) == 400
    assert put(X_Object_Meta_A="v" * 257) == 400

    def chunks() -> object:
        yield b"a" * 1500
        yield b"b" * 1500

    answer = alice.ask("PUT", f"/{c}/chunked", data=chunks(), headers={"Content-Type": BYTES})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == root_of(b"a" * 1500 + b"b" * 1500)


DATA = bytes(range(256)) * 10


def test_ranges(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", DATA)

    def ask(header: str, path: str = "o") -> tuple[int, bytes]:
        answer = alice.ask("GET", f"/{c}/{path}", headers={"Range": header})
        return answer.status_code, answer.content

    assert ask("bytes=0-499") == (206, DATA[:500])
    assert ask("bytes=-500") == (206, DATA[-500:])
    assert ask("bytes=1000-") == (206, DATA[1000:])
    assert ask("bytes=1020-1030") == (206, DATA[1020:1031])
    answer = alice.ok("GET", f"/{c}/o", headers={"Range": "bytes=1-2"})
    assert answer.headers["Content-Range"] == "bytes 1-2/2560"
    for header in ("bytes=0-2560", "bytes=2560-", "bytes=-2561", "bytes=0-1,0-9999", "bytes=-0"):
        assert ask(header)[0] == 416, header
    for header in ("lines=0-5", "bytes=5-1", "bytes=x", "bytes=1-2,x"):
        assert ask(header) == (200, DATA), header
    alice.put(f"/{c}/empty")
    assert ask("bytes=0-0", "empty")[0] == 416
    assert fault(alice.ask("GET", f"/{c}/o", headers={"Range": "bytes=-9999"}))[1] == 416


def test_several_ranges(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", DATA)
    answer = alice.ok("GET", f"/{c}/o", headers={"Range": "bytes=0-499,-500,2000-"})
    kind, boundary = answer.headers["Content-Type"].split("; boundary=")
    assert answer.status_code == 206 and kind == "multipart/byteranges" and len(boundary) == 32
    expected = b""
    for first, last in ((0, 499), (2060, 2559), (2000, 2559)):
        head = f"--{boundary}\r\nContent-Range: bytes {first}-{last}/2560\r\n"
        head += "Content-Transfer-Encoding: binary\r\n\r\n"
        expected += head.encode() + DATA[first : last + 1] + b"\r\n"
    assert answer.content == expected + f"--{boundary}--\r\n".encode()


def test_if_range(alice: Pithos, c: str) -> None:
    etag = alice.put(f"/{c}/o", DATA).headers["ETag"]
    modified = alice.head(f"/{c}/o")["Last-Modified"]
    for said, status in ((etag, 206), (f'"{etag}"', 206), (modified, 206), ("", 206),
                         ("other", 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 200)):
        headers = {"Range": "bytes=0-9", "If-Range": said}
        assert alice.status("GET", f"/{c}/o", headers=headers) == status, said


def test_conditions(alice: Pithos, c: str) -> None:
    etag = alice.put(f"/{c}/o", DATA).headers["ETag"]

    def get(path: str = "o", **headers: str) -> int:
        said = {key.replace("_", "-"): value for key, value in headers.items()}
        return alice.status("GET", f"/{c}/{path}", headers=said)

    assert get(If_Match=etag) == get(If_Match=f'"{etag}"') == get(If_Match="*") == 200
    assert get(If_Match=etag.upper()) == get(If_Match=f'"x", "{etag}"') == 200
    assert get(If_Match="x") == get(path="missing", If_Match="*") == 412
    assert get(If_None_Match=etag) == get(If_None_Match="*") == 304
    assert get(If_None_Match="x") == 200
    answer = alice.ask("GET", f"/{c}/o", headers={"If-None-Match": etag})
    assert answer.headers["ETag"] == etag and not answer.content
    assert alice.update(f"/{c}/o", "bytes */*", b"more").status_code == 204
    assert get(If_None_Match=etag) == 200
    modified = alice.head(f"/{c}/o")["Last-Modified"]
    assert get(If_Modified_Since=modified) == 304 and get(If_Modified_Since="Monday") == 200
    assert get(If_Unmodified_Since=modified) == 200
    assert get(If_Unmodified_Since="Sun, 06 Nov 1994 08:49:37 GMT") == 412


def test_conditional_writes(alice: Pithos, c: str) -> None:
    def put(data: bytes, **headers: str) -> int:
        said = {key.replace("_", "-"): value for key, value in headers.items()}
        said["Content-Type"] = BYTES
        return alice.status("PUT", f"/{c}/o", data=data, headers=said)

    assert put(b"1", If_Match="*") == 412
    assert put(b"1", If_None_Match="*") == 201
    assert put(b"2", If_None_Match="*") == 412
    etag = root_of(b"1")
    assert put(b"2", If_None_Match=etag) == put(b"2", If_Match="other") == 412
    assert put(b"2", If_Match=etag) == 201
    assert put(b"3", If_Match=etag) == 412
    assert alice.get(f"/{c}/o") == b"2"
    # The tag that other protocols show is none here.
    assert put(b"3", If_Match=hashlib.md5(b"2").hexdigest()) == 412
    headers = {"If-Match": "x", "X-Object-Meta-A": "1"}
    assert alice.status("POST", f"/{c}/o", params={"update": ""}, headers=headers) == 412
    assert alice.status("COPY", f"/{c}/o", headers={"Destination": f"/{c}/p", "If-Match": "x"}) == 412
    assert alice.update(f"/{c}/o", "bytes */*", b"x", If_Match="x").status_code == 412
    headers = {"X-Copy-From": f"/{c}/o", "Content-Length": "0", "If-None-Match": "*"}
    assert alice.status("PUT", f"/{c}/o", headers=headers) == 412


def test_disposition(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/dir/Π.txt", b"x")

    def shown(**params: str) -> str:
        return alice.ok("GET", f"/{c}/dir/Π.txt", params=params).headers["Content-Disposition"]

    name = 'filename="dir/%CE%A0.txt"'
    assert shown() == shown(**{"disposition-type": "invalid"}) == f"inline; {name}"
    assert shown(**{"disposition-type": "attachment"}) == f"attachment; {name}"
    headers = {"Content-Disposition": "mine"}
    alice.ok("POST", f"/{c}/dir/Π.txt", params={"update": ""}, headers=headers)
    assert shown() == "mine"
    assert shown(**{"disposition-type": "inline"}) == f"inline; {name}"


def test_metadata(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"x", a="1", b="2")
    before = alice.head(f"/{c}/o")
    update = {"X-Object-Meta-A": "", "X-Object-Meta-C": "3", "Content-Type": "text/x"}
    answer = alice.ask("POST", f"/{c}/o", params={"update": ""}, headers=update)
    assert answer.status_code == 202 and answer.headers["X-Object-Version"] > before["X-Object-Version"]
    head = alice.head(f"/{c}/o")
    assert "X-Object-Meta-A" not in head
    assert (head["X-Object-Meta-B"], head["X-Object-Meta-C"]) == ("2", "3")
    assert head["X-Object-UUID"] == before["X-Object-UUID"] and head["Content-Type"] == BYTES
    alice.ok("POST", f"/{c}/o", headers={"X-Object-Meta-D": "4"})
    head = alice.head(f"/{c}/o")
    assert "X-Object-Meta-B" not in head and head["X-Object-Meta-D"] == "4"
    many = {f"X-Object-Meta-K{n}": "v" for n in range(32)}
    assert alice.status("POST", f"/{c}/o", params={"update": ""}, headers=many) == 400
    assert alice.status("POST", f"/{c}/missing", headers={"X-Object-Meta-A": "1"}) == 404
    assert alice.get(f"/{c}/o") == b"x"
    assert len(alice.versions(f"/{c}/o")) == 3


def test_manifest(alice: Pithos, c: str) -> None:
    parts = [b"a" * 1500, b"b" * 10, b"c" * 3000]
    for n, part in enumerate(parts):
        alice.put(f"/{c}/parts/{n}", part)
    headers = {"Content-Type": BYTES, "X-Object-Manifest": f"{c}/parts/"}
    assert alice.status("PUT", f"/{c}/whole", data=b"", headers=headers) == 201
    whole = b"".join(parts)
    head = alice.head(f"/{c}/whole")
    assert head["Content-Length"] == str(len(whole)) and head["X-Object-Manifest"] == f"{c}/parts/"
    assert head["ETag"] == head["X-Object-Hash"] == ZERO
    assert alice.get(f"/{c}/whole") == whole
    assert alice.get(f"/{c}/whole", headers={"Range": "bytes=1499-1511"}) == whole[1499:1512]
    assert alice.listed(f"/{c}", prefix="whole")[0]["bytes"] == 0
    assert alice.hashmap(f"/{c}/whole")["bytes"] == 0
    headers["X-Object-Manifest"] = f"{c}/nothing/"
    assert alice.status("PUT", f"/{c}/none", data=b"", headers=headers) == 201
    assert alice.get(f"/{c}/none") == b""


def test_deleted(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"x")
    assert alice.status("DELETE", f"/{c}/o") == 204
    assert alice.status("DELETE", f"/{c}/o") == 404
    assert alice.status("GET", f"/{c}/o") == 404
    assert alice.status("DELETE", f"/{c}/missing") == 404
    assert alice.status("DELETE", "/missing/o") == 404


def test_deleted_tree(alice: Pithos, c: str) -> None:
    for n in range(230):
        alice.put(f"/{c}/d/{n:03}")
    for one in ("d", "da", "d.x"):
        alice.put(f"/{c}/{one}")
    assert alice.status("DELETE", f"/{c}/missing", params={"delimiter": "/"}) == 404
    assert alice.status("DELETE", f"/{c}/d", params={"delimiter": "/"}) == 204
    assert alice.names(f"/{c}") == ["d.x", "da"]


def test_forms(alice: Pithos, c: str) -> None:
    params = {"X-Auth-Token": alice.token}
    nobody = Pithos(alice.root, None, "alice")
    files = {"X-Object-Data": ("file.txt", b"content" * 300, "text/plain")}
    answer = nobody.ask("POST", f"/{c}/o", params=params, files=files)
    assert answer.status_code == 201 and answer.headers["ETag"] == root_of(b"content" * 300)
    assert answer.text == hashlib.md5(b"content" * 300).hexdigest()
    assert alice.get(f"/{c}/o") == b"content" * 300
    assert alice.head(f"/{c}/o")["Content-Type"] == "text/plain"
    files = {"other": ("file.txt", b"x", "text/plain")}
    assert nobody.status("POST", f"/{c}/o", params=params, files=files) == 400
    assert nobody.status("POST", f"/{c}/o", files=files) == 401


def test_versions(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"1", a="1")
    alice.ok("POST", f"/{c}/o", params={"update": ""}, headers={"X-Object-Meta-A": "2"})
    alice.put(f"/{c}/o", b"22")
    first, second, third = alice.versions(f"/{c}/o")
    assert alice.get(f"/{c}/o", params={"version": first}) == b"1"
    assert alice.head(f"/{c}/o", params={"version": second})["X-Object-Meta-A"] == "2"
    assert alice.head(f"/{c}/o", params={"version": third})["Content-Length"] == "2"
    assert alice.hashmap(f"/{c}/o", version=first)["bytes"] == 1
    alice.put(f"/{c}/other", b"x")
    [other] = alice.versions(f"/{c}/other")
    for bad in (other, -1, "x", "", 10**30):
        for method in ("GET", "HEAD"):
            params = {"version": bad}
            assert alice.status(method, f"/{c}/o", params=params) == 404, bad
    assert alice.status("HEAD", f"/{c}/o", params={"version": "list"}) == 404
    assert alice.status("GET", f"/{c}/missing", params={"version": "list"}) == 404
    alice.ok("DELETE", f"/{c}/o")
    assert alice.versions(f"/{c}/o") == [first, second, third]
    assert alice.get(f"/{c}/o", params={"version": first}) == b"1"
    answer = alice.ok("GET", f"/{c}/o", params={"version": "list", "format": "xml"})
    assert f">{first}</version>" in answer.text


def test_without_versions(alice: Pithos, name: object) -> None:
    c = name()  # type: ignore[operator]
    alice.make(c, versioning="none")
    alice.put(f"/{c}/o", b"1")
    [first] = alice.versions(f"/{c}/o")
    alice.put(f"/{c}/o", b"22")
    assert alice.status("GET", f"/{c}/o", params={"version": first}) == 404
    assert len(alice.versions(f"/{c}/o")) == 1
    alice.ok("DELETE", f"/{c}/o")
    assert alice.status("GET", f"/{c}/o") == 404
    assert alice.status("DELETE", f"/{c}") == 204


def test_purged(alice: Pithos, c: str) -> None:
    for data in (b"1", b"22"):
        alice.put(f"/{c}/o", data)
    assert alice.status("DELETE", f"/{c}/o", params={"until": 1000000000}) == 204
    assert len(alice.versions(f"/{c}/o")) == 2
    # Whoever meant to purge must not delete.
    assert alice.status("DELETE", f"/{c}/o", params={"until": "-5"}) == 400
    time.sleep(1.1)
    now = int(time.time())
    alice.put(f"/{c}/o", b"333")
    assert alice.status("DELETE", f"/{c}/o", params={"until": now - 1}) == 204
    time.sleep(1.1)
    assert alice.status("DELETE", f"/{c}/o", params={"until": int(time.time())}) == 204
    assert alice.status("GET", f"/{c}/o", params={"version": "list"}) == 404
    assert alice.status("DELETE", f"/{c}/o", params={"until": now}) == 404
