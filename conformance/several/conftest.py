"""The fixtures of this suite: a database for each test, and servers over it and one set of directories.

PostgreSQL is started by `postgres/run.sh`, which gives its address in DOLIUM_TEST_POSTGRES.
Promises: every test has a database of its own; every server has its own data directory, and the first one's
recovery key.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.fixtures import pytest_runtest_makereport, rng  # noqa: F401
from harness.server import Server

from servers import new_database, write_several

# The load and the model of the crash suite.
sys.path.insert(0, str(Path(__file__).parents[1] / "crash"))

Cluster = Callable[..., list[Server]]


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Makes servers over one database: `cluster()`, `cluster(count=3, more="[collect]…")`. With `start=False` they
    are not started yet, and without a key each makes its own."""
    made: list[Server] = []
    request.node.dolium_servers = made

    def make(
        count: int = 2,
        more: str = "",
        key: Path | None = None,
        url: str | None = None,
        providers: str = "providers",
        start: bool = True,
    ) -> list[Server]:
        file = tmp_path / f"dolium-{len(made)}.toml"
        config = write_several(file, tmp_path / providers, url or new_database(), more)
        servers = []
        for _ in range(count):
            server = Server(tmp_path / f"server{len(made)}", config=config)
            first = key or (servers[0].recovery_key if servers and start else None)
            if first:
                server.data_dir.mkdir()
                shutil.copy(first, server.recovery_key)
            made.append(server)
            servers.append(server)
            if start:
                server.start()
        return servers

    yield make
    for server in made:
        server.end()
    assert not [line for server in made for line in server.panics()], "a server panicked"
