"""The server is killed in the middle of draining and of a change of layout, under load, again and again.

Nothing acknowledged is lost, and after the last start the work is finished, by the server alone or by the same
command again.
"""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.clients import s3_client
from harness.damage import remove, shards
from harness.objects import Population, body_for
from harness.server import Server, write_config

from arrays import assert_sound, nothing_left

KILLS = 6
LONGEST_SECONDS = 0.4
WRITERS = 4


class Load:
    """Writers that go on until they are told to stop; what was acknowledged joins the population."""

    def __init__(self, server: Server, population: Population, label: str) -> None:
        self.server, self.population, self.label = server, population, label
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(WRITERS)]
        self.doubtful: set[str] = set()
        self.lock = threading.Lock()

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
        # A write that was cut off may or may not be there: it is made certain.
        s3 = s3_client(self.server.endpoint)
        for key in sorted(self.doubtful - set(self.population.bodies)):
            s3.delete_object(Bucket=self.population.bucket, Key=key)

    def write(self, writer: int) -> None:
        s3 = s3_client(self.server.endpoint, timeout=10)
        number = 0
        while not self.stop.is_set():
            key = f"{self.label}/{writer}/{number}"
            number += 1
            body = body_for(key, [400, 9_000, 300_000][number % 3])
            try:
                answer = s3.put_object(Bucket=self.population.bucket, Key=key, Body=body)
            except (BotoCoreError, ClientError, OSError):
                with self.lock:
                    self.doubtful.add(key)
                time.sleep(0.05)
                continue
            with self.lock:
                self.population.bodies[key] = body
                self.population.etags[key] = answer["ETag"]


def kill_in_the_middle(server: Server, words: list[str], rng: random.Random) -> bool:
    """Kills the server in the middle of a command; true when that left work to do."""
    work = server.spawn(*words)
    time.sleep(rng.uniform(0.02, LONGEST_SECONDS))
    server.kill()
    work.wait(timeout=60)
    server.start()
    return not nothing_left(server)


NAMES = [f"p{number}" for number in range(1, 7)]
# What kills left of writes is collected at once.
IMPATIENT = "[collect]\ngarbage_age_seconds = 0\norphan_age_seconds = 0\n"


def six(start: Any, tmp_path: Path, layout: str) -> Server:
    return start(config=write_config(tmp_path / "dolium.toml", tmp_path / "data", "", layout, NAMES))


def test_drain(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = six(start, tmp_path, "erasure:3+1")
    population = Population(s3_client(server.endpoint), "killed", rng)
    population.fill("before", 120)
    met = 0
    with Load(server, population, "drain"):
        for _ in range(KILLS):
            met += kill_in_the_middle(server, ["provider", "drain", "p2"], rng)
            # It gets its part again, so that the next kill meets work, too.
            server.cli_ok("provider", "keep", "p2")
            met += kill_in_the_middle(server, ["array", "rebalance", "default"], rng)
    assert met > 0, "no kill met work"
    population.verify()
    kill_in_the_middle(server, ["provider", "drain", "p2"], rng)
    server.cli_ok("provider", "drain", "p2")
    population.verify()
    assert server.config is not None
    write_config(server.config, server.data_dir, IMPATIENT, "erasure:3+1", NAMES)
    server.restart()
    server.cli_ok("collect")
    assert shards(server.provider("p2")) == []
    assert_sound(server)
    server.cli_ok("provider", "remove", "p2")
    remove(server.provider("p2"))
    remove(server.provider(rng.choice(["p1", "p3", "p4", "p5", "p6"])))
    population.verify()


def test_layout(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = six(start, tmp_path, "mirror:2")
    population = Population(s3_client(server.endpoint), "killed", rng)
    population.fill("before", 120)
    met = 0
    with Load(server, population, "layout"):
        for number in range(KILLS):
            layout = ["erasure:4+2", "mirror:3", "erasure:3+2"][number % 3]
            met += kill_in_the_middle(server, ["array", "layout", "default", layout], rng)
    assert met > 0, "no kill met work"
    population.verify()
    server.cli_ok("array", "layout", "default", "erasure:4+2")
    assert nothing_left(server)
    population.verify()
    assert_sound(server)
    for name in rng.sample(["p1", "p2", "p3", "p4", "p5", "p6"], 2):
        remove(server.provider(name))
    population.verify()
