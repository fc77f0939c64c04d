"""Storage services of five kinds, as members of an array: S3, Azure Blob, Swift, WebDAV, SFTP.

What: starts real servers on loopback, kills, freezes and starts them again over the same data, and says
how a provider of Dolium reaches them.
Why: an array is there for services that have nothing in common, so that they fail apart.
Promises: only processes started here are signalled, by their ids, with their children (OpenSSH has one
for each connection, which outlives it); a service keeps its port and its data over restarts.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from .server import ACCESS_KEY, SECRET_KEY, Server, free_port

PROVIDERS = Path(__file__).parents[1] / "providers"
# Node's servers take a while to begin on a busy machine.
START_SECONDS_MAX = 60.0


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(one for child in children for one in family(int(child)))]


@dataclass
class Service:
    """One server of others, kept in a folder: one that `providers/serve.sh` knows."""

    name: str
    kind: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        assert self.process is None, f"{self.name} runs already"
        first = not self.folder.exists()
        if first:
            subprocess.run([PROVIDERS / "serve.sh", "--install", self.name], check=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o755)
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROVIDERS / "serve.sh", self.name, self.folder, str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait()
        if first:
            self.prepare()

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process is not None
                alive = self.process.poll() is None and time.monotonic() < deadline
                assert alive, f"{self.name} did not start\n{self.log()}"
                time.sleep(0.05)

    def log(self) -> str:
        file = self.folder.with_suffix(".log")
        return file.read_text(errors="replace")[-3000:] if file.exists() else "(no log)"

    def prepare(self) -> None:
        """Makes the container that an administrator would have made."""
        if self.name == "azurite":
            script = PROVIDERS / "azure_container.py"
            subprocess.run(["python3", script, self.folder / "options.json"], check=True)

    def options(self) -> dict[str, str]:
        """How a provider of Dolium reaches it."""
        options: dict[str, str] = json.loads((self.folder / "options.json").read_text())
        return options

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None, f"{self.name} does not run"
        for pid in family(self.process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """SIGKILL: connections break, nothing is finished."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()
        self.process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def end(self) -> None:
        """For clean-up: whatever state it is in, it is gone afterwards."""
        if self.process is not None:
            self.kill()


@dataclass
class SwiftService(Service):
    """Swift's API, by a Dolium of its own with an array of its own."""

    server: Server | None = None

    def start(self) -> None:
        if self.server is None:
            self.folder.mkdir(parents=True)
            self.server = Server(self.folder / "data", http_port=self.port)
            self.server.start()
            self.process = self.server.process
            self.prepare()
        else:
            self.server.start()
            self.process = self.server.process

    def prepare(self) -> None:
        assert self.server is not None
        self.server.cli_ok("user", "add", "ada", "--swift", "home:ada", "--secret-key", SECRET_KEY)
        headers = {"X-Auth-User": "home:ada", "X-Auth-Key": SECRET_KEY}
        signed = urllib.request.Request(self.options()["auth"], headers=headers)
        with urllib.request.urlopen(signed, timeout=30) as answer:
            token, url = answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"]
        made = urllib.request.Request(f"{url}/dolium", method="PUT", headers={"X-Auth-Token": token})
        urllib.request.urlopen(made, timeout=30).close()

    def options(self) -> dict[str, str]:
        auth = f"http://127.0.0.1:{self.port}/auth/v1.0"
        return {"auth": auth, "user": "home:ada", "key": SECRET_KEY, "container": "dolium"}

    def kill(self) -> None:
        super().kill()
        assert self.server is not None
        self.server.process = None


def five_kinds(folder: Path) -> list[Service]:
    """One service of each kind, not started."""
    return [
        Service("s3rver", "s3", folder / "s3rver"),
        Service("azurite", "azblob", folder / "azurite"),
        SwiftService("swift", "swift", folder / "swift"),
        Service("webdav", "webdav", folder / "webdav"),
        Service("sftp", "sftp", folder / "sftp"),
    ]


def array_config(file: Path, services: list[Service], layout: str, more: str = "") -> Path:
    """The configuration of an array over services."""
    text = more
    for service in services:
        options = ", ".join(f"{key} = {json.dumps(value)}" for key, value in service.options().items())
        text += f'\n[[provider]]\nname = "{service.name}"\nkind = "{service.kind}"\n'
        text += f"options = {{ {options} }}\n"
    names = ", ".join(f'"{service.name}"' for service in services)
    text += f'\n[[array]]\nname = "default"\nlayout = "{layout}"\nproviders = [{names}]\n'
    file.write_text(text)
    return file
