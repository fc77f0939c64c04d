"""What providers do to data: vanish, lose files, rot.

Promises: choices come from the random generator given, so that a seed replays them; a flipped bit
really differs, and the claim record is left alone by rot.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path


def remove(provider: Path) -> None:
    """The provider is gone, directory and all."""
    shutil.rmtree(provider)
    assert not provider.exists()


def shards(provider: Path) -> list[Path]:
    """Every shard a provider holds, in a stable order."""
    kinds = ("packs", "journal", "snapshots")
    found = [path for kind in kinds for path in (provider / kind).rglob("*") if path.is_file()]
    return sorted(path for path in found if not path.name.startswith("."))


def flip_bits(provider: Path, rng: random.Random, share: float = 0.3) -> list[Path]:
    """Flips one random bit in some shards of a provider; gives those."""
    every = shards(provider)
    assert every, f"{provider} holds no shards"
    chosen = rng.sample(every, max(1, int(len(every) * share)))
    for path in chosen:
        flip_bit(path, rng)
    return chosen


def flip_bit(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def lose_shards(provider: Path, rng: random.Random, share: float = 0.3) -> int:
    """Deletes some shards of a provider; gives how many. A server may be removing some at the same time."""
    every = shards(provider)
    chosen = rng.sample(every, max(1, int(len(every) * share)))
    for path in chosen:
        path.unlink(missing_ok=True)
    return len(chosen)
