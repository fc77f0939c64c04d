"""Accounts."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET

import pytest

from harness.server import Server

from .client import Pithos
from .conftest import SECRET


@pytest.fixture
def ada(own_server: Server) -> Pithos:
    """An account of its own with five containers."""
    ada = Pithos.of(own_server, "chuck", SECRET)
    for fruit in ("pears", "apples", "bananas", "kiwis", "oranges"):
        ada.make(fruit)
        ada.put(f"/{fruit}/one", b"12345")
    return ada


FRUIT = ["apples", "bananas", "kiwis", "oranges", "pears"]


def test_listing(ada: Pithos) -> None:
    assert ada.names() == FRUIT
    assert ada.names("/") == FRUIT
    assert ada.names(limit=2) == FRUIT[:2]
    assert ada.names(marker="bananas", limit=2) == FRUIT[2:4]
    assert ada.names(marker="zzz") == []
    entry = ada.listed(marker="oranges")[0]
    assert entry["name"] == "pears" and entry["count"] == 1 and entry["bytes"] == 5
    policy = {"quota": "0", "versioning": "auto", "project": "chuck"}
    assert entry["x_container_policy"] == policy
    root = ET.fromstring(ada.ok("GET", params={"format": "xml"}).text)
    assert root.tag == "account" and root.attrib == {"name": "chuck"}
    assert [one.findtext("name") for one in root.findall("container")] == FRUIT
    head = ada.head()
    assert head["X-Account-Container-Count"] == "5" and head["X-Account-Bytes-Used"] == "25"
    assert ada.ask("HEAD").status_code == 204
    assert json.loads(ada.ok("GET", params={"format": "json", "marker": "zzz"}).text) == []


def test_metadata(ada: Pithos) -> None:
    headers = {"X-Account-Meta-Test": "tost", "X-Account-Meta-Ping_pong": "%CE%A0"}
    assert ada.status("POST", headers=headers) == 202
    assert ada.head()["X-Account-Meta-Ping-Pong"] == "%CE%A0"
    update = {"X-Account-Meta-Test": "", "X-Account-Meta-New": "n"}
    assert ada.status("POST", params={"update": ""}, headers=update) == 202
    head = ada.head()
    assert "X-Account-Meta-Test" not in head and head["X-Account-Meta-New"] == "n"
    many = {f"X-Account-Meta-K{n}": "v" for n in range(31)}
    assert ada.status("POST", params={"update": ""}, headers=many) == 400
    assert "X-Account-Meta-K1" not in ada.head()
    assert ada.status("POST", headers=many) == 202
    assert "X-Account-Meta-New" not in ada.head() and ada.head()["X-Account-Meta-K30"] == "v"
    assert ada.status("POST") == 202
    assert not [key for key in ada.head() if key.lower().startswith("x-account-meta")]


def test_looking_back(ada: Pithos) -> None:
    ada.ok("POST", headers={"X-Account-Meta-A": "old"})
    time.sleep(1.1)
    until = int(time.time())
    time.sleep(1.1)
    ada.ok("POST", headers={"X-Account-Meta-A": "new"})
    ada.make("late")
    ada.put("/late/o", b"1")
    ada.put("/apples/two", b"1")
    assert ada.names(until=until) == FRUIT
    assert ada.names() == sorted([*FRUIT, "late"])
    head = ada.head(params={"until": until})
    assert head["X-Account-Meta-A"] == "old" and head["X-Account-Container-Count"] == "5"
    assert head["X-Account-Bytes-Used"] == "25" and "X-Account-Until-Timestamp" in head
    assert ada.head()["X-Account-Meta-A"] == "new"
    entry = ada.listed(until=until)[0]
    assert entry["count"] == 1 and "x_container_until_timestamp" in entry
    assert ada.head(params={"until": "-1"})["X-Account-Meta-A"] == "new"
    assert ada.status("HEAD", params={"until": 1000000000}) == 204
    assert ada.names(until=1000000000) == []


def test_dates(ada: Pithos) -> None:
    modified = ada.head()["Last-Modified"]
    assert ada.status("GET", headers={"If-Modified-Since": modified}) == 304
    assert ada.status("GET", headers={"If-Unmodified-Since": modified}) == 200
    assert ada.status("GET", headers={"If-Modified-Since": "Monday"}) == 200
    assert ada.status("GET", headers={"If-Unmodified-Since": "Monday"}) == 200
    time.sleep(1.1)
    ada.make("more")
    assert ada.status("GET", headers={"If-Modified-Since": modified}) == 200
    assert ada.status("GET", headers={"If-Unmodified-Since": modified}) == 412
    modified = ada.head()["Last-Modified"]
    time.sleep(1.1)
    ada.ok("POST", headers={"X-Account-Meta-A": "a"})
    assert ada.status("GET", headers={"If-Modified-Since": modified}) == 200
