"""Who reads and writes what an owner shares: users, groups, everybody, directories."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
import requests

from .people import DIRECTORY, People, Person, people, strangers  # noqa: F401

READ = ("reads", 200)
WRITE = ("appends", 204)


def tree(people: People, kind: str = "text/plain") -> str:
    """`o`, of this type, and its neighbours in names."""
    container = people.alice.container()
    people.alice.make(f"{container}/o", kind=kind)
    for name in ("o/", "o/a", "oa", "oa/"):
        people.alice.make(f"{container}/{name}")
    return f"{container}/o"


@pytest.mark.parametrize(
    ("sharing", "who"),
    [
        ("bob", "bob"),
        ("bob,dan", "bob dan"),
        ("BOB, Dan", "bob dan"),
        ("alice:devs", "chuck dan"),
        ("ALICE:Devs,bob", "bob chuck dan"),
        ("alice!mia", "mia"),
        ("alice", ""),
        ("*", "bob chuck dan mallory mia"),
        ("nobody-we-know", ""),
        ("alice:mia,alice:none,bob:bob", ""),
    ],
)
def test_who_is_meant(people: People, sharing: str, who: str) -> None:  # noqa: F811
    assert people.alice.group("devs", "chuck,dan").status_code == 202
    path = tree(people)
    people.alice.share(path, f"read={sharing}")
    people.check(path, who, *READ)
    people.check(path, "", *WRITE)
    people.alice.share(path, f"write={sharing}")
    people.check(path, who, *READ)
    people.check(path, who, *WRITE)
    # What is no directory passes nothing on.
    for neighbour in ("/", "/a", "a", "a/"):
        people.check(path + neighbour, "", *READ)
    people.alice.share(path, "")
    people.check(path, "", *READ)
    assert people.nobody().ask("GET", path).status_code == 401


@pytest.mark.parametrize("kind", [DIRECTORY, "application/folder; charset=UTF-8"])
def test_directories_pass_it_on(people: People, kind: str) -> None:  # noqa: F811
    path = tree(people, kind)
    people.alice.share(path, "read=bob;write=dan")
    for below in ("", "/", "/a"):
        people.check(path + below, "bob dan", *READ)
        people.check(path + below, "dan", *WRITE)
    for neighbour in ("a", "a/"):
        people.check(path + neighbour, "", *READ)
    # Not there: who may read hears so, the others do not.
    assert people.bob.reads(f"{path}/none") == 404
    assert people.mallory.reads(f"{path}/none") == 403
    made = people.dan.make(f"{path}/made")
    assert made.headers["X-Object-Version"]
    head = people.alice.ask("HEAD", f"{path}/made").headers
    assert head["X-Object-Modified-By"] == "dan"
    assert people.bob.ask("PUT", f"{path}/by-bob", data=b"").status_code in (403, 411)
    assert people.dan.reads(f"{path}/made") == 200


def test_the_closest_counts_alone(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    for name in ("d", "d/sub", "d/sub/deep"):
        people.alice.make(f"{container}/{name}", kind=DIRECTORY)
    people.alice.make(f"{container}/d/sub/deep/o")
    people.alice.share(f"{container}/d", "write=*")
    people.check(f"{container}/d/sub/deep/o", "bob chuck dan mallory mia", *WRITE)
    people.alice.share(f"{container}/d/sub", "read=*")
    people.check(f"{container}/d/sub/deep/o", "bob chuck dan mallory mia", *READ)
    people.check(f"{container}/d/sub/deep/o", "", *WRITE)
    people.alice.share(f"{container}/d/sub", "read=bob")
    people.check(f"{container}/d/sub/deep/o", "bob", *READ)
    head = people.bob.ask("HEAD", f"{container}/d/sub/deep/o").headers
    assert head["X-Object-Shared-By"] == f"{container}/d/sub".lstrip("/")
    assert head["X-Object-Sharing"] == "read=bob"
    assert head["X-Object-Allowed-To"] == "read"
    assert "X-Object-Public" not in head
    own = people.alice.ask("HEAD", f"{container}/d/sub").headers
    assert "X-Object-Allowed-To" not in own and "X-Object-Shared-By" not in own


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("read=bob", "read=bob"),
        ("read=dan, bob ,dan;write=Chuck", "read=bob,dan; write=chuck"),
        ("write=bob;read=bob,dan", "read=dan; write=bob"),
        ("read=bob,*,dan", "read=*"),
        ("write=alice:devs", "write=alice:devs"),
        ("read=%CE%A0", "read=π"),
        ("", None),
        ("READ=bob", 400),
        ("read=", 400),
        ("bob", 400),
        ("read=bob;", 400),
        ("read=bob;write=", 400),
        ("read=" + "x" * 257, 400),
        ("write=" + "x" * 257, 400),
        ("read=" + ",".join(f"u{n}" for n in range(257)), 400),
        ("read=%ff", 400),
    ],
)
def test_words(people: People, given: str, kept: str | int | None) -> None:  # noqa: F811
    path = tree(people)
    answer = people.alice.ask("POST", f"{path}?update", headers={"X-Object-Sharing": given})
    if isinstance(kept, int):
        assert answer.status_code == kept
        assert "X-Object-Sharing" not in people.alice.ask("HEAD", path).headers
        headers = {"X-Object-Sharing": given, "Content-Type": "a/b"}
        answer = people.alice.ask("PUT", f"{path}-new", data=b"", headers=headers)
        assert answer.status_code == kept
        assert people.alice.reads(f"{path}-new") == 404
        return
    assert answer.status_code == 202
    told = people.alice.ask("HEAD", path).headers.get("X-Object-Sharing")
    assert (unquote(told) if told else None) == kept


def test_sharing_alone_makes_no_version(people: People) -> None:  # noqa: F811
    path = tree(people)
    before = people.alice.ask("HEAD", path).headers
    people.alice.share(path, "read=bob")
    after = people.alice.ask("HEAD", path).headers
    for name in ("X-Object-Version", "Last-Modified", "ETag"):
        assert before[name] == after[name]


def test_a_stranger_is_let_in_nowhere(strangers: People) -> None:  # noqa: F811
    container = strangers.alice.container()
    path = f"{container}/o"
    strangers.alice.make(path)
    data = {"data": b"x", "headers": {"Content-Type": "text/plain"}}
    own = strangers.bob.container()
    asked = [
        ("HEAD", "/alice", {}),
        ("GET", "/alice?until=1", {}),
        ("GET", "/alice?public", {}),
        ("POST", "/alice?update", {}),
        ("HEAD", container, {}),
        ("GET", container, {}),
        ("GET", f"{container}?public", {}),
        ("PUT", container, {}),
        ("POST", f"{container}?update", {}),
        ("POST", f"{container}?update", {"data": b"x", "headers": {"Content-Type": "application/octet-stream"}}),
        ("DELETE", container, {}),
        ("PUT", path, data),
        ("PUT", f"{container}/new", data),
        ("POST", f"{path}?update", {}),
        ("DELETE", path, {}),
        ("COPY", path, {"headers": {"Destination": f"{own.removeprefix('/bob')}/o"}}),
        ("MOVE", path, {"headers": {"Destination": f"{own.removeprefix('/bob')}/o"}}),
        ("GET", f"{path}?version=list", {}),
        ("GET", f"{path}?hashmap", {}),
    ]
    for method, at, words in asked:
        for at in {at, at.replace("/alice", "/no-such-account"), at.replace(container, "/alice/none")}:
            answer = strangers.bob.ask(method, at, **words)
            assert answer.status_code == 403, f"{method} {at}: {answer.status_code}"
            assert "X-Object-Hash" not in answer.headers
    assert strangers.alice.names(container) == ["o"]


def test_a_reader_and_a_writer_are_let_in_no_farther(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/d", kind=DIRECTORY)
    path = f"{container}/d/o"
    people.alice.make(path)
    people.alice.share(f"{container}/d", "read=bob;write=dan")
    block = {"data": b"x", "headers": {"Content-Type": "application/octet-stream"}}
    for person in (people.bob, people.dan):
        own = person.container()
        for method, at, words in [
            ("DELETE", path, {}),
            ("MOVE", path, {"headers": {"Destination": f"/{own.split('/')[2]}/o"}}),
            ("POST", f"{container}?update", {}),
            ("POST", f"{container}?update", block),
            ("PUT", container, {}),
            ("DELETE", container, {}),
            ("POST", "/alice?update", {}),
            ("POST", f"{path}?update", {"headers": {"X-Object-Sharing": "read=*"}}),
            ("GET", f"{container}?public", {}),
            ("GET", f"{container}?until=1", {}),
            ("HEAD", f"{container}?until=1", {}),
        ]:
            answer = person.ask(method, at, **words)
            assert answer.status_code == 403, f"{person.id} {method} {at}: {answer.status_code}"
        assert person.reads(path) == 200
        copied = person.ask(
            "COPY",
            path,
            headers={"Destination": f"/{own.split('/')[2]}/o", "Destination-Account": person.id},
        )
        assert copied.status_code == 201
        assert "X-Object-Sharing" not in person.ask("HEAD", f"{own}/o").headers
    mallory = people.mallory.reads(path)
    assert mallory == 403
    move = people.dan.ask(
        "PUT",
        f"{container}/d/moved",
        headers={"X-Move-From": path.removeprefix("/alice"), "X-Source-Account": "alice", "Content-Length": "0"},
    )
    assert move.status_code == 403
    assert people.alice.reads(f"{container}/d/moved") == 404


def test_copying_across_accounts(people: People) -> None:  # noqa: F811
    source = people.alice.container()
    people.alice.make(f"{source}/o", b"content", X_Object_Meta_A="1")
    target = people.chuck.container()
    people.chuck.make(f"{target}/d", kind=DIRECTORY)

    def copy(to: str) -> int:
        headers = {
            "X-Copy-From": f"/{source.split('/')[2]}/o",
            "X-Source-Account": "alice",
            "Content-Length": "0",
        }
        return people.bob.ask("PUT", to, headers=headers).status_code

    into = f"{target}/d/copy"
    people.chuck.share(f"{target}/d", "read=bob")
    people.alice.share(f"{source}/o", "read=bob")
    assert copy(into) == 403
    people.chuck.share(f"{target}/d", "write=bob")
    assert copy(into) == 201
    assert people.chuck.ask("GET", into).content == b"content"
    people.alice.share(f"{source}/o", "write=dan")
    assert copy(f"{target}/d/again") == 403
    # The copy is chuck's, whatever becomes of the source.
    assert people.alice.ask("DELETE", f"{source}/o").status_code == 204
    assert people.chuck.ask("GET", into).content == b"content"
    assert people.alice.reads(into) == 403


def test_a_writer_does_not_widen_what_is_shared(people: People) -> None:  # noqa: F811
    path = tree(people)
    people.alice.share(path, "write=bob")
    headers = {"Content-Type": DIRECTORY}
    assert people.bob.ask("PUT", path, data=b"", headers=headers).status_code == 403
    assert people.bob.reads(f"{path}/a") == 403
    own = people.bob.container()
    people.bob.make(f"{own}/d", kind=DIRECTORY)
    copied = people.bob.ask(
        "COPY",
        f"{own}/d",
        headers={"Destination": "/" + path.split("/", 2)[2], "Destination-Account": "alice"},
    )
    assert copied.status_code == 403
    assert people.bob.reads(f"{path}/a") == 403


def test_sharing_ends_with_the_object(people: People) -> None:  # noqa: F811
    path = tree(people)
    people.alice.share(path, "read=bob")
    people.alice.make(path, b"again")
    assert people.bob.reads(path) == 200
    target = f"/{path.split('/')[2]}/moved"
    assert people.alice.ask("MOVE", path, headers={"Destination": target}).status_code == 201
    assert people.bob.reads(f"/alice{target}") == 403
    people.alice.make(path)
    assert people.bob.reads(path) == 403
    people.alice.share(path, "read=bob")
    assert people.alice.ask("DELETE", path).status_code == 204
    assert people.bob.reads(path) == 403
    people.alice.make(path)
    assert people.bob.reads(path) == 403


def test_old_versions_follow_the_path(people: People) -> None:  # noqa: F811
    path = tree(people)
    first = people.alice.make(path, b"old").headers["X-Object-Version"]
    people.alice.make(path, b"new")
    assert people.bob.ask("GET", f"{path}?version={first}").status_code == 403
    people.alice.share(path, "read=bob")
    assert people.bob.ask("GET", f"{path}?version={first}").content == b"old"
    assert people.bob.ask("GET", f"{path}?version=list").status_code == 200
    other = f"{path}a"
    assert people.bob.ask("GET", f"{other}?version={first}").status_code == 403


def test_a_writer_puts_blocks_together_from_an_account_of_their_own(people: People) -> None:  # noqa: F811
    """As kamaki does: blocks go to the writer's container, the hash map to the shared path."""
    container = people.alice.container()
    people.alice.make(f"{container}/d", kind=DIRECTORY)
    people.alice.make(f"{container}/secret", b"what only alice has")
    people.alice.share(f"{container}/d", "read=bob;write=dan")
    own = people.dan.container()
    octets = {"Content-Type": "application/octet-stream"}
    uploaded = people.dan.ask("POST", f"{own}?update", data=b"from dan", headers=octets)
    assert uploaded.status_code == 202
    (name,) = uploaded.json()
    secret = people.alice.ask("HEAD", f"{container}/secret").headers["X-Object-Hash"]

    def put(person: Person, at: str, name: str, size: int) -> requests.Response:
        document = {"bytes": size, "hashes": [name]}
        return person.ask("PUT", f"{at}?hashmap", json=document, headers={"Content-Type": "a/b"})

    assert put(people.dan, f"{container}/d/o", name, 8).status_code == 201
    got = people.bob.ask("GET", f"{container}/d/o")
    assert got.content == b"from dan"
    assert people.alice.ask("HEAD", f"{container}/d/o").headers["X-Object-Modified-By"] == "dan"
    # Who may not write there hears nothing of blocks.
    for person in (people.bob, people.mallory):
        for block in (name, secret, "0" * 64):
            assert put(person, f"{container}/d/p", block, 8).status_code == 403
    # A name alone is no way to somebody else's bytes.
    stolen = put(people.mallory, f"{people.mallory.container()}/o", secret, 19)
    assert (stolen.status_code, stolen.json()) == (409, [secret])


def test_partial_updates_and_forms_keep_to_it(people: People) -> None:  # noqa: F811
    path = tree(people, DIRECTORY)
    people.alice.share(path, "read=bob;write=dan")
    octets = {"Content-Type": "application/octet-stream", "Content-Range": "bytes 0-0/*"}
    for person, expected in ((people.dan, 204), (people.bob, 403), (people.mallory, 403)):
        answer = person.ask("POST", f"{path}/a?update", data=b"y", headers=octets)
        assert answer.status_code == expected
        form = person.ask("POST", f"{path}/form-{person.id}", files={"X-Object-Data": ("f", b"data")})
        assert (form.status_code == 201) == (expected == 204)
        assert form.status_code in (201, 403)
    source = {"X-Source-Object": "/" + path.split("/", 2)[2] + "/a", "X-Source-Account": "alice"}
    own = people.bob.container()
    people.bob.make(f"{own}/o")
    octets = {"Content-Range": "bytes */*", **source}
    assert people.bob.ask("POST", f"{own}/o?update", headers=octets).status_code == 204
    mine = people.mallory.container()
    people.mallory.make(f"{mine}/o")
    assert people.mallory.ask("POST", f"{mine}/o?update", headers=octets).status_code == 403
