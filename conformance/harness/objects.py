"""A population of objects whose bodies are known, for suites that do harm and look again.

Promises: bodies follow from key and seed; `verify` reads every object whole and one range of it, and
compares bytes, ETag and listing.
"""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

MIB = 1 << 20
PART = 5 * MIB
CLIENTS = 8


def body_for(label: str, length: int) -> bytes:
    """Bytes that a label tells; every 4 MiB differ, so that nothing is de-duplicated away."""
    pool = hashlib.shake_256(label.encode()).digest(min(length, MIB))
    pieces = []
    for start in range(0, length, MIB):
        head = hashlib.sha256(f"{label}/{start}".encode()).digest()
        pieces.append((head + pool[32:])[: length - start])
    return b"".join(pieces)


class Population:
    """Objects in one bucket, and what they must be."""

    def __init__(self, s3: Any, bucket: str, rng: random.Random) -> None:
        self.s3, self.bucket, self.rng = s3, bucket, rng
        self.bodies: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        s3.create_bucket(Bucket=bucket)

    def lengths(self, count: int) -> list[int]:
        """Mostly small, some of several blocks, one empty."""
        few = [0, 1, 9 * MIB + 13, 4 * MIB, 4 * MIB + 1]
        return (few + [self.rng.choice([300, 5_000, 70_000, 600_000]) for _ in range(count)])[:count]

    def fill(self, label: str, count: int = 60) -> None:
        """Puts `count` objects, several at a time, and two by multipart upload."""
        lengths = self.lengths(count)

        def put(number: int) -> None:
            key = f"{label}/{number % 5}/{number:04}"
            body = body_for(key, lengths[number])
            answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
            self.bodies[key], self.etags[key] = body, answer["ETag"]
            assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(put, range(count)))
        for number in range(2):
            self.multipart(f"{label}/multipart/{number}", [PART, PART, 1000 + number])

    def multipart(self, key: str, lengths: list[int]) -> None:
        call = {"Bucket": self.bucket, "Key": key}
        upload = self.s3.create_multipart_upload(**call)["UploadId"]
        bodies = [body_for(f"{key}#{n}", length) for n, length in enumerate(lengths)]
        parts = []
        for number, body in enumerate(bodies, 1):
            answer = self.s3.upload_part(**call, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        answer = self.s3.complete_multipart_upload(
            **call, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        self.bodies[key], self.etags[key] = b"".join(bodies), answer["ETag"]

    def verify(self) -> None:
        """Everything is there, byte for byte, and nothing else is."""
        assert self.listing() == {
            key: (self.etags[key], len(body)) for key, body in self.bodies.items()
        }
        with ThreadPoolExecutor(CLIENTS) as pool:
            wrong = [bad for bad in pool.map(self.look, sorted(self.bodies)) if bad]
        assert not wrong, wrong[:10]

    def look(self, key: str) -> str | None:
        """What is wrong with one object, if anything."""
        body = self.bodies[key]
        answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        if answer["ETag"] != self.etags[key] or answer["Body"].read() != body:
            return f"{key}: another body or ETag"
        if len(body) > 2:
            start = random.Random(key).randrange(len(body) - 1)
            end = min(len(body), start + 1 + len(body) // 3)
            answer = self.s3.get_object(
                Bucket=self.bucket, Key=key, Range=f"bytes={start}-{end - 1}"
            )
            if answer["Body"].read() != body[start:end]:
                return f"{key}: another range {start}-{end}"
        return None

    def listing(self) -> dict[str, tuple[str, int]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, PaginationConfig={"PageSize": 100}
        )
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        assert len({entry["Key"] for entry in entries}) == len(entries), "a key listed twice"
        return {entry["Key"]: (entry["ETag"], entry["Size"]) for entry in entries}
