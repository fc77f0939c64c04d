"""What holds for all requests: tokens, methods, names, faults, headers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from harness.server import Server

from .client import BYTES, Pithos, fault
from .conftest import SECRET


def test_a_token_is_needed_and_may_be_in_the_query(alice: Pithos, c: str) -> None:
    nobody = Pithos(alice.root, None, "alice")
    answer = nobody.ask("GET", f"/{c}")
    assert fault(answer) == ("unauthorized", 401)
    assert nobody.status("GET", f"/{c}", params={"X-Auth-Token": alice.token}) == 204
    assert Pithos(alice.root, "AUTH_tkbogus", "alice").status("GET", f"/{c}") == 401
    # The one in the query wins, unless it is empty.
    assert alice.status("GET", f"/{c}", params={"X-Auth-Token": "bogus"}) == 401
    assert alice.status("GET", f"/{c}", params={"X-Auth-Token": ""}) == 204


def test_strangers_are_denied_everything(alice: Pithos, bob: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"data")
    cases = [
        ("HEAD", ""), ("GET", ""), ("POST", ""), ("HEAD", f"/{c}"), ("GET", f"/{c}"),
        ("PUT", f"/{c}"), ("POST", f"/{c}"), ("DELETE", f"/{c}"), ("HEAD", f"/{c}/o"),
        ("GET", f"/{c}/o"), ("DELETE", f"/{c}/o"), ("POST", f"/{c}/o"), ("GET", f"/{c}/missing"),
        ("GET", "/missing"), ("PUT", "/new"),
    ]
    for method, path in cases:
        assert bob.status(method, path, account="alice") == 403, (method, path)
    answer = bob.ask("PUT", f"/{c}/p", account="alice", data=b"x", headers={"Content-Type": BYTES})
    assert fault(answer) == ("forbidden", 403)
    assert bob.upload_blocks(c, b"x", account="alice").status_code == 403
    assert bob.put_map(f"/{c}/p", 0, [], account="alice").status_code == 403


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", "HEAD,GET,POST"),
        ("/{c}", "HEAD,GET,PUT,POST,DELETE"),
        ("/{c}/o", "HEAD,GET,PUT,COPY,MOVE,POST,DELETE"),
    ],
)
def test_other_methods(alice: Pithos, c: str, path: str, allowed: str) -> None:
    for method in ("PATCH", "OPTIONS", "PUT" if not path else "LOCK"):
        answer = alice.ask(method, path.format(c=c))
        assert fault(answer) == ("notAllowed", 405)
        assert answer.headers["Allow"] == allowed


def test_names(alice: Pithos, c: str) -> None:
    for name in ("/o", "o/", "o ", "o", "a//b", "Π", "50%"):
        alice.put(f"/{c}/{name}", name.encode())
    for name in ("/o", "o/", "o ", "o", "a//b", "Π", "50%"):
        assert alice.get(f"/{c}/{name}") == name.encode(), name
    encoded = alice.url(f"/{c}%2Fo").replace("%25", "%")
    assert requests.get(encoded, headers={"X-Auth-Token": alice.token}, timeout=30).content == b"o"
    assert alice.status("PUT", "/" + "x" * 257) == 400
    long = {"data": b"", "headers": {"Content-Type": BYTES}}
    assert alice.status("PUT", f"/{c}/" + "x" * 1025, **long) == 400
    assert alice.status("PUT", f"/{c}/" + "x" * 1024, **long) == 201


def test_endpoints(alice: Pithos) -> None:
    home = alice.root.removesuffix("/object-store/v1")
    headers = {"X-Auth-Token": alice.token}
    for path in ("/object-store/v1", "/object-store/v2/alice", "/other"):
        answer = requests.get(home + path, headers=headers, timeout=30)
        assert fault(answer) == ("badRequest", 400), path
    assert requests.get(f"{home}/object-store/v1//alice", headers=headers, timeout=30).status_code == 403


def test_headers_of_all_answers(alice: Pithos, c: str) -> None:
    for answer in (alice.ask("GET", f"/{c}"), alice.ask("GET", f"/{c}/missing")):
        assert answer.headers["Vary"] == "X-Auth-Token"
        assert "no-cache" in answer.headers["Cache-Control"]
        assert "Last-Modified" in answer.headers and "Expires" in answer.headers
    answer = alice.ask("HEAD", f"/{c}/missing")
    assert answer.status_code == 404 and not answer.content


def test_faults_in_xml(alice: Pithos, c: str) -> None:
    answer = alice.ask("GET", f"/{c}/missing", params={"format": "xml"})
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert "<itemNotFound" in answer.text and 'code="404"' in answer.text


def test_header_values_are_decoded_or_refused(alice: Pithos, c: str) -> None:
    def put(**headers: str) -> int:
        said = {key.replace("_", "-"): value for key, value in headers.items()}
        said.setdefault("Content-Type", BYTES)
        return alice.status("PUT", f"/{c}/o", data=b"", headers=said)

    assert put(X_Object_Meta_A="%f2") == 400
    assert put(Content_Type="text/\xce".encode("latin-1").decode("latin-1")) == 400
    assert put(X_Object_Meta_A="100%25 %CE%A0") == 201
    assert alice.head(f"/{c}/o")["X-Object-Meta-A"] == "100%25 %CE%A0"
    headers = {"X-Object-Meta-%CE%A0%CE%B1_x": "v", "Content-Type": BYTES}
    assert alice.status("PUT", f"/{c}/o", data=b"", headers=headers) == 201
    assert alice.head(f"/{c}/o")["X-Object-Meta-%CF%80%CE%B1-X"] == "v"


def test_hostile_queries_do_no_harm(alice: Pithos, c: str) -> None:
    alice.put(f"/{c}/o", b"x")
    for value in ("-1", "x", "9" * 40, "%00", "1e9", "\u0000"):
        for key in ("limit", "until", "marker", "prefix", "delimiter", "path", "meta", "version",
                    "changes", "block", "wait"):
            if key == "until" or (key == "wait"):
                continue
            answer = alice.ask("GET", f"/{c}", params={key: value})
            assert answer.status_code in (200, 204, 400, 404, 410), (key, value, answer.text)
        assert alice.status("GET", f"/{c}/o", params={"version": value}) == 404
    for value in ("-1", "x", "1700000000.5", ""):
        assert alice.names(f"/{c}", until=value) == ["o"], value


def test_who_writes_a_container_does_not_own_it(
    server: Server, alice: Pithos, c: str, name: Callable[[], str]
) -> None:
    member = Pithos.of(server, "alice", SECRET, user="member")
    for method, path in (("HEAD", ""), ("GET", f"/{c}"), ("PUT", f"/{name()}"), ("POST", "")):
        assert member.status(method, path) == 403, (method, path)
    headers = {"X-Auth-Token": alice.token, "X-Container-Write": "alice:member",
               "X-Container-Read": "alice:member"}
    home = alice.root.split("/pithos/")[0]
    requests.post(f"{home}/v1/AUTH_alice/{c}", headers=headers, timeout=30).raise_for_status()
    member.put(f"/{c}/o", b"by a member")
    assert member.get(f"/{c}/o") == b"by a member" and member.names(f"/{c}") == ["o"]
    assert alice.head(f"/{c}/o")["X-Object-Modified-By"] == "alice%21member"
    assert member.update(f"/{c}/o", "bytes */*", b"!").status_code == 204
    # What only owners do.
    head = member.head(f"/{c}")
    assert "X-Container-Block-Size" in head and "X-Container-Policy-Quota" not in head
    until = {"until": 2000000000}
    assert member.status("DELETE", f"/{c}/o") == member.status("DELETE", f"/{c}") == 403
    assert member.status("GET", f"/{c}", params=until) == 403
    assert member.status("DELETE", f"/{c}/o", params=until) == 403
    assert member.status("MOVE", f"/{c}/o", headers={"Destination": f"/{c}/p"}) == 403
    assert member.status("COPY", f"/{c}/o", headers={"Destination": f"/{c}/p"}) == 201
    assert member.status("POST", f"/{c}", params={"restore": "1700000000"}) == 403
    assert member.status("POST", f"/{c}", headers={"X-Container-Meta-A": "1"}) == 403
    assert member.upload_blocks(c, b"x").status_code == 403
