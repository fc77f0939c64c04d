"""Those who are told: a webhook, a subscriber of NATS, a queue of RabbitMQ.

Promises: each keeps the records it took in the order in which they came, and can go away and come
back on the same port; only processes started here are signalled, by their ids.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pika

from harness.server import free_port

PATIENCE_SECONDS = 60.0
Record = dict[str, Any]


def wait_for(what: str, done: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not in {seconds:.0f} s"
        time.sleep(0.05)


class Records:
    """Records in the order in which they came."""

    def __init__(self) -> None:
        self.taken: list[Record] = []

    def take(self, body: bytes) -> None:
        message = json.loads(body)
        assert list(message) == ["Records"] and len(message["Records"]) == 1, message
        self.taken.append(message["Records"][0])

    def wait(self, count: int) -> list[Record]:
        """The records, once there are so many."""
        wait_for(f"{count} records", lambda: len(self.taken) >= count)
        return list(self.taken)

    def first_of_each(self, count: int) -> list[Record]:
        """The first of each record, once there are so many: at least once may be twice."""

        def once() -> list[Record]:
            seen: dict[str, Record] = {}
            for record in list(self.taken):
                seen.setdefault(record["s3"]["object"]["sequencer"], record)
            return list(seen.values())

        wait_for(f"{count} different records", lambda: len(once()) >= count)
        return once()


class Webhook(Records):
    """A webhook that can be told to refuse, and taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.refuses = False
        self.refused = 0
        self.tokens: set[str | None] = set()
        self.server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    def start(self) -> Webhook:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.tokens.add(self.headers["Authorization"])
                if webhook.refuses:
                    webhook.refused += 1
                else:
                    webhook.take(body)
                self.send_response(503 if webhook.refuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Nats(Records):
    """A NATS server of its own and a subscriber that speaks its protocol by hand."""

    SUBJECT = "dolium.events"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> Nats:
        with (self.folder / "nats.log").open("ab") as log:
            words = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "--auth", "nats-token"]
            words += ["-js", "-sd", str(self.folder / "jetstream")]
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_for("NATS", lambda: accepts(self.port))
        subscribed = threading.Event()
        threading.Thread(target=self.subscribe, args=(subscribed,), daemon=True).start()
        assert subscribed.wait(PATIENCE_SECONDS), "NATS did not take the subscription"
        return self

    def request(self, subject: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Asks and gives the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            lines = connection.makefile("rb")
            body = json.dumps(payload).encode()
            options = json.dumps({"verbose": False, "auth_token": "nats-token"})
            ask = f"CONNECT {options}\r\nSUB reply.to.me 1\r\nPUB {subject} reply.to.me {len(body)}\r\n"
            connection.sendall(ask.encode() + body + b"\r\n")
            while line := lines.readline():
                if line.startswith(b"MSG"):
                    answer: dict[str, Any] = json.loads(lines.read(int(line.split()[-1])))
                    return answer
                assert not line.startswith(b"-ERR"), line
        raise AssertionError(f"NATS did not answer {subject}")

    def make_stream(self) -> None:
        stream = {"name": "EVENTS", "subjects": [self.SUBJECT], "storage": "file"}
        answer = self.request("$JS.API.STREAM.CREATE.EVENTS", stream)
        assert "error" not in answer, answer

    def stored(self) -> Records:
        """What the stream holds."""
        state = self.request("$JS.API.STREAM.INFO.EVENTS", {})["state"]
        records = Records()
        for number in range(max(state["first_seq"], 1), state["last_seq"] + 1):
            answer = self.request("$JS.API.STREAM.MSG.GET.EVENTS", {"seq": number})
            records.take(base64.b64decode(answer["message"]["data"]))
        return records

    def subscribe(self, subscribed: threading.Event) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                lines = connection.makefile("rb")
                options = json.dumps({"verbose": False, "auth_token": "nats-token"})
                hello = f"CONNECT {options}\r\nSUB {self.SUBJECT} 1\r\nPING\r\n"
                connection.sendall(hello.encode())
                while line := lines.readline():
                    if line.startswith(b"PONG"):
                        subscribed.set()
                    elif line.startswith(b"PING"):
                        connection.sendall(b"PONG\r\n")
                    elif line.startswith(b"MSG"):
                        body = lines.read(int(line.split()[-1]))
                        lines.readline()
                        self.take(body)
        except OSError:
            return

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Rabbit(Records):
    """A RabbitMQ broker of its own, with one durable queue behind one exchange."""

    EXCHANGE, KEY, QUEUE = "events", "dolium", "told"
    BINARY = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.port, self.epmd_port, self.dist_port = free_port(), free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"

    def environment(self) -> dict[str, str]:
        env = dict(os.environ)
        env.update(
            HOME=str(self.folder),
            ERL_EPMD_PORT=str(self.epmd_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME=f"dolium{self.port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(self.dist_port),
            RABBITMQ_MNESIA_BASE=str(self.folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(self.folder / "log"),
            RABBITMQ_CONFIG_FILE=str(self.folder / "rabbitmq"),
            RABBITMQ_CONF_ENV_FILE=str(self.folder / "rabbitmq-env.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self.folder / "enabled_plugins"),
        )
        return env

    def start(self) -> Rabbit:
        env = self.environment()
        with (self.folder / "rabbitmq.log").open("ab") as log:
            # Erlang's name server, which the broker would else leave behind.
            for words in (["epmd"], [self.BINARY]):
                process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
                self.processes.append(process)
                port = self.epmd_port if words == ["epmd"] else self.port
                wait_for(f"{words[0]} on {port}", lambda: accepts(port))
        return self

    def connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.URLParameters(self.url))

    def declare(self) -> None:
        with self.connect() as connection:
            channel = connection.channel()
            channel.exchange_declare(self.EXCHANGE, durable=True)
            channel.queue_declare(self.QUEUE, durable=True)
            channel.queue_bind(self.QUEUE, self.EXCHANGE, self.KEY)

    def wait(self, count: int) -> list[Record]:
        with self.connect() as connection:
            channel = connection.channel()

            def fetched() -> bool:
                while True:
                    method, properties, body = channel.basic_get(self.QUEUE, auto_ack=True)
                    if method is None:
                        return len(self.taken) >= count
                    assert properties.delivery_mode == 2, "messages outlive the broker"
                    self.take(body)

            wait_for(f"{count} records in the queue", fetched)
        return list(self.taken)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
