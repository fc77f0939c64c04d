"""A small client of Swift: what a request says and hears, and nothing hidden."""

from __future__ import annotations

from dataclasses import dataclass

import requests

from harness.server import Server


def sign_in(server: Server, login: str, secret: str) -> requests.Response:
    """The answer to a login."""
    url = f"http://127.0.0.1:{server.http_port}/auth/v1.0"
    return requests.get(url, headers={"X-Auth-User": login, "X-Auth-Key": secret}, timeout=30)


@dataclass
class Swift:
    """One user of a server."""

    url: str
    token: str | None

    @classmethod
    def of(cls, server: Server, login: str, secret: str) -> Swift:
        answer = sign_in(server, login, secret)
        assert answer.status_code == 200, answer.text
        return cls(answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"])

    def ask(self, method: str, path: str = "", **words: object) -> requests.Response:
        headers = dict(words.pop("headers", {}) or {})  # type: ignore[call-overload]
        if self.token:
            headers.setdefault("X-Auth-Token", self.token)
        return requests.request(
            method, self.url + path, headers=headers, timeout=60, allow_redirects=False, **words
        )

    def ok(self, method: str, path: str = "", **words: object) -> requests.Response:
        answer = self.ask(method, path, **words)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer
