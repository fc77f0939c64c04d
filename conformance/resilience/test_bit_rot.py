"""Bits flip at a provider: reads stay right, scrub says who did it, repair mends it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from harness.damage import flip_bit, flip_bits, remove, shards

from test_lost_provider import assert_clean, filled


def test_rot_is_found_blamed_and_mended(start: Any, rng: random.Random) -> None:
    server = start()
    population = filled(server, rng)
    liar = rng.choice(["p1", "p2", "p3", "p4"])
    spoiled = flip_bits(server.provider(liar), rng)
    population.verify()

    scrubbed = server.cli("scrub", "--json")
    assert scrubbed.code == 1, scrubbed
    assert {finding["provider"] for finding in scrubbed.findings()} == {liar}
    # Journal batches that have been merged since are gone, and their rot with them.
    expected = {path.name for path in spoiled if path.exists()}
    named = {f"{finding['id']['name']}.{finding['index']}" for finding in scrubbed.findings()}
    assert named == expected and any(path.parent.parent.name == "packs" for path in spoiled)
    said = server.cli("scrub")
    assert said.code == 1 and liar in said.text

    server.cli_ok("repair")
    assert_clean(server, "scrub")
    assert_clean(server, "check")
    population.verify()

    other = next(name for name in ("p1", "p2", "p3", "p4") if name != liar)
    remove(server.provider(other))
    population.verify()


def test_rot_at_different_providers_of_different_packs(start: Any, rng: random.Random) -> None:
    """Every provider has some rot, but no pack more than one bad shard."""
    server = start()
    population = filled(server, rng)
    spoiled: set[str] = set()
    for name in rng.sample(["p1", "p2", "p3", "p4"], 4):
        fresh = [path for path in shards(server.provider(name)) if blob(path) not in spoiled]
        chosen = rng.sample(fresh, max(1, len(fresh) // 4))
        for path in chosen:
            flip_bit(path, rng)
        spoiled |= {blob(path) for path in chosen}
    population.verify()
    assert server.cli("scrub").code == 1
    server.cli_ok("repair")
    assert_clean(server, "scrub")
    population.verify()


def blob(shard: Path) -> str:
    """What a shard is a piece of: its name without the shard's number."""
    return shard.name.rsplit(".", 1)[0]
