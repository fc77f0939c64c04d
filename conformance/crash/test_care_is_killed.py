"""Kills in the middle of repair and collection, with no other load: care may stop at any step.

Why beside the big crash test: there the care meets the kill in passing; here it is hit again and
again, on data that needs much of it.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from harness.clients import s3_client
from harness.damage import remove
from harness.objects import Population, body_for
from harness.server import Server, impatient_config

KILLS = 8
LONGEST_SECONDS = 0.6


def impatient(start: Any, tmp_path: Path) -> Server:
    return start(config=impatient_config(tmp_path / "dolium.toml", tmp_path / "data", 0))


def kill_during(server: Server, command: str, rng: random.Random) -> None:
    care = server.spawn(command)
    time.sleep(rng.uniform(0.01, LONGEST_SECONDS))
    server.kill()
    care.wait(timeout=30)
    server.start()


def assert_well(server: Server, population: Population) -> None:
    population.verify()
    for care in ("check", "scrub"):
        answer = server.cli(care, "--json")
        assert answer.code == 0 and answer.findings() == [], answer.out[-3000:]


def test_repair(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = impatient(start, tmp_path)
    population = Population(s3_client(server.endpoint), "care", rng)
    population.fill("a", 120)
    remove(server.provider("p2"))
    for _ in range(KILLS):
        kill_during(server, "repair", rng)
        population.verify()
    server.cli_ok("repair")
    assert_well(server, population)
    remove(server.provider("p4"))
    population.verify()


def test_collection(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = impatient(start, tmp_path)
    population = Population(s3_client(server.endpoint), "care", rng)
    population.fill("kept", 40)
    for turn in range(KILLS):
        for number in range(30):
            body = body_for(f"garbage {turn} {number}", 20_000)
            population.s3.put_object(Bucket="care", Key=f"garbage/{number}", Body=body)
        population.fill(f"kept {turn}", 10)
        for number in range(30):
            population.s3.delete_object(Bucket="care", Key=f"garbage/{number}")
        kill_during(server, "collect", rng)
        population.verify()
    server.cli_ok("collect")
    assert_well(server, population)
    again = server.cli_ok("collect", "--json").records()[-1]["summary"]
    assert again["orphans_removed"] == 0, "the first collection left orphans"
