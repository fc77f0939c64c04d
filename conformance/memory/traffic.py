"""Large objects in and out, streamed, with an eye on the server's process.

Promises: a body is never held: pieces of one shared random pool, each with a head of its own, so that
nothing compresses or de-duplicates; what comes back is hashed and compared.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.clients import s3_client
from harness.server import Server

MIB = 1 << 20
PIECE = MIB
HUGE_PART = 64 * MIB
HUGE_STREAMS = 4
SAMPLE_SECONDS = 0.05
POOL = os.urandom(PIECE)
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Result:
    """One step's cost."""

    step: str
    bytes: int
    seconds: float
    cpu_seconds: float
    rss_mib_max: float


class Watch:
    """Samples a process while a block runs."""

    def __init__(self, pid: int) -> None:
        self.proc = Path(f"/proc/{pid}")
        self.rss_mib_max = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self.done.is_set():
            resident = int((self.proc / "statm").read_text().split()[1]) * PAGE / MIB
            self.rss_mib_max = max(self.rss_mib_max, resident)
            self.done.wait(SAMPLE_SECONDS)

    def cpu(self) -> float:
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def __enter__(self) -> Watch:
        self.began, self.cpu_began = time.monotonic(), self.cpu()
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.seconds = time.monotonic() - self.began
        self.cpu_seconds = self.cpu() - self.cpu_began
        self.done.set()
        self.thread.join()

    def result(self, step: str, length: int) -> Result:
        return Result(step, length, self.seconds, self.cpu_seconds, self.rss_mib_max)


def pieces(label: str, length: int) -> Iterator[bytes]:
    """A body of this length; the same for the same label."""
    for start in range(0, length, PIECE):
        head = hashlib.sha256(f"{label}/{start}".encode()).digest()
        yield (head + POOL[len(head) :])[: length - start]


def send(url: str, label: str, length: int) -> str:
    """PUTs a body to a presigned URL, piece by piece; gives its ETag."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=600)
    target = f"{parts.path}?{parts.query}"
    headers = {"Content-Length": str(length)}
    connection.request("PUT", target, body=pieces(label, length), headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, text
    return str(answer.headers["ETag"])


def fetch(url: str, expected: Iterator[bytes]) -> None:
    """GETs a body and compares it, piece by piece, with what it must be."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=600)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    for number, piece in enumerate(expected):
        assert answer.read(len(piece)) == piece, f"piece {number} differs"
    assert answer.read() == b"", "more bytes than there should be"
    connection.close()


def signed(s3: Any, method: str, **parameters: Any) -> str:
    url = s3.generate_presigned_url(method, Params=parameters, ExpiresIn=86_400)
    return str(url)


def many_clients(server: Server, clients: int, length: int) -> list[Result]:
    """All put at once, then all get at once."""
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="many")
    keys = [f"object-{number}" for number in range(clients)]
    size = f"{length >> 20} MiB"

    def put(key: str) -> None:
        send(signed(s3, "put_object", Bucket="many", Key=key), key, length)

    def get(key: str) -> None:
        fetch(signed(s3, "get_object", Bucket="many", Key=key), pieces(key, length))

    results = []
    for step, call in (("PUT", put), ("GET", get)):
        with Watch(server.pid) as watch, ThreadPoolExecutor(clients) as pool:
            list(pool.map(call, keys))
        results.append(watch.result(f"{clients} clients {step} {size} at once", clients * length))
    return results


def huge_object(server: Server, length: int) -> list[Result]:
    """One object in by a multipart upload of several streams, and out in one."""
    s3 = s3_client(server.endpoint, timeout=600)
    s3.create_bucket(Bucket="huge")
    call = {"Bucket": "huge", "Key": "object"}
    upload = s3.create_multipart_upload(**call)["UploadId"]
    starts = list(range(0, length, HUGE_PART))

    def part(number: int) -> dict[str, Any]:
        where = {**call, "UploadId": upload, "PartNumber": number + 1}
        size = min(HUGE_PART, length - starts[number])
        etag = send(signed(s3, "upload_part", **where), f"huge {number}", size)
        return {"PartNumber": number + 1, "ETag": etag}

    with Watch(server.pid) as coming, ThreadPoolExecutor(HUGE_STREAMS) as pool:
        parts = list(pool.map(part, range(len(starts))))
        s3.complete_multipart_upload(**call, UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.head_object(**call)["ContentLength"] == length

    def whole() -> Iterator[bytes]:
        for number, start in enumerate(starts):
            yield from pieces(f"huge {number}", min(HUGE_PART, length - start))

    with Watch(server.pid) as going:
        fetch(signed(s3, "get_object", **call), whole())
    size = f"{length / (1 << 30):.1f} GiB"
    return [
        coming.result(f"one object of {size} in ({HUGE_STREAMS} streams of parts)", length),
        going.result(f"one object of {size} out", length),
    ]
