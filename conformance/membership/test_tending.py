"""Arrays care for themselves: nobody asks for a check, a scrub or a repair here."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

from harness.clients import s3_client
from harness.damage import flip_bits, lose_shards
from harness.objects import Population
from harness.server import Server, environment, write_config
from harness.waiting import wait_for

from arrays import assert_sound, status

# Often enough for a test; the defaults are a day and a month.
CARE = "[care]\ncheck_hours = 0.0003\nscrub_days = 0.00002\n"


def tended(start: Any, tmp_path: Path) -> Server:
    return start(config=write_config(tmp_path / "dolium.toml", tmp_path / "data", CARE))


def test_lost_and_rotten_shards_are_mended(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = tended(start, tmp_path)
    population = Population(s3_client(server.endpoint), "tending", rng)
    population.fill("x", 40)
    server.cli_ok("check")
    for harm in (lose_shards, flip_bits):
        before = status(server)["care"]["mended"]
        harm(server.provider(rng.choice(["p1", "p2", "p3", "p4"])), rng)
        wait_for(lambda: status(server)["care"]["mended"] > before, True)
        wait_for(lambda: server.cli("scrub").code, 0)
        population.verify()
    assert_sound(server)
    care = status(server)["care"]
    assert care["checked"] > 0 and care["scrubbed"] > 0
    shown = server.cli_ok("status").out
    assert "shards were mended without being asked" in shown and "checked" in shown


def test_a_scrub_keeps_to_its_budget(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = tended(start, tmp_path)
    Population(s3_client(server.endpoint), "tending", rng).fill("x", 40)
    server.stop()
    assert server.config is not None
    text = server.config.read_text()
    server.config.write_text(text.replace("[care]\n", "[care]\nscrub_gib_per_day = 0.001\n"))
    server.start()

    def spent() -> bool:
        care = status(server)["care"]
        return bool(care["scrub_cursor"]) and care["scrub_day_bytes"] >= 1 << 20

    wait_for(spent, True)
    # What one blob was beyond the budget is the most that is beyond it.
    assert status(server)["care"]["scrub_day_bytes"] < 40 << 20


def test_status_watches(start: Any) -> None:
    server = start()
    words = ["status", "--watch", "1", "--json", "--data-dir", str(server.data_dir)]
    watching = subprocess.Popen(
        [str(server.binary_path), *words], stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert watching.stdout is not None
        started = time.monotonic()
        seen = [json.loads(watching.stdout.readline()) for _ in range(3)]
        assert time.monotonic() - started > 1.5, "there is no pause between the looks"
        assert all(one["arrays"][0]["state"] == "healthy" for one in seen)
        assert watching.poll() is None, "it ends by itself"
    finally:
        watching.terminate()
        watching.wait(timeout=10)
    assert server.cli("status", "--watch", "0").code == 2
