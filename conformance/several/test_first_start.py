"""The very first start: several servers begin at the same moment over an empty database and empty providers.

One numbers and claims the providers and one makes the first user; the others wait and go on. Killed or stopped in the
middle of it, the first leaves something from which the others go on, and it itself later.

Environment: DOLIUM_FIRST_STARTS (default 4), the rounds without harm.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clients import s3_client
from harness.objects import body_for
from harness.server import PROVIDERS, Server

ROUNDS = int(os.environ.get("DOLIUM_FIRST_STARTS", "4"))
COUNT = 3
# Within which a start does all of this.
START_SECONDS = (0.0, 0.4)
# As long as a lease holds after its holder was killed, with the start itself.
TAKE_OVER_SECONDS_MAX = 60.0


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recovery key that no repository has yet."""
    server = Server(tmp_path_factory.mktemp("key") / "data").start()
    server.stop()
    return server.recovery_key


def identity(providers: Path, name: str) -> Path:
    return providers / name / "dolium/identity"


def wait_for(condition: Callable[[], bool]) -> None:
    """Without a pause: what happens next is to be met in its middle."""
    deadline = time.monotonic() + TAKE_OVER_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, "it did not come"


def there_is_one_of_each(servers: list[Server]) -> None:
    """Seen from everywhere."""
    for server in servers:
        users = json.loads(server.cli_ok("user", "list", "--json").out)
        assert [user["name"] for user in users] == ["root"], users
        listed = json.loads(server.cli_ok("provider", "list", "--json").out)
        assert sorted(row["name"] for row in listed) == list(PROVIDERS), listed


def is_one_store(servers: list[Server]) -> None:
    """One of each, and what each writes all read."""
    there_is_one_of_each(servers)
    clients = [s3_client(server.endpoint) for server in servers]
    clients[0].create_bucket(Bucket="first")
    for number, writer in enumerate(clients):
        body = body_for(f"first {number}", 70_000)
        writer.put_object(Bucket="first", Key=f"{number}", Body=body)
        for reader in clients:
            assert reader.get_object(Bucket="first", Key=f"{number}")["Body"].read() == body
    answer = servers[0].cli("check", "--json")
    assert answer.code == 0, answer.out[-3000:]


def members_are_numbered_once(servers: list[Server]) -> None:
    """Every record is the one that the roster has: a start checks each, and says when one is not its."""
    for server in servers:
        server.restart()
        assert "identity record" not in server.log_tail(200), server.log_tail(200)


def test_together(cluster: Any, key: Path) -> None:
    for number in range(ROUNDS):
        servers: list[Server] = cluster(
            count=COUNT, key=key, providers=f"round{number}", start=False
        )
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_until_healthy()
        is_one_store(servers)
        members_are_numbered_once(servers)
        for server in servers:
            server.stop()


def test_one_is_killed_at_any_moment(cluster: Any, key: Path, rng: random.Random) -> None:
    for number in range(ROUNDS):
        servers: list[Server] = cluster(
            count=COUNT, key=key, providers=f"round{number}", start=False
        )
        for server in servers:
            server.launch()
        time.sleep(rng.uniform(*START_SECONDS))
        victim = rng.choice(servers)
        victim.kill()
        victim.launch()
        for server in servers:
            server.wait_until_healthy()
        is_one_store(servers)
        for server in servers:
            server.stop()


@pytest.mark.parametrize("moment", ["p1", "p3", "p4", "root-credentials"])
def test_the_first_is_killed(cluster: Any, key: Path, tmp_path: Path, moment: str) -> None:
    """Killed when a provider has just got its record, or when the first user is about to be made."""
    generated = moment == "root-credentials"
    servers: list[Server] = cluster(count=COUNT, key=key, start=False)
    first, others = servers[0], servers[1:]
    mark = first.data_dir / moment if generated else identity(tmp_path / "providers", moment)
    first.launch(**({"root_user": "", "root_password": ""} if generated else {}))
    wait_for(mark.exists)
    first.kill()
    for server in others:
        server.launch()
    for server in others:
        server.wait_until_healthy()
    first.start()
    if generated and "set -a" not in first.log_tail():
        # Its user was not made; what it would have been called lets nobody in, and nobody is told to use it.
        assert s3_client(first.endpoint).list_buckets()["Buckets"] == []
    elif generated:
        return there_is_one_of_each(servers)
    is_one_store(servers)
    members_are_numbered_once(servers)


def test_the_first_sleeps_and_is_overtaken(cluster: Any, key: Path, tmp_path: Path) -> None:
    """Stopped by the system in the middle: the others go on, and it changes nothing any more when it wakes up."""
    servers: list[Server] = cluster(count=COUNT, key=key, start=False)
    first, others = servers[0], servers[1:]
    first.launch()
    wait_for(identity(tmp_path / "providers", "p2").exists)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        for server in others:
            server.launch()
        for server in others:
            server.wait_until_healthy()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    try:
        first.wait_until_healthy()
    except AssertionError as error:
        assert "another server" in str(error), error
        first.start()
    is_one_store(servers)
    members_are_numbered_once(servers)


def test_another_key_is_refused(cluster: Any) -> None:
    """Each makes its own key: one store comes of it, and the others are told why they are not part of it."""
    servers: list[Server] = cluster(count=COUNT, start=False)
    for server in servers:
        server.launch()
    healthy, refused = [], []
    for server in servers:
        try:
            healthy.append(server.wait_until_healthy())
        except AssertionError as error:
            assert "belongs to another repository" in str(error), error
            refused.append(server)
    assert len(healthy) == 1 and len(refused) == COUNT - 1
    for server in refused:
        server.recovery_key.write_bytes(healthy[0].recovery_key.read_bytes())
        server.start()
    is_one_store(servers)
