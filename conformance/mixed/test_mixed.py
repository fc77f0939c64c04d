"""restic over an array of five kinds of service, of which two are killed in turn.

Every step of the promise: a backup during which one service is killed and then another, a second backup
and a restore without both, their return with the data they had, a repair, a clean check and scrub; and
then the loss of two others, which only a complete repair survives.
"""

from __future__ import annotations

import random
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from harness.clients import Tools, s3_client
from harness.server import Server
from harness.services import Service, array_config
from harness.trees import copy_real_files, pseudo_random, real_sources, same

TREE_FILES_MAX = 4000
TREE_BYTES_MAX = 96 << 20
REPAIR_SECONDS_MAX = 120.0


def tree_of_files(target: Path) -> Path:
    """Some thousand real files and one that does not compress."""
    target.mkdir()
    copied = copy_real_files(target, real_sources(), TREE_FILES_MAX, TREE_BYTES_MAX)
    assert copied > 300, f"only {copied} real files found"
    pseudo_random(target / "large.bin", (32 << 20) + 7, "mixed")
    return target


def kill_in_turn(victims: list[Service], seconds: float) -> threading.Thread:
    """Kills one after the other while something else goes on."""

    def run() -> None:
        for victim in victims:
            time.sleep(seconds)
            victim.kill()
            print(f"killed {victim.name}")

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def repaired(server: Server) -> None:
    """Services that were away are tried again only after a pause, so repair may take a second go."""
    deadline = time.monotonic() + REPAIR_SECONDS_MAX
    while True:
        answer = server.cli("repair")
        if answer.code == 0 and server.cli("check").code == 0:
            return
        assert time.monotonic() < deadline, f"repair does not mend: {answer}\n{server.log_tail()}"
        time.sleep(1)


def restore(tools: Tools, tree: Path, target: Path) -> None:
    tools.restic("backup", "restore", "latest", "--no-cache", "--target", target)
    same(tree, target / tree.relative_to("/"))
    subprocess.run(["rm", "-rf", target], check=True)


def test_restic_while_two_of_five_services_die(
    services: list[Service], start: Any, tmp_path: Path, rng: random.Random
) -> None:
    config = array_config(tmp_path / "dolium.toml", services, "erasure:3+2")
    server = start(config=config)
    s3_client(server.endpoint).create_bucket(Bucket="backup")
    home = tmp_path / "home"
    home.mkdir()
    tools = Tools(server.endpoint, home)
    tree = tree_of_files(tmp_path / "tree")
    first, second, *others = rng.sample(services, len(services))
    tools.restic("backup", "init")

    killer = kill_in_turn([first, second], seconds=2)
    begun = time.monotonic()
    tools.restic("backup", "backup", tree)
    print(f"backup: {time.monotonic() - begun:.1f} s")
    killer.join()

    pseudo_random(tree / "large.bin", 8 << 20, "changed")
    (tree / "added").write_text("written while two services are away")
    tools.restic("backup", "backup", tree)
    restore(tools, tree, tmp_path / "without two")

    away = server.cli("check")
    assert away.code == 1, away
    assert first.name in away.text and second.name in away.text, away.text[-2000:]
    for service in (first, second):
        service.start()
    begun = time.monotonic()
    repaired(server)
    print(f"repair: {time.monotonic() - begun:.1f} s")
    for words in (["check"], ["scrub"]):
        answer = server.cli(*words, "--json")
        assert answer.code == 0 and answer.findings() == [], answer.out[-3000:] + answer.err

    for service in others[:2]:
        service.kill()
    tools.restic("backup", "check")
    restore(tools, tree, tmp_path / "without two others")
