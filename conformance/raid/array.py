"""An array file and the command on it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from harness.server import ACCESS_KEY, SECRET_KEY, Answer, Server, binary, environment

COMMAND_SECONDS_MAX = 300.0


def dolium(server: Server, **more: str) -> dict[str, str]:
    """Options of Dolium's own S3."""
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    return {"endpoint": server.endpoint, **keys, **more}


class Array:
    """A described array."""

    def __init__(self, folder: Path, name: str = "test", layout: str = "mirror") -> None:
        self.file = folder / f"{name}.toml"
        self.text = f'name = "{name}"\nlayout = "{layout}"\n'
        self.names: list[str] = []
        self.file.write_text(self.text)

    def add(self, name: str, kind: str, options: dict[str, str]) -> Array:
        lines = "".join(f"{option} = {json.dumps(value)}\n" for option, value in options.items())
        self.text += f'[[service]]\nname = "{name}"\nkind = "{kind}"\n[service.options]\n{lines}'
        self.names.append(name)
        self.file.write_text(self.text)
        return self

    def directory(self, name: str, path: Path) -> Array:
        return self.add(name, "directory", {"path": str(path)})

    def command(self, *words: str) -> list[str]:
        return [str(binary()), "raid", "--array", str(self.file), *words]

    def run(self, *words: str, stdin: bytes | None = None) -> Answer:
        done = subprocess.run(
            self.command(*words),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=COMMAND_SECONDS_MAX,
            env=environment(),
            check=False,
        )
        answer = Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
        assert "panicked" not in answer.err, answer
        assert SECRET_KEY not in answer.text, "a secret is shown"
        return answer

    def expect(self, code: int, *words: str, stdin: bytes | None = None) -> Answer:
        answer = self.run(*words, stdin=stdin)
        assert answer.code == code, f"{words}: {answer}"
        return answer

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        """A command that goes on beside the test."""
        return subprocess.Popen(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )

    def rows(self, *words: str) -> dict[str, dict[str, Any]]:
        """The objects that `ls` shows, by key."""
        answer = self.run("--json", "ls", *words)
        return {row["key"]: row for row in answer.records() if "key" in row}

    def get(self, key: str, folder: Path) -> bytes:
        file = folder / "got"
        self.expect(0, "get", key, str(file))
        return file.read_bytes()
