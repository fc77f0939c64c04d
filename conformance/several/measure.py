"""What several servers cost and give: small PUTs at one server and at two, over one PostgreSQL.

Usage: conformance/postgres/run.sh bash -c 'cd conformance && python several/measure.py'
Prints one line for each case: clients, servers, writes a second, and the median and 99th percentile of an answer.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.clients import s3_client  # noqa: E402
from harness.objects import body_for  # noqa: E402
from harness.server import Server  # noqa: E402

from servers import new_database, write_several  # noqa: E402

SECONDS = 8.0
WARM_SECONDS = 1.0
LENGTH = 4096


def put_for(client: Any, label: str, until: float, taken: list[float]) -> None:
    number = 0
    while (started := time.monotonic()) < until:
        number += 1
        client.put_object(Bucket="measured", Key=f"{label}/{number}", Body=body_for(f"{label}/{number}", LENGTH))
        taken.append(time.monotonic() - started)


def load(servers: list[Server], clients: int, seconds: float, label: str) -> list[float]:
    """Clients take turns over the servers; gives the seconds that each answer took."""
    until = time.monotonic() + seconds
    taken: list[list[float]] = [[] for _ in range(clients)]
    threads = []
    for number in range(clients):
        s3 = s3_client(servers[number % len(servers)].endpoint)
        words = (s3, f"{label}/{number}", until, taken[number])
        threads.append(threading.Thread(target=put_for, args=words))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(second for one in taken for second in one)


def case(folder: Path, count: int, clients: int) -> None:
    config = write_several(folder / "dolium.toml", folder / "providers", new_database())
    servers: list[Server] = []
    try:
        for number in range(count):
            server = Server(folder / f"server{number}", config=config)
            if servers:
                server.data_dir.mkdir()
                server.recovery_key.write_bytes(servers[0].recovery_key.read_bytes())
            servers.append(server.start())
        s3_client(servers[0].endpoint).create_bucket(Bucket="measured")
        load(servers, clients, WARM_SECONDS, "warm")
        taken = load(servers, clients, SECONDS, "put")
        median, last = statistics.median(taken), taken[int(len(taken) * 0.99)]
        print(
            f"| {count} | {clients} | {len(taken) / SECONDS:.0f} | {median * 1000:.1f} | "
            f"{last * 1000:.1f} |",
            flush=True,
        )
    finally:
        for server in servers:
            server.end()


if __name__ == "__main__":
    print("| servers | clients | PUT/s | median ms | p99 ms |")
    print("|---|---|---|---|---|")
    for servers_count, clients_count in ((1, 1), (2, 1), (1, 2), (2, 2), (1, 16), (2, 16)):
        with tempfile.TemporaryDirectory() as name:
            case(Path(name), servers_count, clients_count)
