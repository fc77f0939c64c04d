"""What the tests of this suite share: questions to a server about its array."""

from __future__ import annotations

import json
from typing import Any

from harness.server import Server


def directory(server: Server, name: str) -> list[str]:
    """The words that add a directory as a provider."""
    return ["provider", "add", name, "--kind", "directory", "-o", f"path={server.provider(name)}"]


def providers(server: Server) -> dict[str, dict[str, Any]]:
    listed = json.loads(server.cli_ok("provider", "list", "--json").out)
    return {one["name"]: one for one in listed}


def array(server: Server) -> dict[str, Any]:
    (only,) = json.loads(server.cli_ok("array", "list", "--json").out)
    return only


def status(server: Server) -> dict[str, Any]:
    (only,) = json.loads(server.cli_ok("status", "--json").out)["arrays"]
    return only


def nothing_left(server: Server) -> bool:
    left = array(server)["left"]
    return not left["leaving"] and not left["packs_cut_otherwise"] and not left["rebalance"]


def assert_sound(server: Server) -> None:
    for words in (["check"], ["scrub"]):
        answer = server.cli(*words, "--json")
        assert answer.code == 0 and answer.findings() == [], answer.out[-3000:] + answer.err
