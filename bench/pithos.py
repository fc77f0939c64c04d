"""Measures what Pithos+ promises: what is there already is not sent again, and looking back costs no more than looking.

Usage: bench/pithos.py [--dolium FILE] [--bench FILE] [--mib N] [--objects N]   (default: release builds, 1024, 1000000)
Prints a table of Markdown. Starts its own server on loopback and ends it; leaves nothing behind.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.parse import quote

BLOCK = 4 << 20
KEY = "bench-secret-of-some-length"
ROOT = "/pithos/object-store/v1/bench"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One `dolium serve` and a connection to it."""

    def __init__(self, binary: Path, data: Path) -> None:
        self.binary, self.data = binary, data
        self.port, self.s3 = free_port(), free_port()
        self.token = ""

    def start(self) -> None:
        words = [self.binary, "serve", "--data-dir", self.data]
        words += ["--http-listen", f"127.0.0.1:{self.port}", "--s3-listen", f"127.0.0.1:{self.s3}"]
        env = {**os.environ, "DOLIUM_ROOT_USER": "bench-root", "DOLIUM_ROOT_PASSWORD": KEY}
        log = open(self.data.with_suffix(".log"), "ab")
        self.process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def stop(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait()

    def sign_in(self) -> None:
        headers = {"X-Auth-User": "bench:bench", "X-Auth-Key": KEY}
        self.http.request("GET", "/auth/v1.0", headers=headers)
        answer = self.http.getresponse()
        answer.read()
        self.token = answer.getheader("X-Auth-Token") or ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["X-Auth-Token"] = self.token
        self.http.request(method, ROOT + path, body=body, headers=sent)
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stored(self) -> int:
        packs = (file for file in self.data.glob("providers/*/packs/**/*") if file.is_file())
        return sum(file.stat().st_size for file in packs)


class Timed:
    """Wall time, the server's CPU time, and what grew at the providers, of a `with` block."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name

    def __enter__(self) -> Timed:
        self.before = (self.server.stored(), self.server.cpu(), time.perf_counter())
        return self

    def __exit__(self, *_: object) -> None:
        wall = (time.perf_counter() - self.before[2]) * 1000
        cpu = (self.server.cpu() - self.before[1]) * 1000
        grown = (self.server.stored() - self.before[0]) / (1 << 20)
        print(f"| {self.name} | {wall:.1f} | {cpu:.0f} | {grown:.2f} |", flush=True)


def upload(server: Server, path: str, blocks: list[bytes], hashes: list[str]) -> int:
    """An upload as kamaki makes it; gives how many blocks were sent."""
    by_hash = dict(zip(hashes, blocks))
    size = sum(map(len, blocks))
    body = json.dumps({"bytes": size, "hashes": hashes}).encode()
    kind = {"Content_Type": "application/octet-stream"}
    status, answer = server.ask("PUT", f"{path}?hashmap&format=json", body, **kind)
    if status == 201:
        return 0
    assert status == 409, (status, answer)
    missing = json.loads(answer)
    for name in missing:
        status, answer = server.ask("POST", "/c?update&format=json", by_hash[name], **kind)
        assert status == 202 and json.loads(answer) == [name], (status, answer)
    status, answer = server.ask("PUT", f"{path}?hashmap&format=json", body, **kind)
    assert status == 201, (status, answer)
    return len(missing)


def promises(server: Server, mib: int) -> None:
    random.seed(1)
    blocks = [random.randbytes(BLOCK) for _ in range(mib * (1 << 20) // BLOCK)]
    hashes = [hashlib.sha256(block.rstrip(b"\0")).hexdigest() for block in blocks]
    print(f"\n| {mib} MiB | ms | server CPU ms | MiB more at providers |\n|---|--:|--:|--:|")
    with Timed(server, "first upload by hash map"):
        assert upload(server, "/c/a", blocks, hashes) == len(blocks)
    with Timed(server, "second upload, another name"):
        assert upload(server, "/c/b", blocks, hashes) == 0
    with Timed(server, "the same again, over itself"):
        assert upload(server, "/c/b", blocks, hashes) == 0
    middle = len(blocks) // 2
    blocks[middle] = blocks[middle][:-1] + bytes([blocks[middle][-1] ^ 1])
    hashes[middle] = hashlib.sha256(blocks[middle].rstrip(b"\0")).hexdigest()
    with Timed(server, "one byte changed, uploaded again"):
        assert upload(server, "/c/b", blocks, hashes) == 1
    with Timed(server, "one byte updated in place (POST)"):
        kind = {"Content_Type": "application/octet-stream", "Content_Range": "bytes 5000000-5000000/*"}
        status, answer = server.ask("POST", "/c/b?update", b"x", **kind)
        assert status == 204, (status, answer)
    for verb in ("COPY", "MOVE"):
        times = []
        for number in range(20):
            source = "a" if verb == "COPY" or number == 0 else f"MOVE-{number - 1}"
            begin = time.perf_counter()
            status, answer = server.ask(verb, f"/c/{source}", Destination=f"/c/{verb}-{number}")
            times.append((time.perf_counter() - begin) * 1000)
            assert status == 201, (status, answer)
        print(f"| {verb}, median of 20 | {median(times):.1f} | | |", flush=True)


def listings(server: Server, bench: Path, objects: int) -> None:
    status, _ = server.ask("PUT", "/million")
    assert status == 201, status
    server.stop()
    words = [bench, "fill", "--data-dir", server.data, "--bucket", "million"]
    words += ["--objects", str(objects), "--prefixes", str(objects // 10)]
    begun = time.time()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    server.start()
    server.sign_in()
    now = int(time.time()) + 1
    print(f"\n| {objects} objects, page of 1,000, median of 30 | plain ms | `until` ms | × |\n|---|--:|--:|--:|")
    middle = quote(f"dir-{objects // 20:07}/")
    for name, query in (
        ("first page, JSON", "format=json"),
        ("from the middle, JSON", f"format=json&marker={middle}"),
        ("first page, text", ""),
        ("virtual directories", "format=json&delimiter=/"),
        ("one directory", f"format=json&prefix={middle}"),
    ):
        found = []
        for until in ("", f"&until={now}"):
            times = []
            for _ in range(30):
                begin = time.perf_counter()
                status, answer = server.ask("GET", f"/million?limit=1000&{query}{until}")
                times.append((time.perf_counter() - begin) * 1000)
                assert status == 200 and answer, (status, answer)
            found.append(median(times))
        print(f"| {name} | {found[0]:.1f} | {found[1]:.1f} | {found[1] / found[0]:.2f} |", flush=True)
    begin = time.perf_counter()
    status, _ = server.ask("GET", f"/million?limit=1000&format=json&until={int(begun) - 5}")
    spent = (time.perf_counter() - begin) * 1000
    print(f"| before there was anything | | {spent:.1f} | {status} |", flush=True)


def main() -> None:
    target = Path(__file__).parents[1] / "target" / "release"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dolium", type=Path, default=target / "dolium")
    parser.add_argument("--bench", type=Path, default=target / "dolium-bench")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--objects", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dolium-bench.") as folder:
        server = Server(given.dolium, Path(folder) / "data")
        server.start()
        try:
            words = ["user", "add", "bench", "--swift", "bench:bench", "--secret-key", KEY]
            subprocess.run([given.dolium, *words, "--data-dir", server.data], check=True, stdout=subprocess.DEVNULL)
            server.sign_in()
            status, _ = server.ask("PUT", "/c")
            assert status == 201, status
            promises(server, given.mib)
            listings(server, given.bench, given.objects)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
