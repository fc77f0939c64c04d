"""A server whose Pithos+ containers have blocks of 1 KiB, and the users of the cases.

Why blocks so short: lists of many blocks cost nothing, as in the reference's own tests.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.fixtures import pytest_runtest_makereport  # noqa: F401
from harness.server import Server, write_config

from .client import Pithos

SECRET = "a-secret-of-many-letters"
# account, user, role
USERS = (
    ("alice", "alice", "admin"),
    ("bob", "bob", "admin"),
    ("chuck", "chuck", "admin"),
    ("alice", "member", "member"),
    ("root", "root", "reseller-admin"),
)
SETTINGS = "[pithos]\nblock_size = 1024\n"


def pithos_server(folder: Path) -> Server:
    data = folder / "data"
    config = write_config(folder / "dolium.toml", data, SETTINGS)
    server = Server(data, config=config).start()
    os.environ["DOLIUM_SECRET_KEY"] = SECRET
    try:
        for account, user, role in USERS:
            name = f"{account}.{user}"
            server.cli_ok("user", "add", name, "--swift", f"{account}:{user}", "--role", role)
    finally:
        del os.environ["DOLIUM_SECRET_KEY"]
    return server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of most cases: each takes a container of its own."""
    server = pithos_server(tmp_path_factory.mktemp("pithos"))
    yield server
    server.end()
    assert not server.panics(), server.panics()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A fresh server, for cases that stop it or look at whole accounts."""
    server = pithos_server(tmp_path)
    yield server
    server.end()
    assert not server.panics(), server.panics()


@pytest.fixture
def alice(server: Server) -> Pithos:
    return Pithos.of(server, "alice", SECRET)


@pytest.fixture
def bob(server: Server) -> Pithos:
    return Pithos.of(server, "bob", SECRET)


NUMBERS = itertools.count(1)


@pytest.fixture
def name() -> Callable[[], str]:
    """Names of containers that nobody has."""
    return lambda: f"c{next(NUMBERS)}"


@pytest.fixture
def c(alice: Pithos, name: Callable[[], str]) -> str:
    """A container of alice."""
    container = name()
    alice.make(container)
    return container
