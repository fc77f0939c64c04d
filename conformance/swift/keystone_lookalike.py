"""A small look-alike of Keystone v3, as a process of its own: says of tokens what a file says of them.

    python keystone_lookalike.py PORT FILE

FILE is JSON and is read anew for each question: `tokens` are what is said of each token; `service` is the
password of the user `dolium`. Each question about a token is noted in FILE.asked, by its end.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Lookalike(BaseHTTPRequestHandler):
    """Answers questions."""

    protocol_version = "HTTP/1.1"
    file: Path

    def state(self) -> dict[str, Any]:
        return json.loads(self.file.read_text())

    def say(self, status: int, said: object, **headers: str) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = asked["auth"]["identity"]["password"]["user"]
        if user["name"] != "dolium" or user["password"] != self.state()["service"]:
            return self.say(401, {"error": {"code": 401}})
        self.say(201, {"token": {}}, X_Subject_Token=f"own-{self.state()['service']}")

    def do_GET(self) -> None:
        subject = self.headers.get("X-Subject-Token", "")
        with self.file.with_suffix(".asked").open("a") as asked:
            asked.write(subject[-8:] + "\n")
        if self.headers.get("X-Auth-Token") != f"own-{self.state()['service']}":
            return self.say(401, {"error": {"code": 401}})
        said = self.state()["tokens"].get(subject)
        if said is None:
            return self.say(404, {"error": {"code": 404}})
        self.say(200, said)

    def log_message(self, *_: object) -> None:
        """Says nothing: what was asked is in the file."""


if __name__ == "__main__":
    Lookalike.file = Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Lookalike).serve_forever()
