"""A provider vanishes while the server runs: nothing is noticed but by those who look.

Every step of the promise: reads, degraded writes that say so, check, repair, and then the loss of
another provider, which only a complete repair survives.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import s3_client
from harness.damage import lose_shards, remove, shards
from harness.objects import Population
from harness.server import Server, refused_start


def status(server: Server) -> dict[str, Any]:
    return json.loads(server.cli_ok("status", "--json").out)


def array(server: Server) -> dict[str, Any]:
    return status(server)["arrays"][0]


def filled(server: Server, rng: random.Random) -> Population:
    population = Population(s3_client(server.endpoint), "resilience", rng)
    population.fill("before")
    return population


def assert_clean(server: Server, *words: str) -> None:
    answer = server.cli(*words, "--json")
    assert answer.code == 0 and answer.findings() == [], answer.out[-3000:] + answer.err
    assert answer.records()[-1]["summary"]["clean"] is True


def repair_until_done(server: Server, *words: str) -> None:
    """A provider that was down is tried again only after its cool-down, so repair may take a second go."""
    deadline = time.monotonic() + 60
    while True:
        answer = server.cli("repair", *words)
        if answer.code == 0 and server.cli("check").code == 0:
            return
        assert time.monotonic() < deadline, f"repair does not mend: {answer}\n{server.log_tail()}"
        time.sleep(1)


def test_any_provider_may_vanish_then_another(start: Any, rng: random.Random) -> None:
    server = start()
    population = filled(server, rng)
    assert array(server)["state"] == "healthy" and array(server)["may_lose"] == 1
    assert_clean(server, "check")

    first, second = rng.sample(["p1", "p2", "p3", "p4"], 2)
    remove(server.provider(first))
    population.verify()
    population.fill("degraded", 30)
    population.verify()
    degraded = array(server)
    assert degraded["state"] == "degraded" and degraded["may_lose"] == 0, degraded
    assert {provider["name"] for provider in degraded["providers"]} == {"p1", "p2", "p3", "p4"}

    checked = server.cli("check")
    assert checked.code == 1 and first in checked.text, checked
    for other in {"p1", "p2", "p3", "p4"} - {first}:
        assert other not in checked.out, f"{other} lost nothing: {checked.out[:2000]}"
    machine = server.cli("check", "--json")
    assert machine.code == 1 and machine.findings()
    assert machine.records()[-1]["summary"]["clean"] is False

    repair_until_done(server)
    assert_clean(server, "check")
    assert_clean(server, "scrub")
    assert array(server)["state"] == "healthy", array(server)
    assert shards(server.provider(first))

    remove(server.provider(second))
    population.verify()
    population.fill("degraded again", 10)
    population.verify()
    repair_until_done(server)
    assert_clean(server, "scrub")


def test_lost_shards_are_named_and_rebuilt(start: Any, rng: random.Random) -> None:
    server = start()
    population = filled(server, rng)
    lost = lose_shards(server.provider("p3"), rng)
    checked = server.cli("check", "--json")
    assert checked.code == 1
    assert {finding["provider"] for finding in checked.findings()} == {"p3"}
    # Journal batches that have been merged since are missed by nobody.
    assert 0 < len(checked.findings()) <= lost
    population.verify()
    repair_until_done(server)
    assert_clean(server, "check")
    remove(server.provider("p1"))
    population.verify()


def test_a_provider_missing_at_start_is_an_outage(start: Any, rng: random.Random) -> None:
    server = start()
    population = filled(server, rng)
    server.stop()
    remove(server.provider("p2"))
    server.start()
    population.verify()
    population.fill("while away", 10)
    population.verify()
    checked = server.cli("check")
    assert checked.code == 1 and "p2" in checked.text
    repair_until_done(server)
    server.restart()
    assert_clean(server, "scrub")
    population.verify()


def test_two_lost_providers_are_an_error_not_a_lie(start: Any, rng: random.Random) -> None:
    """More is lost than the layout allows: reads fail, they never give other bytes."""
    server = start()
    population = filled(server, rng)
    aside = [server.provider(name).rename(server.data_dir / name) for name in ("p1", "p2")]
    failed = 0
    for key, body in population.bodies.items():
        try:
            answer = population.s3.get_object(Bucket=population.bucket, Key=key)
            assert answer["Body"].read() == body
        except AssertionError:
            raise
        except Exception:  # An error answer or a body cut short: both are honest.
            failed += 1
    assert failed > 0, "two of four providers are gone, something must be unreadable"
    assert array(server)["state"] == "failing"
    assert server.cli("check").code == 1
    with pytest.raises(ClientError):
        population.s3.put_object(Bucket=population.bucket, Key="new", Body=b"cannot be kept")
    server.stop()
    said = refused_start(server)
    assert "p1" in said and "p2" in said
    for path in aside:
        path.rename(server.provider(path.name))
    server.start()
    population.verify()
