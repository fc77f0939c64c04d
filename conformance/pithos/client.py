"""A small client of Pithos+: what a request says and hears, and nothing hidden."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from harness.server import Server

BLOCK = 1024
BYTES = "application/octet-stream"
ZERO = hashlib.sha256(b"").hexdigest()


def block_hash(block: bytes) -> str:
    """The name of a block."""
    return hashlib.sha256(block.rstrip(b"\0")).hexdigest()


def hashes_of(data: bytes, block: int = BLOCK) -> list[str]:
    """The names of an object's blocks."""
    return [block_hash(data[at : at + block]) for at in range(0, len(data), block)]


def root_of(data: bytes, block: int = BLOCK) -> str:
    """The Merkle root of an object, the slow way."""
    level = [bytes.fromhex(name) for name in hashes_of(data, block)]
    if not level:
        return ZERO
    while len(level) & (len(level) - 1):
        level.append(bytes(32))
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [hashlib.sha256(left + right).digest() for left, right in pairs]
    return level[0].hex()


@dataclass
class Pithos:
    """One user of a server, at home in the account of its name."""

    root: str
    token: str | None
    account: str

    @classmethod
    def of(cls, server: Server, account: str, secret: str, user: str | None = None) -> Pithos:
        home = f"http://127.0.0.1:{server.http_port}"
        login = f"{account}:{user or account}"
        headers = {"X-Auth-User": login, "X-Auth-Key": secret}
        answer = requests.get(f"{home}/auth/v1.0", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        url = f"{home}/pithos/object-store/v1"
        return cls(url, answer.headers["X-Auth-Token"], account)

    def url(self, path: str = "", account: str | None = None) -> str:
        """The address of `container/object` in an account; each name encoded."""
        return f"{self.root}/{quote(account or self.account)}{quote(path)}"

    def ask(self, method: str, path: str = "", **words: Any) -> requests.Response:
        """A request; `params`, `headers`, `data` as in requests, `account` for another's."""
        headers = dict(words.pop("headers", {}) or {})
        if self.token:
            headers.setdefault("X-Auth-Token", self.token)
        url = self.url(path, words.pop("account", None))
        return requests.request(
            method, url, headers=headers, timeout=60, allow_redirects=False, **words
        )

    def ok(self, method: str, path: str = "", **words: Any) -> requests.Response:
        answer = self.ask(method, path, **words)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def status(self, method: str, path: str = "", **words: Any) -> int:
        return self.ask(method, path, **words).status_code

    def make(self, container: str, **headers: str) -> None:
        """A container; `quota="5"` and the like are its policy."""
        policy = {f"X-Container-Policy-{key}": value for key, value in headers.items()}
        answer = self.ask("PUT", f"/{container}", headers=policy)
        assert answer.status_code == 201, answer.text

    def put(self, path: str, data: bytes = b"", **headers: str) -> requests.Response:
        """An object; `foo="bar"` is its metadata."""
        said = {f"X-Object-Meta-{key}": value for key, value in headers.items()}
        said.setdefault("Content-Type", BYTES)
        answer = self.ask("PUT", path, headers=said, data=data)
        assert answer.status_code == 201, answer.text
        return answer

    def get(self, path: str, **words: Any) -> bytes:
        return self.ok("GET", path, **words).content

    def head(self, path: str = "", **words: Any) -> requests.structures.CaseInsensitiveDict[str]:
        return self.ok("HEAD", path, **words).headers

    def names(self, at: str = "", /, **params: Any) -> list[str]:
        """A listing in text."""
        answer = self.ok("GET", at, params=params)
        assert answer.status_code == (200 if answer.text else 204)
        return answer.text.splitlines()

    def listed(self, at: str = "", /, **params: Any) -> list[dict[str, Any]]:
        """A listing in JSON."""
        answer = self.ok("GET", at, params={"format": "json", **params})
        return list(json.loads(answer.text))

    def hashmap(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self.ok("GET", path, params={"hashmap": "", "format": "json", **params})
        return dict(json.loads(answer.text))

    def put_map(
        self, path: str, size: int, hashes: list[str], **words: Any
    ) -> requests.Response:
        headers = {"Content-Type": BYTES, **words.pop("headers", {})}
        body = json.dumps({"bytes": size, "hashes": hashes})
        params = {"hashmap": "", "format": "json"}
        return self.ask("PUT", path, params=params, headers=headers, data=body, **words)

    def upload_blocks(self, container: str, data: Any, **words: Any) -> requests.Response:
        headers = {"Content-Type": BYTES}
        words.setdefault("params", {"update": "", "format": "json"})
        return self.ask("POST", f"/{container}", headers=headers, data=data, **words)

    def update(self, path: str, range_: str, data: bytes = b"", **headers: str) -> requests.Response:
        said = {"Content-Type": BYTES, "Content-Range": range_}
        said.update({key.replace("_", "-"): value for key, value in headers.items()})
        return self.ask("POST", path, params={"update": ""}, headers=said, data=data)

    def versions(self, path: str) -> list[int]:
        answer = self.ok("GET", path, params={"version": "list"})
        return [serial for serial, _ in json.loads(answer.text)["versions"]]


def fault(answer: requests.Response) -> tuple[str, int]:
    """The name and the code of a fault."""
    [(name, inner)] = json.loads(answer.text).items()
    assert inner["code"] == answer.status_code and "message" in inner and "details" in inner
    return name, inner["code"]
