"""The server's memory has a bound that does not follow the size of objects or the number of clients.

The full measurement is `measure.py`; this is its small form, for every run.
"""

from __future__ import annotations

from typing import Any

from traffic import MIB, huge_object, many_clients

RSS_MIB_MAX = 256
CLIENTS = 16
OBJECT_MIB = 64


def test_many_clients_with_large_objects(start: Any) -> None:
    server = start()
    for result in many_clients(server, CLIENTS, OBJECT_MIB * MIB):
        print(result)
        assert result.rss_mib_max < RSS_MIB_MAX, result


def test_one_object_larger_than_the_bound(start: Any) -> None:
    server = start()
    for result in huge_object(server, 512 * MIB + 12_345):
        print(result)
        assert result.rss_mib_max < RSS_MIB_MAX, result
