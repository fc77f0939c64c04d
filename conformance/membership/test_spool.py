"""Shards that a provider does not take wait on the server's disk, and are delivered when it is back, unasked."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from harness.clients import s3_client
from harness.objects import Population
from harness.server import Server, write_config
from harness.waiting import wait_for

from arrays import assert_sound, status


def away(server: Server, name: str) -> Path:
    there = server.provider(name)
    gone = there.with_suffix(".away")
    there.rename(gone)
    return gone


def waiting(server: Server) -> int:
    return status(server)["spool"]["shards"]


def test_they_wait_over_a_restart_and_are_delivered(start: Any, rng: random.Random) -> None:
    server = start()
    population = Population(s3_client(server.endpoint), "spool", rng)
    population.fill("before", 10)
    gone = away(server, "p3")
    population.fill("while p3 is away", 30)
    kept = waiting(server)
    assert kept > 0
    server.kill()
    server.start()
    population.verify()
    assert waiting(server) == kept, "what waits outlives a kill"
    gone.rename(server.provider("p3"))
    wait_for(lambda: waiting(server), 0)
    # Journal batches are not kept; what they lack is rebuilt by the first repair.
    server.cli_ok("repair")
    assert_sound(server)
    population.verify()


def test_kept_shards_count_when_another_provider_goes(start: Any, rng: random.Random) -> None:
    server = start()
    population = Population(s3_client(server.endpoint), "spool", rng)
    gone = away(server, "p1")
    population.fill("while p1 is away", 20)
    also = away(server, "p2")
    population.verify()
    gone.rename(server.provider("p1"))
    also.rename(server.provider("p2"))
    wait_for(lambda: waiting(server), 0)
    population.verify()


def test_without_degraded_writes_one_more_shard_is_asked_for(
    start: Any, rng: random.Random, tmp_path: Path
) -> None:
    names = ["p1", "p2", "p3"]
    file = write_config(tmp_path / "dolium.toml", tmp_path / "data", "", "mirror:3", names)
    file.write_text(file.read_text() + 'degraded_writes = "refuse"\n')
    server = start(config=file)
    population = Population(s3_client(server.endpoint, timeout=20), "refuse", rng)
    away(server, "p1")
    population.fill("two of three are enough", 5)
    away(server, "p2")
    try:
        population.s3.put_object(Bucket="refuse", Key="one is not", Body=b"x")
    except population.s3.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    else:
        raise AssertionError("a write with one copy was acknowledged")
