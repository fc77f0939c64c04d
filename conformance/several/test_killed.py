"""One of two servers is killed under load, again and again; nothing acknowledged is lost, and the other goes on.

Environment: DOLIUM_SEVERAL_ROUNDS (default 20), DOLIUM_SEED replays the choices (not the instants at which the
operating system lets threads run).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.clients import s3_client
from harness.server import Server, run_binary

from load import WORKERS, Load, Worker
from servers import new_database, write_several
from verify import verify

ROUNDS = int(os.environ.get("DOLIUM_SEVERAL_ROUNDS", "20"))
LOAD_SECONDS = (0.1, 0.9)
# Everything that is garbage goes at once, unless a server says that it may need it.
IMPATIENT = "[collect]\ngarbage_age_seconds = 0\norphan_age_seconds = 5\n"


class ServersWorker(Worker):
    """A client of one of the servers. Only the death of its own excuses a failure."""

    def __init__(self, load: Load, round_number: int, number: int, s3: Any, dying: threading.Event):
        super().__init__(replace(load, s3=s3), round_number, number)
        self.dying = dying

    def run(self) -> None:
        calls, weights = zip(*self.kinds, strict=True)
        while not self.load.halted.is_set() and not self.dying.is_set():
            call = self.rng.choices(calls, weights)[0]
            try:
                call()
            except (BotoCoreError, ClientError, OSError) as error:
                if self.dying.is_set():
                    return
                self.load.unexpected.append(f"{call.__name__}: {error!r}")
                continue
            with self.load.lock:
                counts = self.load.counts
                counts[call.__name__] = counts.get(call.__name__, 0) + 1


def round_of_load(
    load: Load, clients: list[Any], servers: list[Server], number: int, rng: random.Random
) -> None:
    """Load on both; one is killed in the middle of it and started again while the other still serves."""
    load.halted.clear()
    dying = [threading.Event(), threading.Event()]
    workers = [
        ServersWorker(load, number, n, clients[n % 2], dying[n % 2]) for n in range(WORKERS)
    ]
    threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(*LOAD_SECONDS))
    victim = rng.randrange(2)
    care: subprocess.Popen[bytes] | None = None
    if number % 4 == 3:
        care = servers[rng.randrange(2)].spawn("collect")
    dying[victim].set()
    servers[victim].kill()
    time.sleep(rng.uniform(*LOAD_SECONDS))
    servers[victim].start()
    load.halted.set()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "a client hangs"
    if care is not None:
        care.wait(timeout=60)


def test_nothing_acknowledged_is_lost(cluster: Any, rng: random.Random, tmp_path: Path) -> None:
    servers: list[Server] = cluster(more=IMPATIENT)
    clients = [s3_client(server.endpoint, timeout=40) for server in servers]
    load = Load(clients[0], f"{rng.random()}")
    load.prepare()
    for number in range(ROUNDS):
        round_of_load(load, clients, servers, number, rng)
        load.s3 = clients[number % 2]
        load.complete_open_uploads(rng)
        wrong = verify(load)
        logs = "\n".join(server.log_tail() for server in servers)
        assert not wrong, f"round {number}: {wrong[:10]}\n{logs}"
        assert not load.unexpected, f"round {number}: {load.unexpected[:10]}\n{logs}"
    print(f"{ROUNDS} rounds: {load.counts}")
    assert sum(load.counts.values()) > ROUNDS * 10, "there was hardly any load"

    servers[0].cli_ok("collect")
    servers[1].cli_ok("repair")
    answer = servers[0].cli("scrub", "--json")
    assert answer.code == 0, answer.out[-3000:]
    for client in clients:
        load.s3 = client
        assert verify(load, everything=True) == []
    recover(servers, clients, load, tmp_path, cluster)


def recover(
    servers: list[Server], clients: list[Any], load: Load, tmp_path: Path, cluster: Any
) -> None:
    """Both are killed under load, and the database is lost with them: the array has everything."""
    load.halted.clear()
    dying = threading.Event()
    workers = [ServersWorker(load, ROUNDS, n, clients[n % 2], dying) for n in range(WORKERS)]
    threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    dying.set()
    for server in servers:
        server.kill()
    for thread in threads:
        thread.join(timeout=60)
    key = tmp_path / "kept elsewhere"
    shutil.copy(servers[0].recovery_key, key)
    url = new_database()
    config = write_several(tmp_path / "again.toml", tmp_path / "providers", url, IMPATIENT)
    target = tmp_path / "recovered"
    words = ("--config", str(config), "--recovery-key", str(key), "--data-dir", str(target))
    answer = run_binary("recover", *words)
    assert answer.code == 0, answer
    again = cluster(more=IMPATIENT, key=key, url=url)
    load.s3 = s3_client(again[1].endpoint)
    wrong = verify(load, everything=True)
    assert not wrong and not load.unexpected, (wrong[:10], load.unexpected[:10])
    again[0].cli_ok("repair")
    answer = again[1].cli("check", "--json")
    assert answer.code == 0, answer.out[-3000:]
