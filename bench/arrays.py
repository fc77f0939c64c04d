"""Measures an array beside rclone's union with crypt: healthy, with a member lost, with a member frozen; repair; requests.

Usage: bench/arrays.py [--part directories|frozen|repair|requests]… [--mib N] [--small N] [--rounds N]
Environment: DOLIUM_BIN is the binary. bench/array.sh installs what is needed and calls this.
Dolium has `erasure:3+2` over five members and survives two of them; it fsyncs. rclone's union writes all of a
file to each of five members, and does not. Prints tables of Markdown; starts its own servers on loopback and ends them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))

from arrays_subjects import SMALL, Cost, Dolium, Rclone  # noqa: E402

from harness.server import Server  # noqa: E402
from harness.services import Service, array_config  # noqa: E402

MEMBERS = ("m1", "m2", "m3", "m4", "m5")
LAYOUT = "erasure:3+2"
MIB = 1 << 20


class Directory(Service):
    """A directory as a member."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder.name, "directory", folder, port=0)

    def options(self) -> dict[str, str]:
        return {"path": str(self.folder)}


def row(subject: str, what: str, costs: list[Cost], size: int) -> None:
    """One line: the median run, its rate, and what a second of the processor did."""
    failed = next((cost.failed for cost in costs if cost.failed), "")
    seconds = median(cost.seconds for cost in costs)
    cpu = median(cost.cpu for cost in costs)
    if failed:
        print(f"| {what} | {subject} | {seconds:.2f} | – | {cpu:.2f} | – | **fails**: {failed} |", flush=True)
        return
    per_cpu = size / 1e6 / max(cpu, 0.005)
    print(f"| {what} | {subject} | {seconds:.2f} | {size / 1e6 / seconds:.0f} | {cpu:.2f} | {per_cpu:.0f} | |", flush=True)


HEAD = (
    "| | | seconds | MB/s | CPU s | MB per CPU s | |\n|---|---|--:|--:|--:|--:|---|"
)


@contextmanager
def dolium(folder: Path, members: list[Service], more: str = "") -> Iterator[Dolium]:
    folder.mkdir()
    config = array_config(folder / "dolium.toml", members, LAYOUT)
    config.write_text(more + config.read_text())
    server = Server(folder / "data", config=config).start()
    try:
        yield Dolium(server)
    finally:
        server.end()


def fresh(settings: argparse.Namespace) -> list[bytes]:
    """A large body for each round."""
    return [os.urandom(settings.mib * MIB) for _ in range(settings.rounds)]


def fresh_small(count: int) -> list[bytes]:
    return [os.urandom(SMALL) for _ in range(count)]


def directories(work: Path, settings: argparse.Namespace) -> None:
    """All members are directories; one is taken away."""
    # Nothing is sent twice: what the array has already would not be stored again.
    big, lost = fresh(settings), fresh(settings)
    length = settings.mib * MIB
    small, small_lost = fresh_small(settings.small), fresh_small(settings.small)
    print(f"\n{settings.mib} MiB in one object; {settings.small} of 4 KiB, four at a time.\n\n{HEAD}")
    rounds = range(settings.rounds)
    members = [Directory(work / "own" / name) for name in MEMBERS]
    (work / "own").mkdir()
    with dolium(work / "dolium", members) as own:
        own.put_big("warm", os.urandom(length))
        row("Dolium", "put large", [own.put_big(f"big{n}", big[n]) for n in rounds], length)
        own.server.restart()
        # Shards are written past the page cache: the first pass is the disk's, before and after the loss.
        for what in ("get large, from disk", "get large"):
            row("Dolium", what, [own.get_big(f"big{n}", big[n]) for n in rounds], length)
        row("Dolium", "put small", [own.put_small("small", small)], settings.small * SMALL)
        own.server.restart()
        row("Dolium", "get small", [own.get_small("small", small)], settings.small * SMALL)
        aside = work / "aside"
        members[0].folder.rename(aside)
        for what in ("get large, one lost, from disk", "get large, one lost"):
            row("Dolium", what, [own.get_big(f"big{n}", big[n]) for n in rounds], length)
        row("Dolium", "put large, one lost", [own.put_big(f"lost{n}", lost[n]) for n in rounds], length)
        row("Dolium", "put small, one lost", [own.put_small("lost", small_lost)], settings.small * SMALL)
        own.server.restart()
        row("Dolium", "get small, one lost", [own.get_small("small", small)], settings.small * SMALL)
    shutil.rmtree(work / "own")
    (work / "own").mkdir()
    with dolium(work / "opaque", members, '[s3]\netag = "opaque"\n') as own:
        own.put_big("warm", os.urandom(length))
        row("Dolium", "put large, ETags that are no MD5", [own.put_big(f"big{n}", big[n]) for n in rounds], length)
    shutil.rmtree(work / "own")
    folders = [work / "peer" / name for name in MEMBERS]
    for folder in folders:
        folder.mkdir(parents=True)
    peer = Rclone(work / "rclone", [str(folder) for folder in folders], {})
    row("rclone", "put large", [peer.put_big(f"big{n}", big[n]) for n in rounds], length)
    row("rclone", "get large", [peer.get_big(f"big{n}", big[n]) for n in rounds], length)
    row("rclone", "put small", [peer.put_small("small", small)], settings.small * SMALL)
    row("rclone", "get small", [peer.get_small("small", small)], settings.small * SMALL)
    folders[0].rename(work / "aside-peer")
    # In place of the directory is something that cannot be one: rclone would make it anew, unasked.
    folders[0].write_text("not mounted")
    row("rclone", "get large, one lost", [peer.get_big(f"big{n}", big[n]) for n in rounds], length)
    row("rclone", "put large, one lost", [peer.put_big("lost0", lost[0])], length)
    row("rclone", "put small, one lost", [peer.put_small("lost", small_lost)], settings.small * SMALL)
    row("rclone", "get small, one lost", [peer.get_small("small", small)], settings.small * SMALL)


def each(work: Callable[[str, bytes], Cost], folder: str, bodies: list[bytes]) -> list[float]:
    """Milliseconds of each of many, one after the other, sorted."""
    return sorted(work(f"{folder}-{n}", body).seconds * 1000 for n, body in enumerate(bodies))


def frozen(work: Path, settings: argparse.Namespace) -> None:
    """Four directories and a WebDAV server that is stopped while it holds its connections."""
    big, later = fresh(settings), fresh(settings)
    length = settings.mib * MIB
    small = {kind: fresh_small(50) for kind in ("ready", "later", "healthy", "frozen")}
    service = Service("webdav", "webdav", work / "services" / "webdav")
    (work / "services").mkdir()
    members = [Directory(work / "services" / name) for name in MEMBERS[:4]]
    service.start()
    members.insert(0, service)
    latency = "| {} | {} | {:.1f} | {:.1f} | {:.1f} |"
    print(f"\n{settings.mib} MiB in one object; four directories and Apache.\n\n{HEAD}")
    try:
        lines = []
        with dolium(work / "dolium", members) as own:
            for kind in ("ready", "later"):
                each(own.put_big, kind, small[kind])
            own.put_big("warm", os.urandom(length))
            row("Dolium", "put large", [own.put_big(f"big{n}", big[n]) for n in range(settings.rounds)], length)
            row("Dolium", "get large", [own.get_big("big0", big[0])], length)
            own.server.restart()
            own.get_big("big0", big[0])
            lines.append(("get 4 KiB", each(own.get_big, "ready", small["ready"])))
            lines.append(("put 4 KiB", each(own.put_big, "healthy", small["healthy"])))
            service.freeze()
            lines.append(("get 4 KiB, one frozen", each(own.get_big, "later", small["later"])))
            row("Dolium", "get large, one frozen", [own.get_big("big0", big[0])], length)
            first = own.put_big("first", os.urandom(SMALL)).seconds * 1000
            lines.append(("the first put of 4 KiB, one frozen", [first]))
            lines.append(("put 4 KiB, one frozen", each(own.put_big, "frozen", small["frozen"])))
            for n in range(settings.rounds):
                row("Dolium", f"put large, one frozen ({n + 1})", [own.put_big(f"frozen{n}", later[n])], length)
            service.thaw()
        peer = webdav_peer(work, service)
        row("rclone", "put large", [peer.put_big("big", big[0])], length)
        row("rclone", "get large", [peer.get_big("big", big[0])], length)
        service.freeze()
        row("rclone", "get large, one frozen", [peer.get_big("big", big[0])], length)
        row("rclone", "put large, one frozen", [peer.put_big("frozen", later[0])], length)
    finally:
        service.end()
    print("\nOne after the other, by one client, milliseconds:\n\n| | | p50 | p95 | max |\n|---|---|--:|--:|--:|")
    for what, times in lines:
        print(latency.format(what, "Dolium", median(times), times[len(times) * 95 // 100], times[-1]))


def webdav_peer(work: Path, service: Service) -> Rclone:
    """rclone over four directories of its own and the same WebDAV server."""
    folders = [work / "peer" / name for name in MEMBERS[:4]]
    for folder in folders:
        folder.mkdir(parents=True)
    options = service.options()
    hidden = subprocess.check_output(["rclone", "obscure", options["password"]], text=True).strip()
    remote = {
        "type": "webdav",
        "vendor": "other",
        "url": options["endpoint"],
        "user": options["username"],
        "pass": hidden,
    }
    return Rclone(work / "rclone", ["dav:peer", *map(str, folders)], {"dav": remote})


def bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def repair(work: Path, settings: argparse.Namespace) -> None:
    """One of five directories loses everything, twice: repaired by listings, then with every byte verified."""
    members = [Directory(work / "own" / name) for name in MEMBERS]
    (work / "own").mkdir()
    count = max(1, 1024 // settings.mib) if settings.mib >= 64 else 4
    print("\n| | stored | lost at one member | read | read / lost | put back | seconds | CPU s |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    with dolium(work / "dolium", members) as own:
        for n in range(count):
            own.put_big(f"big{n}", os.urandom(settings.mib * MIB))
        own.server.restart()
        own.server.cli_ok("check")
        for member, words in ((members[0], ["repair", "--quick"]), (members[1], ["repair"])):
            lost = bytes_below(member.folder)
            shutil.rmtree(member.folder)
            read = own.metric("dolium_provider_read_bytes_total")
            cpu, begun = own.cpu(), time.perf_counter()
            own.server.cli(*words)
            seconds, cpu = time.perf_counter() - begun, own.cpu() - cpu
            read = own.metric("dolium_provider_read_bytes_total") - read
            assert own.server.cli("check").code == 0, "the repair left something"
            back = bytes_below(member.folder)
            print(
                f"| `{' '.join(words)}` | {count * settings.mib} MiB | {lost / MIB:.1f} MiB | {read / MIB:.1f} MiB | "
                f"{read / lost:.2f} | {back / MIB:.1f} MiB | {seconds:.2f} | {cpu:.2f} |",
                flush=True,
            )


def requests(work: Path, settings: argparse.Namespace) -> None:
    """What a PUT costs at providers, alone and in company."""
    members = [Directory(work / "own" / name) for name in MEMBERS]
    (work / "own").mkdir()
    print("\n| | requests per PUT | bytes per PUT | × the object |\n|---|--:|--:|--:|")
    with dolium(work / "dolium", members) as own:
        large = 16 if settings.mib >= 64 else 1
        for what, len_mib, count, clients in (
            ("4 KiB, alone", 0, 200, 1),
            ("4 KiB, 16 at a time", 0, 1600, 16),
            ("64 MiB, alone", 64, 4, 1),
            ("64 MiB, 16 at a time", 64, large, 16),
        ):
            # The journal is merged now and then; a check does it before the count begins.
            own.server.cli_ok("check")
            bodies = [os.urandom(len_mib * MIB or SMALL) for _ in range(count)]
            calls, sent = (own.metric(f"dolium_provider_{name}_total") for name in ("operations", "written_bytes"))
            own.put_small(what.replace(" ", "-").replace(",", ""), bodies, clients)
            calls = own.metric("dolium_provider_operations_total") - calls
            sent = own.metric("dolium_provider_written_bytes_total") - sent
            ratio = sent / sum(map(len, bodies))
            print(f"| {what} | {calls / count:.1f} | {sent / count:,.0f} | {ratio:.2f} |", flush=True)


PARTS = {"directories": directories, "frozen": frozen, "repair": repair, "requests": requests}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--part", action="append", choices=PARTS, help="default: all")
    arguments.add_argument("--mib", type=int, default=256, help="the large object")
    arguments.add_argument("--small", type=int, default=1000, help="small objects")
    arguments.add_argument("--rounds", type=int, default=3, help="runs of which the median counts")
    settings = arguments.parse_args()
    for part in settings.part or PARTS:
        load = Path("/proc/loadavg").read_text().split()[0]
        print(f"\n### {part} (load {load})", flush=True)
        with tempfile.TemporaryDirectory(prefix="dolium-array-") as folder:
            # Apache's workers are another user.
            Path(folder).chmod(0o755)
            PARTS[part](Path(folder), settings)


if __name__ == "__main__":
    main()
