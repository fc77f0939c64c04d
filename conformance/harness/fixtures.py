"""Fixtures that the suites import into their conftest: servers, clients, seeds.

Promises: a server started here ends with its test; when a test fails, the end of the server's log is
part of the report; a panic in the log fails the test.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .clients import Tools, s3_client
from .server import Server

Start = Callable[..., Server]


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Adds the servers' logs to what is shown of a failed test."""
    if call.when == "call" and call.excinfo is not None:
        for server in getattr(item, "dolium_servers", []):
            item.add_report_section("call", f"log of {server.data_dir.name}", server.log_tail())


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Makes servers: `start()`, `start(name="b", config=…)`."""
    made: list[Server] = []
    request.node.dolium_servers = made

    def make(name: str = "data", **settings: Any) -> Server:
        server = Server(tmp_path / name, **settings)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.end()
    assert not [line for server in made for line in server.panics()], "the server panicked"


@pytest.fixture
def rng() -> random.Random:
    """Random choices; the seed is printed, and DOLIUM_SEED sets it."""
    seed = os.environ.get("DOLIUM_SEED") or uuid.uuid4().hex[:8]
    print(f"DOLIUM_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a run that do it no harm."""
    server = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield server
    alive = server.process is not None and server.process.poll() is None
    server.end()
    assert alive, f"the server died\n{server.log_tail()}"
    assert not server.panics(), server.panics()


@pytest.fixture(scope="session")
def s3(shared_server: Server) -> Any:
    return s3_client(shared_server.endpoint)


@pytest.fixture(scope="session")
def tools(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return Tools(shared_server.endpoint, tmp_path_factory.mktemp("home"))


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket of the test's own."""
    name = "conf-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name
