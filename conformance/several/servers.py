"""What servers share, and what they tell: a database, a configuration, metrics."""

from __future__ import annotations

import os
import subprocess
import urllib.request
import uuid
from pathlib import Path

from harness.server import PROVIDERS, Server


def psql() -> Path:
    """PostgreSQL's client; Debian keeps it beside the server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    assert found, "PostgreSQL is not installed: run conformance/install.sh"
    return found[-1]


def new_database() -> str:
    """Makes an empty database; gives its URL."""
    server = os.environ["DOLIUM_TEST_POSTGRES"]
    name = f"several_{uuid.uuid4().hex[:12]}"
    command = [str(psql()), "-q", "-d", server, "-c", f"CREATE DATABASE {name}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return server.rsplit("/", 1)[0] + "/" + name


def write_several(file: Path, providers: Path, url: str, more: str = "") -> Path:
    """The configuration that all servers share."""
    text = f'[catalog]\nengine = "postgres"\nurl = "{url}"\n{more}'
    for name in PROVIDERS:
        text += f'\n[[provider]]\nname = "{name}"\nkind = "directory"\n'
        text += f'options = {{ path = "{providers / name}" }}\n'
    names = ", ".join(f'"{name}"' for name in PROVIDERS)
    text += f'\n[[array]]\nname = "default"\nlayout = "erasure:3+1"\nproviders = [{names}]\n'
    file.write_text(text)
    return file


def metric(server: Server, name: str) -> dict[str, float]:
    """The samples of a metric, by their labels."""
    url = f"http://127.0.0.1:{server.http_port}/metrics"
    text = urllib.request.urlopen(url, timeout=10).read().decode()
    lines = [line for line in text.splitlines() if line.startswith(name)]
    samples: dict[str, float] = {}
    for line in lines:
        head, value = line.rsplit(" ", 1)
        samples[head.removeprefix(name)] = float(value)
    return samples
