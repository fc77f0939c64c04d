"""A real `dolium serve` process, and the command line beside it.

What: starts the binary on free loopback ports, waits until it is healthy, stops or kills it, and
runs other commands on its data directory.
Why: every suite drives the product as its users do; nothing here looks inside.
Promises: only processes started here are signalled, by their ids; the log of a server that fails
to start or dies is part of the error; ports stay the same over restarts.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCESS_KEY = "dolium-conformance"
SECRET_KEY = "conformance-secret-0123456789"
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
COMMAND_SECONDS_MAX = 300.0
PORTS = (18_000, 30_000)
PROVIDERS = ("p1", "p2", "p3", "p4")


def binary() -> Path:
    """The binary under test."""
    default = Path(__file__).parents[2] / "target/debug/dolium"
    path = Path(os.environ.get("DOLIUM_BIN", default))
    assert path.is_file(), f"{path} is not there: build it or set DOLIUM_BIN"
    return path


def free_port() -> int:
    """A loopback port that is free now.

    It lies below the range from which the system takes the ports of outgoing connections: a client
    that tries again and again while the server is down must not end up in the server's place.
    """
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def records(self) -> list[dict[str, Any]]:
        """The JSON objects of its output, one per line."""
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def findings(self) -> list[dict[str, Any]]:
        return [record["finding"] for record in self.records() if "finding" in record]


def run_binary(*arguments: str, timeout: float = COMMAND_SECONDS_MAX) -> Answer:
    """Runs one command to its end."""
    done = subprocess.run(
        [str(binary()), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def environment(root_user: str = ACCESS_KEY, root_password: str = SECRET_KEY) -> dict[str, str]:
    env = dict(os.environ)
    env.update(DOLIUM_ROOT_USER=root_user, DOLIUM_ROOT_PASSWORD=root_password)
    env.setdefault("NO_COLOR", "1")
    return env


@dataclass
class Server:
    """One data directory and the process that serves it."""

    data_dir: Path
    config: Path | None = None
    binary_path: Path = field(default_factory=binary)
    s3_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.s3_port}"

    @property
    def log_file(self) -> Path:
        return self.data_dir.with_name(self.data_dir.name + ".log")

    @property
    def recovery_key(self) -> Path:
        return self.data_dir / "recovery-key"

    def provider(self, name: str) -> Path:
        return self.data_dir / "providers" / name

    def command(self) -> list[str]:
        words = [str(self.binary_path), "serve", "--data-dir", str(self.data_dir)]
        words += ["--s3-listen", f"127.0.0.1:{self.s3_port}"]
        words += ["--http-listen", f"127.0.0.1:{self.http_port}"]
        if self.config:
            words += ["--config", str(self.config)]
        return words

    def start(self) -> Server:
        """Starts it and waits until it is healthy."""
        self.launch()
        return self.wait_until_healthy()

    def launch(self, **root: str) -> None:
        """Starts it and waits for nothing; `root_user` and `root_password` say who its first user is."""
        assert self.process is None, "it runs already"
        self.starts += 1
        with self.log_file.open("ab") as log:
            log.write(f"--- start {self.starts}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(**root)
            )

    def wait_until_healthy(self) -> Server:
        assert self.process is not None, "it does not run"
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.healthy():
            code = self.process.poll()
            if code is not None:
                self.process = None
                raise AssertionError(f"the server exited with {code} at start\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server did not become healthy\n{self.log_tail()}")
            time.sleep(0.02)
        return self

    def healthy(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.http_port}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None, "it does not run"
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is flushed."""
        assert self.process is not None, "it does not run"
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> float:
        """SIGTERM; gives the seconds it took, and fails unless the exit code is 0."""
        assert self.process is not None, "it does not run"
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_SECONDS_MAX + 5)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not stop the server\n{self.log_tail()}") from None
        self.process = None
        assert code == 0, f"SIGTERM ended the server with {code}\n{self.log_tail()}"
        return time.monotonic() - started

    def end(self) -> None:
        """For clean-up: whatever state it is in, it is gone afterwards."""
        if self.process is not None:
            self.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def cli(self, *arguments: str, timeout: float = COMMAND_SECONDS_MAX) -> Answer:
        """A command on this data directory, through its socket when the server runs."""
        return run_binary(*arguments, "--data-dir", str(self.data_dir), timeout=timeout)

    def cli_ok(self, *arguments: str, timeout: float = COMMAND_SECONDS_MAX) -> Answer:
        answer = self.cli(*arguments, timeout=timeout)
        assert answer.code == 0, f"dolium {' '.join(arguments)}: {answer}\n{self.log_tail()}"
        return answer

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that goes on beside the test."""
        return subprocess.Popen(
            [str(self.binary_path), *arguments, "--data-dir", str(self.data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )

    def log_tail(self, lines: int = 40) -> str:
        if not self.log_file.exists():
            return "(no log)"
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def panics(self) -> list[str]:
        """Lines of the log that tell of a panic; there must be none, ever."""
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return [line for line in text.splitlines() if "panicked at" in line]


def refused_start(server: Server) -> str:
    """Starts a server that must refuse; gives what it said."""
    done = subprocess.run(
        server.command(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        env=environment(),
        check=False,
    )
    assert done.returncode not in (0, 101), done
    assert "panicked" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def impatient_config(file: Path, data_dir: Path, orphan_seconds: int) -> Path:
    """The embedded defaults with a collection that does not wait a day."""
    collect = f"[collect]\ngarbage_age_seconds = 0\norphan_age_seconds = {orphan_seconds}\n"
    return write_config(file, data_dir, collect)


def write_config(
    file: Path,
    data_dir: Path,
    text: str,
    layout: str = "erasure:3+1",
    names: Sequence[str] = PROVIDERS,
) -> Path:
    """One array over directories, the embedded default's where nothing else is said, as a file with something more."""
    for name in names:
        path = data_dir / "providers" / name
        text += f'\n[[provider]]\nname = "{name}"\nkind = "directory"\n'
        text += f'options = {{ path = "{path}" }}\n'
    listed = ", ".join(f'"{name}"' for name in names)
    text += f'\n[[array]]\nname = "default"\nlayout = "{layout}"\nproviders = [{listed}]\n'
    file.write_text(text)
    return file


def forget_except(data_dir: Path, keep: str = "providers") -> None:
    """Deletes a data directory but for one entry: the loss of the server's own disk."""
    for entry in data_dir.iterdir():
        if entry.name == keep:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
