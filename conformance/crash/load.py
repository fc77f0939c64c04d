"""The load under which the server is killed: changes of every kind, from several clients at once.

Keys that begin with `w<n>/` have one writer; those under `shared/` have all of them.
Promises: every change is in the model before it is sent; what the server answers with while it is
alive must be success; bodies differ from each other.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.objects import MIB, body_for

from model import ABSENT, Model, VersionModel, etag_of, etag_of_parts

PLAIN = "plain"
VERSIONED = "versioned"
PART = 5 * MIB
WORKERS = 8
KEYS_PER_WORKER = 20
SHARED_KEYS = 12
SOURCE = "source/five MiB"
SMALL_SOURCES = [f"source/{number}" for number in range(4)]
LENGTHS = [0, 1, 100, 4_000, 4_096, 30_000, 70_000, 300_000]


@dataclass
class OpenUpload:
    """A multipart upload whose parts are acknowledged and which is not completed."""

    key: str
    upload_id: str
    etags: list[str]
    bodies: list[bytes]


@dataclass
class Load:
    """Everything that is known of what was sent."""

    s3: Any
    seed: str
    plain: Model = field(default_factory=Model)
    versioned: VersionModel = field(default_factory=VersionModel)
    open_uploads: list[OpenUpload] = field(default_factory=list)
    halted: threading.Event = field(default_factory=threading.Event)
    unexpected: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    source_body: bytes = b""
    versions_read: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """Makes the buckets and what is copied from."""
        self.s3.create_bucket(Bucket=PLAIN)
        self.s3.create_bucket(Bucket=VERSIONED)
        enabled = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration=enabled)
        self.source_body = body_for(f"{self.seed}/source", PART)
        self.put(SOURCE, self.source_body)
        for number, key in enumerate(SMALL_SOURCES):
            self.put(key, body_for(f"{self.seed}/{key}", 1_000 * (number + 1)))

    def put(self, key: str, body: bytes) -> None:
        attempt = self.plain.attempt(key, self.plain.knows(etag_of(body), body))
        self.s3.put_object(Bucket=PLAIN, Key=key, Body=body)
        attempt.acknowledge()

    def start(self, round_number: int) -> list[threading.Thread]:
        self.halted.clear()
        workers = [Worker(self, round_number, number) for number in range(WORKERS)]
        threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        return threads

    def complete_open_uploads(self, rng: random.Random) -> None:
        """Parts that were acknowledged before a crash are still there to be completed."""
        rng.shuffle(self.open_uploads)
        for upload in self.open_uploads:
            complete(self, upload)
        self.open_uploads.clear()


def complete(load: Load, upload: OpenUpload) -> None:
    etag = load.plain.knows(etag_of_parts(upload.etags), *upload.bodies)
    parts = [{"PartNumber": n, "ETag": e} for n, e in enumerate(upload.etags, 1)]
    attempt = load.plain.attempt(upload.key, etag)
    load.s3.complete_multipart_upload(
        Bucket=PLAIN, Key=upload.key, UploadId=upload.upload_id, MultipartUpload={"Parts": parts}
    )
    attempt.acknowledge()


class Worker:
    """One client, sending one request after another."""

    def __init__(self, load: Load, round_number: int, number: int) -> None:
        self.load, self.s3, self.number = load, load.s3, number
        self.label = f"{load.seed}/{round_number}/{number}"
        self.rng = random.Random(self.label)
        self.sent = 0
        self.kinds: list[tuple[Callable[[], None], int]] = [
            (self.put, 40),
            (self.delete, 10),
            (self.delete_many, 5),
            (self.copy, 10),
            (self.multipart, 8),
            (self.read, 12),
            (self.put_version, 15),
            (self.delete_version, 8),
        ]

    def run(self) -> None:
        calls, weights = zip(*self.kinds, strict=True)
        while not self.load.halted.is_set():
            call = self.rng.choices(calls, weights)[0]
            try:
                call()
            except (BotoCoreError, ClientError, OSError) as error:
                if self.load.halted.is_set():
                    return
                self.load.unexpected.append(f"{call.__name__}: {error!r}")
                continue
            with self.load.lock:
                counts = self.load.counts
                counts[call.__name__] = counts.get(call.__name__, 0) + 1

    def key(self) -> str:
        if self.rng.random() < 0.25:
            return f"shared/{self.rng.randrange(SHARED_KEYS)}"
        return f"w{self.number}/{self.rng.randrange(KEYS_PER_WORKER)}"

    def body(self, large: float = 0.04) -> bytes:
        """A body that nobody else sends; now and then one of several blocks."""
        self.sent += 1
        length = self.rng.choice(LENGTHS)
        if self.rng.random() < large:
            length = self.rng.randrange(4 * MIB, 6 * MIB)
        return body_for(f"{self.label}/{self.sent}", length)

    def put(self) -> None:
        self.load.put(self.key(), self.body())

    def delete(self) -> None:
        key = self.key()
        attempt = self.load.plain.attempt(key, ABSENT)
        self.s3.delete_object(Bucket=PLAIN, Key=key)
        attempt.acknowledge()

    def delete_many(self) -> None:
        keys = sorted({self.key() for _ in range(4)})
        attempts = [self.load.plain.attempt(key, ABSENT) for key in keys]
        names = [{"Key": key} for key in keys]
        answer = self.s3.delete_objects(Bucket=PLAIN, Delete={"Objects": names})
        gone = {entry["Key"] for entry in answer.get("Deleted", [])}
        for key, attempt in zip(keys, attempts, strict=True):
            if key in gone:
                attempt.acknowledge()
            else:
                self.load.unexpected.append(f"delete_many: {answer.get('Errors')}")

    def copy(self) -> None:
        source = self.rng.choice([*SMALL_SOURCES, SOURCE])
        key = self.key()
        (etag,) = self.load.plain.allowed(source)
        attempt = self.load.plain.attempt(key, etag)
        where = {"Bucket": PLAIN, "Key": source}
        self.s3.copy_object(Bucket=PLAIN, Key=key, CopySource=where)
        attempt.acknowledge()

    def multipart(self) -> None:
        """One part copied, one sent; some uploads are left for after the crash."""
        key = self.key()
        where = {"Bucket": PLAIN, "Key": key}
        upload_id = self.s3.create_multipart_upload(**where)["UploadId"]
        body = self.body(large=0.0)
        call = {**where, "UploadId": upload_id}
        source = {"Bucket": PLAIN, "Key": SOURCE}
        first = self.s3.upload_part_copy(**call, PartNumber=1, CopySource=source)
        second = self.s3.upload_part(**call, PartNumber=2, Body=body)
        etags = [first["CopyPartResult"]["ETag"], second["ETag"]]
        upload = OpenUpload(key, upload_id, etags, [self.load.source_body, body])
        if self.rng.random() < 0.1:
            self.load.open_uploads.append(upload)
        else:
            complete(self.load, upload)

    def read(self) -> None:
        """Under load, too, a body is one that was written, whole."""
        try:
            answer = self.s3.get_object(Bucket=PLAIN, Key=self.key())
        except self.s3.exceptions.NoSuchKey:
            return
        wrong = self.load.plain.wrong_body(answer["ETag"].strip('"'), answer["Body"].read())
        if wrong:
            self.load.unexpected.append(f"read: {wrong}")

    def version_key(self) -> str:
        return f"w{self.number}/{self.rng.randrange(4)}"

    def put_version(self) -> None:
        key = self.version_key()
        if self.rng.random() < 0.2:
            attempt = self.load.versioned.attempt(key, ABSENT)
            answer = self.s3.delete_object(Bucket=VERSIONED, Key=key)
        else:
            body = self.body()
            etag = self.load.plain.knows(etag_of(body), body)
            attempt = self.load.versioned.attempt(key, etag)
            answer = self.s3.put_object(Bucket=VERSIONED, Key=key, Body=body)
        attempt.acknowledge(answer["VersionId"])

    def delete_version(self) -> None:
        key = self.version_key()
        version = self.load.versioned.old_version(key)
        if version is None:
            return self.put_version()
        attempt = self.load.versioned.removal(version)
        self.s3.delete_object(Bucket=VERSIONED, Key=key, VersionId=version)
        attempt.acknowledge()
        return None
