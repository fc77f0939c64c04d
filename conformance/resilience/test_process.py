"""The process: one server per data directory, a clean stop under load, keys and providers that fit."""

from __future__ import annotations

import itertools
import random
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.clients import s3_client
from harness.objects import Population, body_for
from harness.server import STOP_SECONDS_MAX, Server, free_port, refused_start, run_binary


def test_a_second_server_is_refused(start: Any) -> None:
    server = start()
    second = Server(server.data_dir)
    said = refused_start(second)
    assert str(server.data_dir) in said and "another" in said, said
    assert s3_client(server.endpoint).list_buckets()["Buckets"] == []


def test_a_taken_port_is_said(start: Any, tmp_path: Path) -> None:
    server = start()
    second = Server(tmp_path / "other", s3_port=server.s3_port, http_port=free_port())
    assert str(server.s3_port) in refused_start(second)


def test_sigterm_under_load_loses_nothing(start: Any) -> None:
    server = start()
    s3 = s3_client(server.endpoint, timeout=20)
    s3.create_bucket(Bucket="load")
    acknowledged: dict[str, bytes] = {}
    halt = threading.Event()

    def work(worker: int) -> None:
        for number in itertools.count():
            if halt.is_set():
                return
            key = f"{worker}/{number}"
            body = body_for(key, [100, 50_000, 6 << 20][number % 3])
            try:
                s3.put_object(Bucket="load", Key=key, Body=body)
            except (BotoCoreError, ClientError):
                if halt.is_set() or server.process is None or server.process.poll() is not None:
                    return
                time.sleep(0.01)
                continue
            acknowledged[key] = body

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    time.sleep(3)
    took = server.stop()
    halt.set()
    for worker in workers:
        worker.join()
    assert took < STOP_SECONDS_MAX, f"{took:.1f} s"
    assert len(acknowledged) > 20, "there was hardly any load"

    server.start()
    for key, body in acknowledged.items():
        assert s3.get_object(Bucket="load", Key=key)["Body"].read() == body, key
    assert server.cli("check").code == 0, server.cli("check")


def test_an_idle_connection_does_not_hold_up_the_stop(start: Any) -> None:
    server = start()
    s3_client(server.endpoint).list_buckets()
    with socket.create_connection(("127.0.0.1", server.s3_port)) as idle:
        idle.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        assert server.stop() < STOP_SECONDS_MAX


def test_a_wrong_recovery_key_is_refused(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server, other = start(), start(name="other")
    population = Population(s3_client(server.endpoint), "keys", rng)
    population.fill("a", 5)
    wrong = tmp_path / "wrong-key"
    shutil.copy(other.recovery_key, wrong)
    server.stop()
    other.stop()

    right = server.recovery_key.read_bytes()
    server.recovery_key.write_bytes(wrong.read_bytes())
    said = refused_start(server)
    assert "key" in said, said
    server.recovery_key.write_bytes(right[:-6] + b"\n")
    assert "key" in refused_start(server), "a key with letters missing"
    server.recovery_key.unlink()
    assert "key" in refused_start(server), "a lost key must not be replaced by a new one"
    assert not server.recovery_key.exists()
    server.recovery_key.write_bytes(right)

    target = tmp_path / "recovered"
    refused = run_binary(
        *("recover", "--providers", str(server.data_dir / "providers")),
        *("--recovery-key", str(wrong), "--data-dir", str(target)),
    )
    assert refused.code not in (0, 101) and "key" in refused.text, refused
    server.start()
    population.verify()


def test_a_provider_of_another_repository_is_refused(start: Any, rng: random.Random) -> None:
    server, other = start(), start(name="other")
    population = Population(s3_client(server.endpoint), "mine", rng)
    population.fill("a", 5)
    server.stop()
    other.stop()
    aside = server.data_dir / "aside"
    server.provider("p2").rename(aside)
    shutil.copytree(other.provider("p2"), server.provider("p2"))
    before = sorted(path for path in server.provider("p2").rglob("*"))
    said = refused_start(server)
    assert "p2" in said and "another repository" in said, said
    assert sorted(server.provider("p2").rglob("*")) == before, "nothing is written there"

    shutil.rmtree(server.provider("p2"))
    aside.rename(server.provider("p2"))
    server.start()
    population.verify()


def test_swapped_providers_are_refused(start: Any, rng: random.Random) -> None:
    server = start()
    population = Population(s3_client(server.endpoint), "mine", rng)
    population.fill("a", 5)
    server.stop()
    swap(server)
    assert "p2" in refused_start(server)
    swap(server)
    server.start()
    population.verify()


def swap(server: Server) -> None:
    aside = server.data_dir / "aside"
    server.provider("p1").rename(aside)
    server.provider("p2").rename(server.provider("p1"))
    aside.rename(server.provider("p2"))
