"""Several users of one server, each with an account and a token, who share things.

Promises: a case has containers of its own, so cases of a file can have one server.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.server import Server, write_config

from .conftest import SETTINGS

SECRET = "a-secret-of-the-suite"
STORAGE = "/pithos/object-store/v1"
DIRECTORY = "application/directory"
# account:user and role; who is called as the account owns it, mia only belongs to alice's.
LOGINS = (
    ("alice:alice", "admin"),
    ("bob:bob", "admin"),
    ("chuck:chuck", "admin"),
    ("dan:dan", "admin"),
    ("mallory:mallory", "admin"),
    ("alice:mia", "member"),
)


@dataclass
class Person:
    """A user who talks to the server over Pithos+."""

    login: str
    server: Server
    token: str = field(default="", repr=False)

    def sign_in(self) -> Person:
        headers = {"X-Auth-User": self.login, "X-Auth-Key": SECRET}
        answer = requests.get(f"{self.url}/auth/v1.0", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        self.token = answer.headers["X-Auth-Token"]
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.http_port}"

    @property
    def id(self) -> str:
        account, user = self.login.split(":")
        return account if account == user else f"{account}!{user}"

    def raw(self, method: str, path: str, **words: Any) -> requests.Response:
        """A request to any path; headers are given as they are."""
        headers = {"X-Auth-Token": self.token} if self.token else {}
        headers.update(words.pop("headers", {}))
        return requests.request(
            method, f"{self.url}{path}", headers=headers, timeout=60, allow_redirects=False, **words
        )

    def ask(self, method: str, path: str, **words: Any) -> requests.Response:
        """A request to something below the storage: `/account/container/object`."""
        return self.raw(method, f"{STORAGE}{path}", **words)

    def make(self, path: str, data: bytes | str = b"x", **headers: str) -> requests.Response:
        """Makes an object; `kind` is its type, underscores in other names are dashes."""
        words = {"Content-Type": headers.pop("kind", "text/plain")}
        words.update({name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.ask("PUT", path, data=data, headers=words)
        assert answer.status_code == 201, f"{path}: {answer.status_code} {answer.text}"
        return answer

    def container(self) -> str:
        """A new container of the user's account; gives its path."""
        path = f"/{self.id}/c{uuid.uuid4().hex[:10]}"
        answer = self.ask("PUT", path)
        assert answer.status_code == 201, answer.text
        return path

    def share(self, path: str, text: str) -> None:
        headers = {"X-Object-Sharing": text}
        answer = self.ask("POST", f"{path}?update", headers=headers)
        assert answer.status_code == 202, answer.text

    def publish(self, path: str, is_public: bool = True) -> str | None:
        """Makes an object public, or ends that; gives its address."""
        headers = {"X-Object-Public": str(is_public)}
        answer = self.ask("POST", f"{path}?update", headers=headers)
        assert answer.status_code == 202, answer.text
        return self.ask("HEAD", path).headers.get("X-Object-Public")

    def group(self, name: str, members: str) -> requests.Response:
        headers = {f"X-Account-Group-{name}": members}
        return self.ask("POST", f"/{self.id}?update", headers=headers)

    def names(self, path: str, /, **params: str) -> list[str] | int:
        """The names of a listing, or the status of its refusal."""
        answer = self.ask("GET", path, params=params)
        if answer.status_code not in (200, 204):
            return answer.status_code
        assert (answer.status_code == 204) == (not answer.text)
        return answer.text.splitlines()

    def entries(self, path: str, /, **params: str) -> dict[str, dict[str, Any]]:
        """The entries of a listing by name; of a common prefix the entry is empty."""
        answer = self.ask("GET", path, params={"format": "json", **params})
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return {one.get("name", one.get("subdir")): one for one in answer.json()}

    def reads(self, path: str) -> int:
        """The status of reading an object."""
        status = self.ask("HEAD", path).status_code
        assert status == self.ask("GET", path).status_code
        return status

    def appends(self, path: str) -> int:
        """The status of appending to an object."""
        headers = {"Content-Type": "application/octet-stream", "Content-Range": "bytes */*"}
        return self.ask("POST", f"{path}?update", data=b"+", headers=headers).status_code


@dataclass
class People:
    """Everybody, by name."""

    server: Server
    by_name: dict[str, Person]

    def __getattr__(self, name: str) -> Person:
        try:
            return self.by_name[name]
        except KeyError:
            raise AttributeError(name) from None

    def nobody(self) -> Person:
        return Person("", self.server)

    def who(self, names: str) -> list[Person]:
        return [self.by_name[name] for name in names.split()]

    def check(self, path: str, readers: str, action: str = "reads", done: int = 200) -> None:
        """That of the others exactly these may do this."""
        others = {"bob", "chuck", "dan", "mallory", "mia"}
        for name in sorted(others):
            expected = done if name in readers.split() else 403
            found = getattr(self.by_name[name], action)(path)
            assert found == expected, f"{name} {action} {path}: {found}, not {expected}"


def started(folder: Path) -> Server:
    """A server with short blocks."""
    data = folder / "data"
    config = write_config(folder / "dolium.toml", data, SETTINGS)
    return Server(data, config=config).start()


def begin(server: Server) -> People:
    """Adds everybody to a server."""
    os.environ["DOLIUM_SECRET_KEY"] = SECRET
    try:
        for login, role in LOGINS:
            name = login.replace(":", ".")
            server.cli_ok("user", "add", name, "--swift", login, "--role", role)
    finally:
        del os.environ["DOLIUM_SECRET_KEY"]
    everybody = {login.split(":")[1]: Person(login, server).sign_in() for login, _ in LOGINS}
    return People(server, everybody)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Everybody, on one server for all cases of a file."""
    server = started(tmp_path_factory.mktemp("people"))
    yield begin(server)
    server.end()
    assert not server.panics(), server.panics()


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[People]:
    """Everybody, on a server where nothing is shared yet."""
    server = started(tmp_path)
    yield begin(server)
    server.end()
    assert not server.panics(), server.panics()
