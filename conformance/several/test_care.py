"""Collection and repair at one server while the other writes: nothing that is on its way is taken for garbage."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from harness.clients import s3_client
from harness.damage import lose_shards
from harness.objects import MIB, body_for

from slow import SlowPut

IMPATIENT = "[collect]\ngarbage_age_seconds = 0\norphan_age_seconds = 1\n"
LOAD_SECONDS = 14.0
# Only one provider loses shards: a pack of a write under way is not on record, and cannot be repaired yet.
UNLUCKY = "p2"
# When a server that is not heard of is forgotten (`several/peers.rs`).
SILENCE_SECONDS = 30.0


def test_collection_beside_writes_of_another_server(cluster: Any, tmp_path: Any) -> None:
    one, two = cluster(more=IMPATIENT)
    writer = s3_client(two.endpoint)
    writer.create_bucket(Bucket="busy")
    halted = threading.Event()
    wrong: list[str] = []
    collected: list[dict[str, Any]] = []

    def write(number: int) -> None:
        """Half are the same few bodies that come and go: their blocks are found a moment before they would
        be collected."""
        rng = random.Random(number)
        while not halted.is_set():
            label = rng.choice([rng.randrange(6), f"{number} {rng.random()}"])
            body = body_for(f"again {label}", 200_000)
            where = {"Bucket": "busy", "Key": f"{number}/{rng.randrange(3)}"}
            try:
                if rng.random() < 0.4:
                    writer.delete_object(**where)
                else:
                    writer.put_object(**where, Body=body)
                    if writer.get_object(**where)["Body"].read() != body:
                        wrong.append(f"{where}: another body")
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{where}: {error!r}")

    def slow() -> None:
        # What becomes garbage while it is under way is spared, so it begins when some was collected.
        time.sleep(LOAD_SECONDS / 2)
        body = body_for("slow", 40 * MIB)
        try:
            sent = SlowPut(writer, "busy", "slow", body, lambda: time.sleep(LOAD_SECONDS / 3))
            assert sent.answer() == 200, sent
            if writer.get_object(Bucket="busy", Key="slow")["Body"].read() != body:
                wrong.append("the slow body is another")
        except Exception as error:  # noqa: BLE001
            wrong.append(f"slow: {error!r}")

    threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(4)]
    threads.append(threading.Thread(target=slow, daemon=True))
    for thread in threads:
        thread.start()
    until = time.monotonic() + LOAD_SECONDS
    turn = 0
    while time.monotonic() < until:
        turn += 1
        collected += one.cli_ok("collect", "--json").records()
        if turn % 3 == 1:
            lose_shards(tmp_path / "providers" / UNLUCKY, random.Random(turn))
            one.cli_ok("repair")
    halted.set()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    assert not wrong, wrong[:10]
    one.cli_ok("repair")
    answer = one.cli("check", "--json")
    assert answer.code == 0, answer.out[-2000:]
    pages = writer.get_paginator("list_objects_v2").paginate(Bucket="busy")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    for key in keys:
        entry = s3_client(one.endpoint).get_object(Bucket="busy", Key=key)
        assert f'"{hashlib.md5(entry["Body"].read()).hexdigest()}"' == entry["ETag"], key
    assert sum(done.get("blocks_removed", 0) for done in summaries(collected)) > 0, collected[-3:]


def summaries(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        yield record.get("summary", record)


def test_a_server_that_slept_too_long_loses_its_write_and_says_so(cluster: Any) -> None:
    """What it had written was taken for garbage meanwhile: the client is told to send it again."""
    one, two = cluster(more=IMPATIENT)
    writer, reader = s3_client(two.endpoint), s3_client(one.endpoint)
    writer.create_bucket(Bucket="busy")
    body = body_for("sleeper", 40 * MIB)
    half, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        half.set()
        assert go_on.wait(120)

    put = SlowPut(writer, "busy", "sleeper", body, wait)
    assert half.wait(60)
    time.sleep(2)
    spared = list(summaries(one.cli_ok("collect", "--json").records()))[-1]
    assert spared["orphans_removed"] == 0, "the write is known to be under way"
    os.kill(two.pid, signal.SIGSTOP)
    try:
        time.sleep(SILENCE_SECONDS + 1)
        done = list(summaries(one.cli_ok("collect", "--json").records()))[-1]
    finally:
        os.kill(two.pid, signal.SIGCONT)
    assert done["orphans_removed"] > 0, done
    go_on.set()
    assert put.answer() == 503
    assert reader.list_objects_v2(Bucket="busy")["KeyCount"] == 0
    again = SlowPut(writer, "busy", "sleeper", body, lambda: time.sleep(4))
    assert again.answer() == 200
    assert reader.get_object(Bucket="busy", Key="sleeper")["Body"].read() == body
