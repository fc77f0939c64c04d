"""Providers are added, emptied, replaced and removed while the server serves, and the layout changes.

After every step each object is read, and in the end another provider is lost: only an array that is whole
survives that.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from harness.clients import s3_client
from harness.damage import remove, shards
from harness.objects import Population
from harness.server import Server, forget_except, run_binary, write_config

from arrays import array, assert_sound, directory, nothing_left, providers, status


def filled(server: Server, rng: random.Random, count: int = 60) -> Population:
    population = Population(s3_client(server.endpoint), "members", rng)
    population.fill("before", count)
    return population


def test_add_drain_remove_and_restart(start: Any, rng: random.Random) -> None:
    server = start()
    population = filled(server, rng)
    rehearsed = json.loads(server.cli_ok(*directory(server, "p5"), "--dry-run", "--json").out)
    assert rehearsed["shards"] > 0 and "p5" not in providers(server)
    assert not server.provider("p5").exists(), "a rehearsal made something"

    done = server.cli_ok(*directory(server, "p5"), "--json").records()[-1]["summary"]
    assert done["done"] and done["shards_moved"] == rehearsed["shards"]
    assert providers(server)["p5"]["source"] == "command"
    assert len(shards(server.provider("p5"))) >= rehearsed["shards"]
    population.verify()
    assert_sound(server)

    rehearsed = json.loads(server.cli_ok("provider", "drain", "p1", "--dry-run", "--json").out)
    (work,) = [one for one in rehearsed["providers"] if one["name"] == "p1"]
    assert work["gets"] == rehearsed["shards"] and work["bytes_freed"] == work["bytes_read"] > 0
    assert providers(server)["p1"]["role"] == "active"
    refused = server.cli("provider", "remove", "p1")
    assert refused.code == 2 and "Drain it first" in refused.err

    before = work["bytes_freed"]
    moved = server.cli_ok("provider", "drain", "p1", "--json").records()[-1]["summary"]
    assert moved["shards_moved"] == rehearsed["shards"], "only what lies there moves"
    assert moved["bytes_read"] == before, "and only those bytes are read"
    population.fill("while p1 is empty", 10)
    assert shards(server.provider("p1")) == []
    population.verify()
    server.cli_ok("provider", "remove", "p1")
    assert not (server.provider("p1") / "dolium/identity").exists()

    # The embedded configuration still names p1; that does not bring it back.
    server.restart()
    assert sorted(providers(server)) == ["p2", "p3", "p4", "p5"]
    population.verify()
    shutil.rmtree(server.provider("p1"))
    remove(server.provider(rng.choice(["p2", "p3", "p4", "p5"])))
    population.verify()
    server.cli_ok("repair")
    assert_sound(server)


def test_what_cannot_be_is_refused_with_a_way_out(start: Any, rng: random.Random) -> None:
    server = start()
    filled(server, rng, 5)
    for words, part in [
        (["provider", "drain", "p1"], "Add one first"),
        (["provider", "drain", "p9"], "there is no provider p9; there are: p1, p2, p3, p4"),
        (["provider", "test", "p9"], "there is no provider p9"),
        (["provider", "add", "p1", "--kind", "directory", "-o", "path=/tmp/x"], "already"),
        (["provider", "add", "P 5", "--kind", "directory", "-o", "path=/tmp/x"], "a-z, 0-9"),
        (["provider", "add", "p5", "--kind", "flying", "-o", "path=/tmp/x"], "unknown kind"),
        (["provider", "add", "p5", "--kind", "directory"], "path"),
        (["provider", "add", "p5", "--array", "no", "--kind", "directory", "-o", "path=/tmp/x"], "no array"),
        (["array", "layout", "default", "erasure:4+2"], "needs 6 providers"),
        (["array", "layout", "default", "raid:5"], "raid:5"),
        (["array", "layout", "none", "mirror:2"], "there is no array none"),
    ]:
        answer = server.cli(*words)
        assert answer.code == 2 and part in answer.err, (words, answer)
    # A provider of another repository is not taken.
    taken = ["provider", "add", "p5", "--kind", "directory", "-o", f"path={server.provider('p2')}"]
    answer = server.cli(*taken)
    assert answer.code == 2 and "p2 of the array default already" in answer.err
    other = start(name="other")
    answer = other.cli(*taken)
    assert answer.code == 2 and "another repository" in answer.err
    assert sorted(providers(server)) == ["p1", "p2", "p3", "p4"]
    assert array(server)["layout"] == "erasure:3+1"
    assert_sound(server)


def test_a_dead_provider_is_replaced(start: Any, rng: random.Random) -> None:
    server = start()
    population = filled(server, rng)
    lost = len(shards(server.provider("p3")))
    remove(server.provider("p3"))
    words = ["provider", "replace", "p3", "new", "--kind", "directory"]
    server.cli_ok(*words, "-o", f"path={server.provider('new')}")
    assert sorted(providers(server)) == ["new", "p1", "p2", "p4"]
    population.verify()
    assert lost > 0 and len(shards(server.provider("new"))) > 0
    assert_sound(server)
    remove(server.provider("p1"))
    population.verify()


def test_layouts_change_while_serving(start: Any, rng: random.Random, tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(1, 7)]
    file = write_config(tmp_path / "dolium.toml", tmp_path / "data", "", "mirror:2", names)
    server = start(config=file)
    population = filled(server, rng)
    # Until the old packs are written again, no more than they bear may be lost.
    server.cli_ok("array", "layout", "default", "erasure:4+2", "--background")
    assert status(server)["may_lose"] == 1 or nothing_left(server)
    server.cli_ok("array", "layout", "default", "mirror:2")
    for layout, lose in [("erasure:4+2", 2), ("erasure:2+1", 1), ("mirror:3", 2)]:
        rehearsed = server.cli_ok("array", "layout", "default", layout, "--dry-run", "--json")
        assert json.loads(rehearsed.out)["shards"] > 0
        done = server.cli_ok("array", "layout", "default", layout, "--json").records()[-1]["summary"]
        assert done["done"], done
        assert array(server)["layout"] == layout and nothing_left(server)
        population.fill(f"under {layout}", 12)
        population.verify()
        assert_sound(server)
        assert status(server)["may_lose"] == lose
        hidden = rng.sample(names, lose)
        for name in hidden:
            server.provider(name).rename(server.provider(name).with_suffix(".away"))
        population.verify()
        for name in hidden:
            server.provider(name).with_suffix(".away").rename(server.provider(name))
    # What was changed by command outlives a restart, and the file counts again when it is edited.
    server.restart()
    assert array(server)["layout"] == "mirror:3"
    write_config(file, tmp_path / "data", "", "erasure:3+1", names)
    server.restart()
    assert array(server)["layout"] == "erasure:3+1"
    server.cli_ok("array", "rebalance", "default")
    assert nothing_left(server)
    population.verify()
    assert_sound(server)


def test_recovery_finds_members_that_no_file_names(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = start()
    population = filled(server, rng)
    server.cli_ok(*directory(server, "p5"))
    server.cli_ok("provider", "drain", "p2")
    server.cli_ok("provider", "remove", "p2")
    server.cli_ok("array", "layout", "default", "mirror:3")
    population.fill("after", 8)
    server.stop()
    key = tmp_path / "key"
    shutil.copy(server.recovery_key, key)
    # The added provider is found by its own path, which is sealed in the others' records.
    forget_except(server.data_dir)
    done = run_binary(
        "recover",
        "--providers",
        str(server.data_dir / "providers"),
        "--recovery-key",
        str(key),
        "--data-dir",
        str(server.data_dir),
    )
    assert done.code == 0, done
    server.start()
    assert sorted(providers(server)) == ["p1", "p3", "p4", "p5"]
    assert array(server)["layout"] == "mirror:3"
    population.verify()
    assert_sound(server)


def test_recovery_believes_who_heard_of_the_last_change(start: Any, rng: random.Random, tmp_path: Path) -> None:
    server = start()
    population = filled(server, rng, 10)
    # The last by name, so that nothing but the age of its record speaks against it.
    away = server.provider("p4").with_suffix(".away")
    server.provider("p4").rename(away)
    server.cli_ok("array", "layout", "default", "mirror:2", "--background")
    away.rename(server.provider("p4"))
    population.fill("after", 4)
    server.stop()
    key = tmp_path / "key"
    shutil.copy(server.recovery_key, key)
    forget_except(server.data_dir)
    words = ["recover", "--providers", str(server.data_dir / "providers"), "--recovery-key", str(key)]
    done = run_binary(*words, "--data-dir", str(server.data_dir))
    assert done.code == 0, done
    server.start()
    assert array(server)["layout"] == "mirror:2"
    population.verify()


def test_credentials_are_sealed(start: Any, rng: random.Random, tmp_path: Path) -> None:
    secret = "conformance-secret-0123456789"
    cloud = start(name="cloud")
    s3_client(cloud.endpoint).create_bucket(Bucket="member")
    server = start()
    population = filled(server, rng, 10)
    file = tmp_path / "secret"
    file.write_text(secret + "\n")
    options = ["-o", "bucket=member", "-o", f"endpoint={cloud.endpoint}", "-o", "region=us-east-1"]
    options += ["-o", "access_key_id=dolium-conformance", "-o", f"secret_access_key=file:{file}"]
    probe = json.loads(run_binary("provider", "test", "--kind", "s3", *options, "--json").out)
    assert probe["kind"] == "s3" and probe["put_bytes_per_second"] > 0
    server.cli_ok("provider", "add", "cloud", "--kind", "s3", *options)
    server.cli_ok("provider", "test", "cloud")
    population.verify()
    shown = server.cli_ok("provider", "list", "--json").out + server.cli_ok("provider", "list").out
    assert "bucket=member" in shown and secret not in shown
    server.stop()
    kept = [path for path in server.data_dir.rglob("*") if path.is_file()]
    holders = [path for path in kept if secret.encode() in path.read_bytes()]
    assert holders == [], f"the secret lies open in {holders}"
    assert secret not in server.log_file.read_text()
    server.start()
    population.verify()
    assert_sound(server)


PRICES = """
[prices.directory]
put_per_1000 = 5.0
get_per_1000 = 0.4
egress_per_gib = 100.0
stored_per_gib_month = 20.0
[prices.p2]
egress_per_gib = 1000.0
"""


def test_a_rehearsal_tells_what_it_costs(start: Any, rng: random.Random, tmp_path: Path) -> None:
    names = ["p1", "p2", "p3", "p4", "p5"]
    file = write_config(tmp_path / "dolium.toml", tmp_path / "data", PRICES, names=names)
    server = start(config=file)
    filled(server, rng, 20)
    gib = 1 << 30
    for drained, egress in [("p1", 100.0), ("p2", 1000.0)]:
        answer = json.loads(server.cli_ok("provider", "drain", drained, "--dry-run", "--json").out)
        works = {one["name"]: one for one in answer["providers"]}
        for name, one in works.items():
            at_p2 = name == "p2"
            requests = 0.0 if at_p2 else one["puts"] * 5.0 + one["gets"] * 0.4
            price = 1000.0 if at_p2 else 100.0
            cost = requests / 1000 + one["bytes_read"] / gib * price
            monthly = 0.0 if at_p2 else (one["bytes_written"] - one["bytes_freed"]) / gib * 20.0
            assert abs(one["cost"] - cost) < 1e-9 and abs(one["monthly"] - monthly) < 1e-9
        assert works[drained]["cost"] >= works[drained]["bytes_read"] / gib * egress > 0
        assert abs(answer["cost"] - sum(one["cost"] for one in works.values())) < 1e-9
        shown = server.cli_ok("provider", "drain", drained, "--dry-run").out
        assert "cost" in shown and "a month" in shown
    assert array(server)["draining"] == []
