"""Tokens of a Keystone elsewhere: who its users are here, how long it is believed, and when it is silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from harness.server import Server, free_port

from .client import Swift
from .conftest import swift_server

LOOKALIKE = Path(__file__).with_name("keystone_lookalike.py")
CACHE_SECONDS = 2
PROJECT, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32


class Keystone:
    """The look-alike, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.file, self.port = folder / "keystone.json", free_port()
        self.state: dict[str, Any] = {"service": "of-the-server", "tokens": {}}
        self.process: subprocess.Popen[bytes] | None = None
        self.write()

    def write(self) -> None:
        # Whole or not at all: it is read for each question.
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(self.state))
        draft.rename(self.file)

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(LOOKALIKE), str(self.port), str(self.file)])
        time.sleep(0.5)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def asked(self) -> int:
        file = self.file.with_suffix(".asked")
        return len(file.read_text().splitlines()) if file.exists() else 0

    def token(self, name: str, *roles: str, project: str | None = PROJECT, user: str = "u1",
              seconds: float = 600, domain: str = "default") -> str:
        """Makes a token known."""
        ends = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        said: dict[str, Any] = {
            "user": {"id": user, "name": f"name-of-{user}", "domain": {"id": domain}},
            "roles": [{"id": "1", "name": role} for role in roles],
            "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        if project:
            said["project"] = {"id": project, "name": "home", "domain": {"id": domain}}
        token = f"gAAAAA-{name}"
        self.state["tokens"][token] = {"token": said}
        self.write()
        return token


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Keystone]]:
    folder = tmp_path_factory.mktemp("keystone")
    keystone = Keystone(folder)
    keystone.start()
    os.environ["KEYSTONE_PASSWORD"] = "of-the-server"
    more = (f'[swift.keystone]\nurl = "http://127.0.0.1:{keystone.port}"\nuser = "dolium"\n'
            f'password = {{ env = "KEYSTONE_PASSWORD" }}\ncache_seconds = {CACHE_SECONDS}\n[swift]\n')
    server = swift_server(folder, more)
    yield server, keystone
    keystone.stop()
    server.end()
    assert not server.panics(), server.panics()


def as_(server: Server, token: str | None, project: str = PROJECT) -> Swift:
    return Swift(f"http://127.0.0.1:{server.http_port}/v1/AUTH_{project}", token)


def test_its_users_are_who_it_says(world: tuple[Server, Keystone]) -> None:
    server, keystone = world
    owner = as_(server, keystone.token("owner", "admin"))
    owner.ok("PUT", "/c")
    owner.ok("PUT", "/c/o", data=b"x")
    assert owner.ok("GET", "/c/o").content == b"x"
    assert as_(server, owner.token, OTHER).ask("GET").status_code == 403
    member = as_(server, keystone.token("member", "member", user="u2"))
    assert member.ask("GET", "/c/o").status_code == 403
    assert member.ask("PUT", "/d").status_code == 403
    for list_, granted in ((f"{PROJECT}:u2", True), ("*:u2", True), (f"{PROJECT}:*", True), ("home:name-of-u2", True),
                           (PROJECT, False), (f"{OTHER}:u2", False)):
        owner.ok("POST", "/c", headers={"X-Container-Read": list_})
        assert (member.ask("GET", "/c/o").status_code == 200) == granted, list_
    # Names of users of other domains are nobody's here.
    foreign = as_(server, keystone.token("foreign", "member", user="u2", domain="d2"))
    owner.ok("POST", "/c", headers={"X-Container-Read": "home:name-of-u2"})
    assert foreign.ask("GET", "/c/o").status_code == 403
    reseller = as_(server, keystone.token("reseller", "ResellerAdmin", project=OTHER, user="u3"))
    assert reseller.ok("GET", "/c/o").content == b"x"
    unscoped = as_(server, keystone.token("unscoped", "admin", project=None))
    assert unscoped.ask("GET").status_code == 401


def test_a_services_word_opens_what_it_keeps(world: tuple[Server, Keystone]) -> None:
    server, keystone = world
    user = keystone.token("user-of-service", "admin")
    service = keystone.token("service", "service", project=OTHER, user="u9")
    kept = Swift(as_(server, user).url.replace("AUTH_", "SERVICE_"), user)
    assert kept.ask("PUT", "/c").status_code == 403
    assert kept.ask("PUT", "/c", headers={"X-Service-Token": user}).status_code == 403
    assert kept.ask("PUT", "/c", headers={"X-Service-Token": service}).status_code == 201


def test_what_it_does_not_know_is_refused(world: tuple[Server, Keystone]) -> None:
    server, keystone = world
    answer = as_(server, "gAAAAA-nobodys").ask("GET")
    assert answer.status_code == 401
    challenges = answer.raw.headers.getlist("WWW-Authenticate")
    assert challenges[1] == f'Keystone uri="http://127.0.0.1:{keystone.port}/v3"'
    before = keystone.asked()
    for bad in ("x" * 9000, "caf\xe9"):
        answer = as_(server, None).ask("GET", headers={"X-Auth-Token": bad.encode("latin-1")})
        assert answer.status_code == 401, bad
    assert keystone.asked() == before
    assert as_(server, keystone.token("late", "admin", seconds=-1)).ask("GET").status_code == 401
    # A project whose id is no name of an account has none here.
    odd = keystone.token("odd", "admin", project="../x")
    assert as_(server, odd).ask("GET").status_code == 401


def test_it_is_believed_for_a_while(world: tuple[Server, Keystone]) -> None:
    server, keystone = world
    token = keystone.token("believed", "admin")
    before = keystone.asked()
    for _ in range(5):
        as_(server, token).ok("HEAD")
    assert keystone.asked() == before + 1
    del keystone.state["tokens"][token]
    keystone.write()
    time.sleep(CACHE_SECONDS + 0.2)
    assert as_(server, token).ask("HEAD").status_code == 401
    short = keystone.token("short", "admin", seconds=1)
    as_(server, short).ok("HEAD")
    time.sleep(1.1)
    assert as_(server, short).ask("HEAD").status_code == 401


def test_its_silence_is_an_outage(world: tuple[Server, Keystone]) -> None:
    server, keystone = world
    token = keystone.token("outage", "admin")
    as_(server, token).ok("HEAD")
    keystone.stop()
    as_(server, token).ok("HEAD")
    assert as_(server, "gAAAAA-unknown").ask("GET").status_code == 503
    time.sleep(CACHE_SECONDS + 0.2)
    assert as_(server, token).ask("HEAD").status_code == 503
    # Logins of this server do not need it.
    own = Swift.of(server, "test:tester", "testing-testing")
    own.ok("HEAD")
    keystone.start()
    as_(server, token).ok("HEAD")
    # The server's own token ends: it signs in again; and when it cannot, that is an outage too.
    keystone.state["service"] = "changed"
    keystone.write()
    time.sleep(CACHE_SECONDS + 0.2)
    assert as_(server, token).ask("HEAD").status_code == 503
    keystone.state["service"] = "of-the-server"
    keystone.write()
    as_(server, token).ok("HEAD")
