"""A server with two arrays and the users that OpenStack's tests want, and the same for our own cases.

Why: their tests delete every container of the accounts they use, so each of their files has a server of
its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.fixtures import pytest_runtest_makereport, start  # noqa: F401
from harness.server import Server, environment, run_binary, write_config

# account:user, secret, role
USERS = (
    ("test:tester", "testing-testing", "admin"),
    ("test2:tester2", "testing-testing2", "admin"),
    ("test:tester3", "testing-testing3", "member"),
    ("test5:tester5", "testing-testing5", "service"),
    ("test:tester6", "testing-testing6", "reseller-admin"),
)
STORAGE_DOMAIN = "swift.dolium.test"
EXTRA_ARRAY = """
[swift]
storage_domains = ["{domain}"]

[[provider]]
name = "q1"
kind = "directory"
options = {{ path = "{data}/providers/q1" }}

[[provider]]
name = "q2"
kind = "directory"
options = {{ path = "{data}/providers/q2" }}
"""
SECOND_ARRAY = '\n[[array]]\nname = "silver"\nlayout = "mirror:2"\nproviders = ["q1", "q2"]\n'


def add_user(server: Server, login: str, secret: str, role: str) -> None:
    """Adds a user who signs in over Swift."""
    name = login.replace(":", ".")
    words = ["user", "add", name, "--swift", login, "--role", role]
    # OpenStack's tests of S3 expect the login as the owner's id and name.
    words += ["--canonical-id", login, "--display-name", login]
    os.environ["DOLIUM_SECRET_KEY"] = secret
    try:
        server.cli_ok(*words)
    finally:
        del os.environ["DOLIUM_SECRET_KEY"]


def swift_server(folder: Path, more: str = "") -> Server:
    """A server with the users above; `more` are settings of `[swift]`."""
    data = folder / "data"
    settings = EXTRA_ARRAY.format(domain=STORAGE_DOMAIN, data=data)
    settings = settings.replace("[swift]\n", more if "[swift]\n" in more else f"[swift]\n{more}", 1)
    config = write_config(folder / "dolium.toml", data, settings)
    with config.open("a") as file:
        file.write(SECOND_ARRAY)
    server = Server(data, config=config).start()
    for login, secret, role in USERS:
        add_user(server, login, secret, role)
    return server


@pytest.fixture
def swift(tmp_path: Path) -> Iterator[Server]:
    """A fresh server with the users above."""
    server = swift_server(tmp_path)
    yield server
    server.end()
    assert not server.panics(), server.panics()


@pytest.fixture(scope="module")
def shared_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same for all cases of a file."""
    server = swift_server(tmp_path_factory.mktemp("swift"))
    yield server
    server.end()
    assert not server.panics(), server.panics()


__all__ = ["Callable", "environment", "run_binary"]
