"""Groups of an account: made, merged, replaced, removed; limits; who sees them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest

from .people import People, people  # noqa: F401


@pytest.fixture(autouse=True)
def no_groups(people: People) -> Iterator[None]:  # noqa: F811
    """Each case begins without groups."""
    answer = people.alice.ask("POST", "/alice", headers={"X-Account-Group-Last": "bob"})
    assert answer.status_code == 202
    assert people.alice.group("last", "").status_code == 202
    yield


def groups(people: People) -> dict[str, str]:
    headers = people.alice.ask("HEAD", "/alice").headers
    prefix = "x-account-group-"
    found = {name.lower(): value for name, value in headers.items()}
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def post(people: People, query: str = "", **named: str) -> int:
    headers = {f"X-Account-Group-{name}": members for name, members in named.items()}
    return people.alice.ask("POST", f"/alice{query}", headers=headers).status_code


def test_merged_and_replaced(people: People) -> None:  # noqa: F811
    assert post(people, "?update", devs="chuck, dan,chuck", Ops="bob") == 202
    assert groups(people) == {"devs": "chuck,dan", "ops": "bob"}
    assert post(people, "?update=", OPS="dan,bob") == 202
    assert groups(people) == {"devs": "chuck,dan", "ops": "bob,dan"}
    assert post(people, "?update", devs="") == 202
    assert groups(people) == {"ops": "bob,dan"}
    # Without update, the groups named are all there are; naming none leaves them.
    assert post(people, a="bob", b="dan") == 202
    assert groups(people) == {"a": "bob", "b": "dan"}
    assert post(people) == 202
    assert groups(people) == {"a": "bob", "b": "dan"}


def test_metadata_and_groups_are_apart(people: People) -> None:  # noqa: F811
    headers = {"X-Account-Meta-Colour": "red", "X-Account-Group-G": "bob"}
    assert people.alice.ask("POST", "/alice?update", headers=headers).status_code == 202
    assert post(people, "?update", h="dan") == 202
    head = people.alice.ask("HEAD", "/alice").headers
    assert head["X-Account-Meta-Colour"] == "red"
    assert set(groups(people)) == {"g", "h"}
    got = people.alice.ask("GET", "/alice").headers
    assert got["X-Account-Group-G"] == "bob"


def test_limits(people: People) -> None:  # noqa: F811
    many = {f"g{n}": "bob" for n in range(33)}
    assert post(people, "?update", **many) == 400
    assert groups(people) == {}
    many.pop("g0")
    assert post(people, "?update", **many) == 202
    assert post(people, "?update", g0="bob") == 400
    assert len(groups(people)) == 32
    assert post(people, "?update", g1=",".join(f"u{n}" for n in range(33))) == 400
    assert groups(people)["g1"] == "bob"
    assert post(people, "?update", g1=",".join(f"u{n}" for n in range(32))) == 202
    for name, members in (("x" * 257, "bob"), ("g1", "x" * 257), ("a-b", "bob"), ("a_b", "bob")):
        assert post(people, "?update", **{name: members}) == 400, name[:9]
    for members in ("alice:g2", "*", "a=b", "a;b", "a%0ab"):
        assert post(people, "?update", g1=members) == 400, members


def test_names_beyond_ascii(people: People) -> None:  # noqa: F811
    name, member = quote("ομάδα"), quote("χρήστης")
    assert post(people, "?update", **{name: f"{member},bob"}) == 202
    told = {name: value for name, value in groups(people).items() if "%" in name}
    assert [unquote(name) for name in told] == ["Ομάδα"]
    assert list(told.values()) == [f"bob,{member}"]
    container = people.alice.container()
    people.alice.make(f"{container}/o")
    people.alice.share(f"{container}/o", f"read=alice:{name}")
    assert people.bob.reads(f"{container}/o") == 200
    assert people.dan.reads(f"{container}/o") == 403
    people.alice.share(f"{container}/o", f"write=alice:{name}")
    assert people.bob.appends(f"{container}/o") == 204


def test_looked_up_when_needed(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/o")
    people.alice.share(f"{container}/o", "read=alice:friends,bob:friends")
    assert people.dan.reads(f"{container}/o") == 403
    people.alice.group("friends", "dan")
    assert people.dan.reads(f"{container}/o") == 200
    people.alice.group("friends", "chuck")
    assert people.dan.reads(f"{container}/o") == 403
    # A group of another account; its owner is not in it.
    people.bob.group("friends", "dan")
    assert people.dan.reads(f"{container}/o") == 200
    assert people.bob.reads(f"{container}/o") == 403
    people.bob.group("friends", "")


def test_others_see_and_change_none(people: People) -> None:  # noqa: F811
    people.alice.group("friends", "bob")
    container = people.alice.container()
    people.alice.make(f"{container}/o")
    people.alice.share(f"{container}/o", "read=bob")
    seen = people.bob.ask("HEAD", "/alice")
    assert seen.status_code == 204
    assert "friends" not in str(seen.headers)
    for person in (people.bob, people.mia):
        headers = {"X-Account-Group-Friends": "mallory"}
        assert person.ask("POST", "/alice?update", headers=headers).status_code == 403
    assert groups(people) == {"friends": "bob"}
