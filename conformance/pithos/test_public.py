"""Public links: anybody reads by them what they lead to, and nothing else."""

from __future__ import annotations

import re

import pytest
import requests

from .people import DIRECTORY, People, people  # noqa: F401


def get(url: str, method: str = "GET", **headers: str) -> requests.Response:
    words = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, url, headers=words, timeout=60)


def published(people: People, data: bytes = b"content") -> tuple[str, str]:
    """An object and its address."""
    path = f"{people.alice.container()}/file name"
    people.alice.make(path, data, X_Object_Meta_A="1")
    url = people.alice.publish(path)
    assert url
    return path, url


def test_anybody_reads_by_it(people: People) -> None:  # noqa: F811
    path, url = published(people)
    assert re.fullmatch(re.escape(people.alice.url) + r"/public/[0-9A-Za-z]{15,22}", url)
    for address in (url, f"{url}/", url.replace("/public/", "/pithos/public/")):
        for method in ("GET", "HEAD"):
            answer = get(address, method, X_Auth_Token="not-looked-at")
            assert answer.status_code == 200
            assert answer.content == (b"content" if method == "GET" else b"")
            assert answer.headers["Content-Type"] == "text/plain"
            assert answer.headers["Content-Length"] == "7"
            assert not [name for name in answer.headers if name.lower().startswith("x-object")]
    answer = get(url)
    assert answer.headers["Content-Disposition"] == 'inline; filename="file name"'
    answer = get(f"{url}?disposition-type=attachment")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="file name"'
    # The private path stays private.
    for person in (people.bob, people.mallory):
        assert person.reads(path) == 403
        assert person.ask("GET", f"{path}?version=1").status_code == 403
    assert people.nobody().ask("GET", path).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "COPY", "MOVE", "OPTIONS"])
def test_it_is_for_reading(people: People, method: str) -> None:  # noqa: F811
    _, url = published(people)
    answer = get(url, method)
    assert answer.status_code == 405
    assert answer.headers["Allow"].replace(" ", "") in ("HEAD,GET", "GET,HEAD")
    assert get(url).content == b"content"


def test_a_link_is_stable_and_never_comes_back(people: People) -> None:  # noqa: F811
    path, url = published(people)
    assert people.alice.publish(path) == url
    people.alice.make(path, b"changed")
    assert get(url).content == b"changed"
    assert people.alice.publish(path, False) is None
    assert get(url).status_code == 404
    again = people.alice.publish(path)
    assert again and again != url
    assert get(url).status_code == 404
    assert people.alice.ask("DELETE", path).status_code == 204
    assert get(again).status_code == 404
    people.alice.make(path)
    assert get(again).status_code == 404
    assert "X-Object-Public" not in people.alice.ask("HEAD", path).headers


def test_moving_ends_it(people: People) -> None:  # noqa: F811
    path, url = published(people)
    target = f"/{path.split('/')[2]}/moved"
    moved = people.alice.ask("MOVE", path.replace(" ", "%20"), headers={"Destination": target})
    assert moved.status_code == 201
    assert get(url).status_code == 404
    assert "X-Object-Public" not in people.alice.ask("HEAD", f"/alice{target}").headers


def test_on_the_way_in(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/o", X_Object_Public="True")
    assert get(people.alice.ask("HEAD", f"{container}/o").headers["X-Object-Public"]).ok
    name = container.split("/")[2]
    copied = people.alice.ask(
        "COPY",
        f"{container}/o",
        headers={"Destination": f"/{name}/p", "X-Object-Public": "true", "X-Object-Sharing": "read=bob"},
    )
    assert copied.status_code == 201
    assert get(people.alice.ask("HEAD", f"{container}/p").headers["X-Object-Public"]).ok
    assert people.bob.reads(f"{container}/p") == 200
    bad = people.alice.ask("POST", f"{container}/p?update", headers={"X-Object-Public": "maybe"})
    assert bad.status_code == 400


def test_a_directory_is_its_marker_alone(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/d", b"", kind=DIRECTORY)
    people.alice.make(f"{container}/d/o")
    url = people.alice.publish(f"{container}/d")
    assert url and get(url).status_code == 200
    assert get(f"{url}/o").status_code == 404


def test_ranges_and_conditions(people: People) -> None:  # noqa: F811
    data = bytes(range(256)) * 20
    path, url = published(people, data)
    part = get(url, Range="bytes=10-19")
    assert part.status_code == 206 and part.content == data[10:20]
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    assert get(url, Range="bytes=-500").content == data[-500:]
    assert get(url, Range="bytes=5000-").content == data[5000:]
    assert get(url, Range=f"bytes={len(data)}-").status_code == 416
    many = get(url, Range="bytes=0-9,100-109")
    assert many.status_code == 206
    assert many.headers["Content-Type"].startswith("multipart/byteranges")
    assert data[100:110] in many.content
    etag = get(url).headers["ETag"]
    assert get(url, If_Match=etag).status_code == 200
    assert get(url, If_Match="*").status_code == 200
    assert get(url, If_Match="0" * 64).status_code == 412
    assert get(url, If_None_Match=etag).status_code == 304
    assert get(url, If_None_Match="0" * 64).status_code == 200
    modified = get(url).headers["Last-Modified"]
    assert get(url, If_Modified_Since=modified).status_code == 304
    assert get(url, If_Modified_Since="Monday").status_code == 200
    assert get(url, If_Unmodified_Since=modified).status_code == 200
    early = "Thu, 01 Jan 2015 00:00:00 GMT"
    assert get(url, If_Unmodified_Since=early).status_code == 412
    assert get(url, If_Modified_Since=early).status_code == 200
    del path


def test_old_versions_and_maps_are_not_there(people: People) -> None:  # noqa: F811
    path = f"{people.alice.container()}/o"
    old = people.alice.make(path, b"old").headers["X-Object-Version"]
    people.alice.make(path, b"new")
    url = people.alice.publish(path)
    for query in (f"version={old}", "version=list", "hashmap", "hashmap&format=json", "format=xml"):
        answer = get(f"{url}?{query}")
        assert (answer.status_code, answer.content) == (200, b"new"), query


@pytest.mark.parametrize(
    "word", ["", "x", "%00", "%ff", "%2E%2E%2Fx", "a" * 5000, "%2F", "'; DROP TABLE--"]
)
def test_words_that_are_none(people: People, word: str) -> None:  # noqa: F811
    answer = get(f"{people.alice.url}/public/{word}")
    assert answer.status_code in (400, 404)


def test_manifests(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    name = container.split("/")[2]
    for n in range(3):
        people.alice.make(f"{container}/part/{n}", f"part{n};")
    people.alice.make(f"{container}/all", b"", X_Object_Manifest=f"{name}/part/")
    url = people.alice.publish(f"{container}/all")
    assert url and get(url).content == b"part0;part1;part2;"
    assert get(url, Range="bytes=5-11").content == b";part1;"


def test_a_writer_publishes_no_more_than_is_shared(people: People) -> None:  # noqa: F811
    container = people.alice.container()
    name = container.split("/")[2]
    people.alice.make(f"{container}/d", kind=DIRECTORY)
    people.alice.make(f"{container}/secret/1", b"secret")
    people.alice.share(f"{container}/d", "write=bob")
    path = f"{container}/d/all"
    people.bob.make(path, b"", X_Object_Manifest=f"{name}/secret/", X_Object_Public="true")
    assert "X-Object-Public" not in people.bob.ask("HEAD", path).headers
    assert b"secret" not in people.bob.ask("GET", path).content
    url = people.alice.ask("HEAD", path).headers["X-Object-Public"]
    assert b"secret" not in get(url).content
