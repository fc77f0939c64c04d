"""Background work is done once, whoever does it, and goes on when who did it is killed."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from harness.clients import s3_client
from harness.waiting import wait_for

from notify.receivers import Webhook
from servers import metric

DAY_SECONDS = 2
# A lease that its holder does not renew (`several/lease.rs`), and a look of those who wait for it.
TAKEOVER_SECONDS_MAX = 20.0
RULES = {
    "Rules": [{"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
}


def rounds(servers: list[Any], work: str) -> float:
    """Rounds of some work that were begun, over all servers."""
    label = f'{{work="{work}"}}'
    return sum(metric(server, "dolium_background_rounds_total").get(label, 0) for server in servers)


def test_rounds_are_shared(cluster: Any) -> None:
    servers = cluster(count=3, more=f"[lifecycle]\nday_seconds = {DAY_SECONDS}\n")
    s3 = s3_client(servers[0].endpoint)
    s3.create_bucket(Bucket="short")
    s3.put_bucket_lifecycle_configuration(Bucket="short", LifecycleConfiguration=RULES)
    s3.put_object(Bucket="short", Key="ends", Body=b"soon")
    other = s3_client(servers[2].endpoint)
    wait_for(lambda: other.list_objects_v2(Bucket="short")["KeyCount"], 0)

    works = ("lifecycle", "movement")
    before = {work: rounds(servers, work) for work in works}
    started = time.monotonic()
    time.sleep(6 * DAY_SECONDS)
    done = {work: rounds(servers, work) - before[work] for work in works}
    expected = (time.monotonic() - started) / DAY_SECONDS
    for work in works:
        assert expected / 2 - 1 <= done[work] <= expected / 0.9 + 1, (work, done, expected)

    servers[0].kill()
    before = rounds(servers[1:], "lifecycle")
    deadline = time.monotonic() + TAKEOVER_SECONDS_MAX
    while rounds(servers[1:], "lifecycle") == before:
        assert time.monotonic() < deadline, "nobody goes on with the killed server's work"
        time.sleep(0.2)


@pytest.fixture
def webhook() -> Any:
    webhook = Webhook().start()
    yield webhook
    webhook.stop()


def test_messages_are_delivered_once_and_go_on(
    cluster: Any, webhook: Webhook
) -> None:
    target = f'[[notify]]\nname = "hook"\nkind = "webhook"\nurl = "{webhook.url}"\n'
    servers = cluster(more=target)
    s3 = [s3_client(server.endpoint) for server in servers]
    s3[0].create_bucket(Bucket="told")
    rule = {"Id": "all", "QueueArn": "arn:dolium:sqs::hook", "Events": ["s3:ObjectCreated:*"]}
    s3[0].put_bucket_notification_configuration(
        Bucket="told", NotificationConfiguration={"QueueConfigurations": [rule]}
    )
    for number in range(60):
        s3[number % 2].put_object(Bucket="told", Key=f"first/{number:03}", Body=b"x")
    webhook.wait(60)
    time.sleep(2)
    keys = [record["s3"]["object"]["key"] for record in webhook.taken]
    assert sorted(key[-3:] for key in keys) == [f"{n:03}" for n in range(60)], keys
    delivered = [
        sum(metric(server, "dolium_notify_delivered_total").values()) for server in servers
    ]
    assert sorted(delivered) == [0, 60], "one of them delivers"

    deliverer = delivered.index(60)
    survivor = s3[1 - deliverer]
    # It sleeps past its lease, another delivers, and it finds that out when it wakes.
    os.kill(servers[deliverer].pid, signal.SIGSTOP)
    try:
        for number in range(20):
            survivor.put_object(Bucket="told", Key=f"second/{number:03}", Body=b"x")
        webhook.wait(80)
    finally:
        os.kill(servers[deliverer].pid, signal.SIGCONT)
    for number in range(20):
        s3[deliverer].put_object(Bucket="told", Key=f"third/{number:03}", Body=b"x")
    webhook.wait(100)
    time.sleep(1)
    for part in ("second", "third"):
        keys = [r["s3"]["object"]["key"] for r in webhook.taken]
        keys = [key for key in keys if part in key]
        assert len(keys) == 20 and keys == sorted(keys), keys
