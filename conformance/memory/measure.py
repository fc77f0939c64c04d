"""Measures the server's memory and speed while large objects go in and out.

Usage: python memory/measure.py --binary target/release/dolium [--clients 16] [--object-mib 1024]
                                [--huge-gib 20] [--dir DIR]
What: N clients put one object each at once, then get them at once; then one huge object goes in by
multipart upload and out again. The server's resident set is sampled all the while from /proc.
Promises: bodies are pseudo-random, made and verified on the fly, never held; it prints a Markdown
table. Does not: judge; `test_memory.py` does, on a small scale.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.server import Server  # noqa: E402

from traffic import Result, huge_object, many_clients  # noqa: E402


def table(results: list[Result]) -> str:
    rows = ["| step | bytes | seconds | MiB/s | server CPU s | CPU s/GiB | peak RSS MiB |"]
    rows.append("|---|--:|--:|--:|--:|--:|--:|")
    for r in results:
        gib = r.bytes / (1 << 30)
        rows.append(
            f"| {r.step} | {gib:.2f} GiB | {r.seconds:.1f} | {r.bytes / (1 << 20) / r.seconds:.0f} "
            f"| {r.cpu_seconds:.1f} | {r.cpu_seconds / gib:.2f} | {r.rss_mib_max:.0f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--object-mib", type=int, default=1024)
    parser.add_argument("--huge-gib", type=int, default=20)
    parser.add_argument("--dir", type=Path, help="where data lie; default: a temporary directory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as folder:
        server = Server(Path(folder) / "data", binary_path=arguments.binary.resolve()).start()
        try:
            results = many_clients(server, arguments.clients, arguments.object_mib << 20)
            if arguments.huge_gib:
                results += huge_object(server, arguments.huge_gib << 30)
        finally:
            server.end()
    print(table(results))


if __name__ == "__main__":
    main()
