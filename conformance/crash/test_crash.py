"""The server is killed at random moments under load; what it acknowledged must be there afterwards.

Environment: DOLIUM_CRASH_ROUNDS (default 100), DOLIUM_SEED replays the choices (not the instants at
which the operating system lets threads run). Every tenth round the kill meets a repair, every tenth
a collection.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from harness.clients import s3_client
from harness.damage import lose_shards
from harness.server import PROVIDERS, Server, impatient_config

from load import Load
from verify import verify

ROUNDS = int(os.environ.get("DOLIUM_CRASH_ROUNDS", "100"))
# Long enough that a pack on its way is never taken for one that a crash left.
ORPHAN_SECONDS_UNDER_LOAD = 20
LOAD_SECONDS = (0.02, 1.0)
CARE_SECONDS = (0.01, 0.5)
# Care that was cut short is finished every this many rounds, before a provider is hurt again.
CYCLE = 10
REPAIR_ROUND, MEND_ROUND, COLLECT_ROUND = 3, 4, 7


@pytest.mark.timeout(60 + ROUNDS * 20)
def test_nothing_acknowledged_is_lost(start: Any, rng: random.Random, tmp_path: Path) -> None:
    seed = f"{rng.random()}"
    config = impatient_config(tmp_path / "dolium.toml", tmp_path / "data", ORPHAN_SECONDS_UNDER_LOAD)
    server: Server = start(config=config)
    load = Load(s3_client(server.endpoint, timeout=30), seed)
    load.prepare()
    for number in range(ROUNDS):
        crash_once(server, load, number, rng)
        server.start()
        if number % CYCLE == MEND_ROUND:
            server.cli_ok("repair")
        load.complete_open_uploads(rng)
        wrong = verify(load)
        assert not wrong, f"round {number}: {wrong[:10]}\n{server.log_tail()}"
        assert not load.unexpected, f"round {number}: {load.unexpected[:10]}\n{server.log_tail()}"
    print(f"{ROUNDS} rounds: {load.counts}")
    assert sum(load.counts.values()) > ROUNDS * 5, "there was hardly any load"

    server.stop()
    impatient_config(config, server.data_dir, 0)
    server.start()
    server.cli_ok("repair")
    server.cli_ok("collect")
    for care in ("check", "scrub"):
        answer = server.cli(care, "--json")
        assert answer.code == 0 and answer.findings() == [], answer.out[-3000:]
    assert verify(load, everything=True) == []


def crash_once(server: Server, load: Load, number: int, rng: random.Random) -> None:
    """Load, perhaps with care beside it, until the kill."""
    care: subprocess.Popen[bytes] | None = None
    if number % CYCLE == REPAIR_ROUND:
        lose_shards(server.provider(rng.choice(PROVIDERS)), rng)
    threads = load.start(number)
    time.sleep(rng.uniform(*LOAD_SECONDS))
    if number % CYCLE in (REPAIR_ROUND, COLLECT_ROUND):
        care = server.spawn("repair" if number % CYCLE == REPAIR_ROUND else "collect")
        time.sleep(rng.uniform(*CARE_SECONDS))
    load.halted.set()
    server.kill()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "a client hangs although its server is dead"
    if care is not None:
        care.wait(timeout=30)
