"""The fixtures of the harness, and a server for clients that sign by the old version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clients import Tools
from harness.fixtures import (  # noqa: F401
    bucket,
    pytest_runtest_makereport,
    rng,
    s3,
    shared_server,
    start,
    tools,
)
from harness.server import Server, write_config


@pytest.fixture(scope="session")
def old_tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """Clients of a server that takes Signature Version 2 as well."""
    folder = tmp_path_factory.mktemp("sigv2")
    config = write_config(folder / "dolium.toml", folder / "data", "[s3]\nsigv2 = true\n")
    server = Server(folder / "data", config=config).start()
    yield Tools(server.endpoint, tmp_path_factory.mktemp("old-home"))
    server.end()
    assert not server.panics(), server.panics()
