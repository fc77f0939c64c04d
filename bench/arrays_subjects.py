"""What is measured: Dolium over an array, and rclone's union with crypt over as many members.

Both have `put_big`, `get_big`, `put_small`, `get_small`, and give seconds of the clock and of the processor. Dolium's are
those of its server, asked by a client that stays; rclone has no server, so each of its commands is
measured whole, with its start. Bodies are compared with what was written.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from arrays_client import S3

from harness.server import ACCESS_KEY, SECRET_KEY, Server

SMALL = 4 << 10
# Clients of small objects at a time, for both.
CLIENTS = 4
# What takes longer has no end for whoever waits.
SECONDS_MAX = 120


@dataclass
class Cost:
    """What something took; `failed` says why it did not succeed."""

    seconds: float
    cpu: float
    failed: str = ""


class Dolium:
    """A running server and its clients."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bodies: dict[str, bytes] = {}
        self.s3().ask("PUT", "/bench")

    def s3(self, timeout: float = 600) -> S3:
        return S3(self.server.s3_port, ACCESS_KEY, SECRET_KEY, timeout)

    def cpu(self) -> float:
        """Seconds of the processor that the server has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def timed(self, work: object, *arguments: object) -> Cost:
        cpu, begun = self.cpu(), time.perf_counter()
        work(*arguments)  # type: ignore[operator]
        return Cost(time.perf_counter() - begun, self.cpu() - cpu)

    def put_big(self, name: str, body: bytes) -> Cost:
        return self.timed(self.s3().put, f"/bench/{name}", body)

    def get_big(self, name: str, body: bytes) -> Cost:
        s3 = self.s3()
        cost = self.timed(lambda: self.bodies.update({name: s3.get(f"/bench/{name}")}))
        assert self.bodies.pop(name) == body, f"{name} is not what was written"
        return cost

    def many(self, work: object, jobs: list[tuple[str, bytes]], clients: int) -> Cost:
        """Does something with each of many objects, so many at a time."""
        shares = [jobs[n::clients] for n in range(clients)]

        def share(of: list[tuple[str, bytes]]) -> None:
            s3 = self.s3()
            for name, body in of:
                work(s3, name, body)  # type: ignore[operator]

        with ThreadPoolExecutor(clients) as pool:
            return self.timed(lambda: list(pool.map(share, shares)))

    def put_small(self, folder: str, bodies: list[bytes], clients: int = CLIENTS) -> Cost:
        jobs = [(f"{folder}/{n}", body) for n, body in enumerate(bodies)]
        return self.many(lambda s3, name, body: s3.put(f"/bench/{name}", body), jobs, clients)

    def get_small(self, folder: str, bodies: list[bytes], clients: int = CLIENTS) -> Cost:
        jobs = [(f"{folder}/{n}", body) for n, body in enumerate(bodies)]

        def compare(s3: S3, name: str, body: bytes) -> None:
            assert s3.get(f"/bench/{name}") == body, f"{name} is not what was written"

        return self.many(compare, jobs, clients)

    def metric(self, name: str) -> float:
        """The sum of a counter over all providers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        found = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{")]
        assert found, f"{name} is not among the metrics"
        return sum(found)


class Rclone:
    """rclone with a crypt over a union that writes to all members."""

    def __init__(self, folder: Path, upstreams: list[str], remotes: dict[str, dict[str, str]]) -> None:
        self.folder = folder
        folder.mkdir()
        self.config = folder / "rclone.conf"
        obscured = subprocess.check_output(["rclone", "obscure", "bench"], text=True).strip()
        text = ""
        for name, options in remotes.items():
            text += f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
        text += f"[union]\ntype = union\nupstreams = {' '.join(upstreams)}\n"
        text += "create_policy = all\naction_policy = all\nsearch_policy = ff\n"
        text += f"[crypt]\ntype = crypt\nremote = union:\npassword = {obscured}\n"
        self.config.write_text(text)

    def run(self, *words: str | Path) -> Cost:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        command = ["rclone", "--config", self.config, "--retries", "1", "--transfers", str(CLIENTS), *words]
        failed = ""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
            if done.returncode:
                failed = done.stderr.strip().splitlines()[-1][:200]
        except subprocess.TimeoutExpired:
            failed = f"no end after {SECONDS_MAX} s"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(time.perf_counter() - begun, cpu, failed)

    def put_big(self, name: str, body: bytes) -> Cost:
        file = self.folder / name
        file.write_bytes(body)
        return self.run("copyto", file, f"crypt:{name}")

    def get_big(self, name: str, body: bytes) -> Cost:
        back = self.folder / "back"
        cost = self.run("copyto", f"crypt:{name}", back)
        if not cost.failed:
            assert back.read_bytes() == body, f"{name} is not what was written"
        back.unlink(missing_ok=True)
        return cost

    def put_small(self, folder: str, bodies: list[bytes]) -> Cost:
        source = self.folder / folder
        source.mkdir()
        for n, body in enumerate(bodies):
            (source / str(n)).write_bytes(body)
        return self.run("copy", source, f"crypt:{folder}")

    def get_small(self, folder: str, bodies: list[bytes]) -> Cost:
        back = self.folder / "back-small"
        cost = self.run("copy", f"crypt:{folder}", back)
        if not cost.failed:
            same = all((back / str(n)).read_bytes() == body for n, body in enumerate(bodies))
            assert same, f"{folder} is not what was written"
        shutil.rmtree(back, ignore_errors=True)
        return cost
