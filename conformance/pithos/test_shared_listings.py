"""What others see of an account and a container, and what an owner sees of what is shared and public."""

from __future__ import annotations

from .people import DIRECTORY, People, people, strangers  # noqa: F401


def levels(people: People) -> str:
    """`f1`, read by everybody, and `f1/f2` in it, written by everybody; each with an object."""
    container = people.alice.container()
    for name in ("f1", "f1/f2"):
        people.alice.make(f"{container}/{name}", kind=DIRECTORY)
    for name in ("f1/o", "f1/f2/o", "hidden", "f1-neighbour"):
        people.alice.make(f"{container}/{name}")
    people.alice.share(f"{container}/f1", "read=*")
    people.alice.share(f"{container}/f1/f2", "write=*")
    return container


def test_level_by_level(people: People) -> None:  # noqa: F811
    container = levels(people)
    for person, shared in ((people.bob, {}), (people.alice, {"shared": ""})):
        top = person.names(container, delimiter="/", **shared)
        assert top == ["f1", "f1/"]
        inside = person.names(container, delimiter="/", prefix="f1/", **shared)
        assert inside == ["f1/f2", "f1/f2/", "f1/o"]
        deepest = person.names(container, delimiter="/", prefix="f1/f2/", **shared)
        assert deepest == ["f1/f2/o"]
        assert person.names(container, path="f1", **shared) == ["f1/f2", "f1/o"]
        everything = person.names(container, **shared)
        assert everything == ["f1", "f1/f2", "f1/f2/o", "f1/o"]
        paged, marker = [], ""
        while page := person.names(container, limit="1", marker=marker, **shared):
            paged += page
            marker = page[-1]
        assert paged == everything
    entries = people.bob.entries(container)
    assert entries["f1"]["x_object_sharing"] == "read=*"
    assert entries["f1"]["x_object_allowed_to"] == "read"
    assert entries["f1/f2"]["x_object_sharing"] == "write=*"
    assert entries["f1/f2"]["x_object_allowed_to"] == "write"
    assert "x_object_sharing" not in entries["f1/o"]
    own = people.alice.entries(container)
    assert own["f1"]["x_object_sharing"] == "read=*"
    assert "x_object_allowed_to" not in own["f1"]


def test_names_below_a_stricter_sharing_are_not_told(people: People) -> None:  # noqa: F811
    container = levels(people)
    people.alice.share(f"{container}/f1/f2", "read=dan")
    assert people.bob.names(container) == ["f1", "f1/o"]
    # What is shared with everybody is dan's too.
    assert people.dan.names(container) == ["f1", "f1/f2", "f1/f2/o", "f1/o"]
    assert people.bob.names(container, prefix="f1/f2/") == []
    assert people.bob.names(container, prefix="hidden") == 403
    assert people.bob.names(container, prefix="none") == 403


def test_a_stranger_lists_nothing(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/o")
    for path in (container, "/alice/none", "/none/none"):
        assert people.mallory.names(path) == 403
        assert people.mallory.names(path, shared="") == 403
        assert people.mallory.names(path, public="") == 403
    people.alice.share(f"{container}/o", "read=bob")
    assert people.bob.names(container) == ["o"]
    assert people.mallory.names(container) == 403


def test_shared_and_public_of_an_owner(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    for name in ("a", "b", "ba", "c", "d", "e"):
        kind = DIRECTORY if name in "de" else "text/plain"
        people.alice.make(f"{container}/{name}", kind=kind)
    for name in ("d/x", "e/x"):
        people.alice.make(f"{container}/{name}")

    def names(**params: str) -> list[str] | int:
        return people.alice.names(container, **params)

    assert names(shared="") == names(public="") == names(shared="", public="") == []
    people.alice.share(f"{container}/b", "read=bob")
    people.alice.share(f"{container}/d", "read=bob")
    people.alice.publish(f"{container}/c")
    people.alice.publish(f"{container}/e")
    assert names(shared="") == ["b", "d", "d/x"]
    assert names(public="") == ["c", "e"]
    assert names(shared="", public="") == ["b", "c", "d", "d/x", "e"]
    assert names(public="", marker="c") == ["e"]
    assert names(shared="", prefix="d/") == ["d/x"]
    assert names(shared="", limit="1", marker="b") == ["d"]
    entries = people.alice.entries(container, shared="", public="")
    assert "x_object_public" not in entries["b"]
    assert entries["c"]["x_object_public"].startswith(people.alice.url)
    assert "x_object_sharing" not in entries["c"]
    people.alice.publish(f"{container}/b")
    both = people.alice.entries(container)["b"]
    assert both["x_object_sharing"] == "read=bob" and both["x_object_public"]
    for person in (people.bob, people.mallory):
        assert person.names(container, public="") == 403
        assert person.names(container, shared="", public="") == 403
    assert "x_object_public" not in people.bob.entries(container)["b"]
    people.alice.publish(f"{container}/e", False)
    assert names(public="") == ["b", "c"]


def test_metadata_names_of_what_is_not_shared_are_not_told(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/o", X_Object_Meta_Open="1")
    people.alice.make(f"{container}/p", X_Object_Meta_Secret="1")
    people.alice.share(f"{container}/o", "read=bob")
    own = people.alice.ask("HEAD", container).headers
    assert own["X-Container-Object-Meta"] == "Open,Secret"
    seen = people.bob.ask("HEAD", container)
    assert seen.status_code == 204
    assert seen.headers["X-Container-Object-Meta"] == "Open"
    assert seen.headers["X-Container-Block-Hash"] == "sha256"
    for name in ("X-Container-Object-Count", "X-Container-Bytes-Used", "X-Container-Policy-Quota"):
        assert name not in seen.headers


def test_who_shares_with_whom(strangers: People) -> None:  # noqa: F811
    everybody = strangers
    top = everybody.bob.ask("GET", "/")
    assert top.status_code == 204 and not top.text
    first = everybody.alice.container()
    other = everybody.alice.container()
    everybody.alice.make(f"{first}/o")
    everybody.alice.make(f"{other}/o")
    everybody.alice.share(f"{first}/o", "read=bob")
    assert everybody.bob.ask("GET", "/").text == "alice\n"
    assert everybody.chuck.ask("GET", "/").status_code == 204
    assert everybody.chuck.ask("GET", "/", params={"format": "json"}).json() == []
    mine = everybody.dan.container()
    everybody.dan.make(f"{mine}/o")
    everybody.dan.group("team", "bob,mallory")
    everybody.dan.share(f"{mine}/o", "read=dan:team;write=*")
    assert everybody.bob.ask("GET", "/").text == "alice\ndan\n"
    assert everybody.mallory.ask("GET", "/").text == "dan\n"
    assert everybody.mia.ask("GET", "/").text == "dan\n"
    assert everybody.dan.ask("GET", "/", params={"format": "json"}).json() == []
    assert everybody.bob.ask("GET", "/?limit=1").text == "alice\n"
    assert everybody.bob.ask("GET", "/?marker=alice").text == "dan\n"
    listed = everybody.bob.ask("GET", "/?format=json").json()
    assert [one["name"] for one in listed] == ["alice", "dan"]
    assert all(one["last_modified"] for one in listed)
    xml = everybody.bob.ask("GET", "/?format=xml").text
    assert "<accounts><account><name>alice</name>" in xml
    # The containers of an account, as somebody else sees them.
    assert everybody.bob.names("/alice") == [first.split("/")[2]]
    entry = everybody.bob.ask("GET", "/alice?format=json").json()[0]
    assert set(entry) == {"name", "last_modified"}
    head = everybody.bob.ask("HEAD", "/alice")
    assert head.status_code == 204
    assert not [name for name in head.headers if name.lower().startswith("x-account")]
    for path in ("/alice", "/none"):
        assert everybody.chuck.ask("HEAD", path).status_code == 403
        assert everybody.chuck.names(path) == 403
    assert everybody.bob.names("/alice", public="") == 403
    assert everybody.bob.ask("GET", "/alice?until=1").status_code == 403
    assert everybody.bob.names(other) == 403
    # Taken back, nothing is left.
    everybody.alice.share(f"{first}/o", "")
    assert everybody.bob.ask("GET", "/").text == "dan\n"
    assert everybody.bob.names("/alice") == 403


def test_containers_of_an_owner(strangers: People) -> None:  # noqa: F811
    alice = strangers.alice
    for name in ("apples", "bananas", "kiwis", "pears"):
        assert alice.ask("PUT", f"/alice/{name}").status_code == 201
        alice.make(f"/alice/{name}/o")
    alice.share("/alice/bananas/o", "read=bob")
    alice.publish("/alice/kiwis/o")
    alice.share("/alice/pears/o", "read=bob")
    alice.publish("/alice/pears/o")
    assert alice.names("/alice", shared="") == ["bananas", "pears"]
    assert alice.names("/alice", public="") == ["kiwis", "pears"]
    assert alice.names("/alice", shared="", public="") == ["bananas", "kiwis", "pears"]
    assert alice.names("/alice", shared="", marker="bananas") == ["pears"]
    assert strangers.bob.names("/alice", shared="") == ["bananas", "pears"]
    for params in ({"public": ""}, {"shared": "", "public": ""}):
        assert strangers.bob.names("/alice", **params) == 403


def test_the_top_has_get_alone(people: People) -> None:  # noqa: F811
    for method in ("HEAD", "PUT", "POST", "DELETE"):
        answer = people.bob.ask(method, "/")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET"
