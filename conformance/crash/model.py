"""What may be read of a key after a crash.

Every attempt to change a key is noted before it is sent and marked when it is acknowledged. After a
crash a key may hold any attempt that no acknowledged attempt is known to have replaced: one that
began after the other had been acknowledged. With one writer per key that is the last acknowledged
state or the one attempt that was under way; with several it also allows for either order of attempts
that ran side by side.

Promises: a lost acknowledged write, a write that came back, a half-visible write and a body that was
never written all fail `settle`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field

ABSENT = None
ETag = str | None


@dataclass
class Attempt:
    """One change of one key: what it makes of it, and when it ran."""

    etag: ETag
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    version: str | None = None

    def acknowledge(self, version: str | None = None) -> None:
        self.version = version
        self.ended = time.monotonic()


def etag_of(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def etag_of_parts(etags: list[str]) -> str:
    """The ETag of a multipart object, from those of its parts."""
    digests = b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)
    return f"{hashlib.md5(digests).hexdigest()}-{len(etags)}"


class Model:
    """Keys of one bucket without versions, and all bodies that were ever sent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.attempts: dict[str, list[Attempt]] = {}
        self.bodies: dict[str, tuple[int, str]] = {}

    def knows(self, etag: str, *parts: bytes) -> str:
        """Notes what a body with this ETag is."""
        whole = hashlib.md5()
        for part in parts:
            whole.update(part)
        with self.lock:
            self.bodies[etag] = (sum(map(len, parts)), whole.hexdigest())
        return etag

    def attempt(self, key: str, etag: ETag) -> Attempt:
        made = Attempt(etag)
        with self.lock:
            self.attempts.setdefault(key, [Attempt(ABSENT, 0.0, 0.0)]).append(made)
        return made

    def allowed(self, key: str) -> set[ETag]:
        """The states that a key may be in now."""
        attempts = self.attempts.get(key, [Attempt(ABSENT, 0.0, 0.0)])
        latest_start = max((a.started for a in attempts if a.ended is not None), default=0.0)
        return {a.etag for a in attempts if a.ended is None or a.ended >= latest_start}

    def touched(self) -> list[str]:
        """Keys that were changed since they were last settled."""
        return [key for key, attempts in self.attempts.items() if len(attempts) > 1]

    def settle(self, key: str, etag: ETag) -> str | None:
        """Takes what was found as the key's state from now on; says what is wrong with it."""
        allowed = self.allowed(key)
        self.attempts[key] = [Attempt(etag, 0.0, 0.0)]
        if etag not in allowed:
            return f"{key} holds {etag}, which is none of {allowed}"
        return None

    def wrong_body(self, etag: str, body: bytes) -> str | None:
        """What is wrong with a body that was read under an ETag."""
        expected = self.bodies.get(etag)
        found = (len(body), hashlib.md5(body).hexdigest())
        if expected != found:
            return f"the body of {etag} is {found}, not {expected}"
        return None


@dataclass(frozen=True)
class Listed:
    """A version or, without an ETag, a delete marker, as a listing tells it."""

    version: str
    etag: ETag
    latest: bool


class VersionModel:
    """Keys of a bucket with versioning; every key has one writer, so that their order is known."""

    def __init__(self) -> None:
        self.puts: dict[str, list[Attempt]] = {}
        self.removed: dict[str, Attempt] = {}

    def attempt(self, key: str, etag: ETag) -> Attempt:
        """A put, or a delete that leaves a marker."""
        made = Attempt(etag)
        self.puts.setdefault(key, []).append(made)
        return made

    def removal(self, version: str) -> Attempt:
        """The permanent removal of one version."""
        made = Attempt(ABSENT)
        self.removed[version] = made
        return made

    def old_version(self, key: str) -> str | None:
        """An acknowledged version that is surely not the newest and is still there."""
        acked = [a.version for a in self.puts.get(key, []) if a.version]
        left = [version for version in acked[:-1] if version not in self.removed]
        return left[0] if left else None

    def settle(self, listed: dict[str, list[Listed]]) -> list[str]:
        """Compares a listing (key to versions, each sort newest first) with what may be; adopts it."""
        wrong = []
        for key in listed.keys() - self.puts.keys():
            wrong.append(f"{key} is listed and was never written")
        for key, attempts in self.puts.items():
            wrong += self._settle_key(key, attempts, listed.get(key, []))
        self.removed = {v: a for v, a in self.removed.items() if a.ended is not None}
        return wrong

    def _settle_key(self, key: str, attempts: list[Attempt], listed: list[Listed]) -> list[str]:
        wrong, settled = [], []
        found = {entry.version: entry.etag for entry in listed}
        for attempt in attempts:
            removal = self.removed.get(attempt.version or "")
            if attempt.version in found:
                if found.pop(attempt.version) != attempt.etag:
                    wrong.append(f"{key} version {attempt.version}: another ETag")
                if removal and removal.ended is not None:
                    wrong.append(f"{key} version {attempt.version} is back after its removal")
                settled.append(attempt)
            elif attempt.version and removal is None:
                wrong.append(f"{key} has lost version {attempt.version}")
            elif attempt.ended is None:
                # Not acknowledged: it may be there under an id that was never told.
                same = [version for version, etag in found.items() if etag == attempt.etag]
                if same and not self._is_told(same[0], attempts):
                    found.pop(same[0])
                    attempt.acknowledge(same[0])
                    settled.append(attempt)
        wrong += [f"{key} has a version nobody wrote: {item}" for item in found.items()]
        self.puts[key] = settled
        return wrong or self._misordered(key, settled, listed)

    @staticmethod
    def _is_told(version: str, attempts: list[Attempt]) -> bool:
        return any(attempt.version == version for attempt in attempts)

    @staticmethod
    def _misordered(key: str, settled: list[Attempt], listed: list[Listed]) -> list[str]:
        """Versions and markers are listed newest first, and the newest of all is the latest."""
        for markers in (False, True):
            written = [a.version for a in settled[::-1] if (a.etag is ABSENT) == markers]
            told = [entry.version for entry in listed if (entry.etag is ABSENT) == markers]
            if written != told:
                return [f"{key}: listed as {told}, written as {written}"]
        latest = [entry.version for entry in listed if entry.latest]
        if latest != [attempt.version for attempt in settled[-1:]]:
            return [f"{key}: {latest} is the latest, not {settled[-1:]}"]
        return []
