"""The fixtures of this suite: those of the harness, receivers, and a server that knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clients import s3_client
from harness.fixtures import pytest_runtest_makereport, start  # noqa: F401
from harness.server import Server, write_config

from .receivers import Nats, Rabbit, Webhook

TOKEN = "hook-secret-0123456789"
Told = Callable[..., tuple[Server, Any]]


def hook_config(webhook: Webhook, name: str = "hook") -> str:
    return (
        f'[[notify]]\nname = "{name}"\nkind = "webhook"\n'
        f'url = "{webhook.url}"\ntoken = {{ env = "HOOK_TOKEN" }}\n'
    )


def nats_config(nats: Nats, jetstream: bool = False) -> str:
    return (
        f'[[notify]]\nname = "bus"\nkind = "nats"\nurl = "{nats.url}"\n'
        f'subject = "{nats.SUBJECT}"\ntoken = "nats-token"\n'
        f"jetstream = {str(jetstream).lower()}\n"
    )


def rabbit_config(rabbit: Rabbit) -> str:
    return (
        f'[[notify]]\nname = "rabbit"\nkind = "rabbitmq"\nurl = "{rabbit.url}"\n'
        f'exchange = "{rabbit.EXCHANGE}"\nrouting_key = "{rabbit.KEY}"\n'
    )


@pytest.fixture
def told(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:  # noqa: F811
    """Makes a server with targets, and a client of it."""
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)

    def make(*targets: str) -> tuple[Server, Any]:
        config = write_config(tmp_path / "dolium.toml", tmp_path / "data", "\n".join(targets))
        server = start(config=config)
        return server, s3_client(server.endpoint)

    return make


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook().start()
    yield webhook
    webhook.stop()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Nats]:
    nats = Nats(tmp_path).start()
    yield nats
    nats.stop()


@pytest.fixture
def rabbit(tmp_path: Path) -> Iterator[Rabbit]:
    folder = tmp_path / "rabbit"
    folder.mkdir()
    rabbit = Rabbit(folder)
    try:
        rabbit.start()
        rabbit.declare()
        yield rabbit
    finally:
        rabbit.stop()
