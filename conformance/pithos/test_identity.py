"""The side services: whose a token is, where the services are, who is called what, quotas, feedback."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .people import SECRET, People, Person, people  # noqa: F401

TOKENS = "/pithos/identity/v2.0/tokens"
ACCOUNT = "/pithos/account/v1.0"


def authenticate(person: Person, token: str, **more: Any) -> requests.Response:
    body = {"auth": {"token": {"id": token}, **more}}
    return Person("", person.server).raw("POST", TOKENS, json=body)


def services(access: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["endpoints"][0]["publicURL"] for one in access["serviceCatalog"]}


def test_a_token_and_the_services(people: People) -> None:  # noqa: F811
    for person, user in ((people.alice, "alice"), (people.mia, "alice!mia")):
        answer = authenticate(person, person.token)
        assert answer.status_code == 200
        access = answer.json()["access"]
        assert access["user"]["id"] == access["token"]["tenant"]["id"] == user
        assert access["token"]["id"] == person.token
        assert access["token"]["expires"].startswith("20")
        account = [one for one in access["serviceCatalog"] if one["name"] == "astakos_account"]
        assert account[0]["endpoints"][0]["versionId"] == "v1.0"
        assert account[0]["endpoints"][0]["SNF:uiURL"]
    # Where the catalog says they are, they are.
    found = services(authenticate(people.alice, people.alice.token).json()["access"])
    storage = found["pithos_object-store"]
    headers = {"X-Auth-Token": people.alice.token}
    assert requests.head(f"{storage}/alice", headers=headers, timeout=30).status_code == 204
    quotas = requests.get(f"{found['astakos_account']}/quotas", headers=headers, timeout=30)
    assert quotas.status_code == 200
    assert found["astakos_identity"].endswith("/pithos/identity/v2.0")


def test_without_a_body_only_the_services(people: People) -> None:  # noqa: F811
    access = people.nobody().raw("POST", TOKENS).json()["access"]
    assert set(access) == {"serviceCatalog"}


def test_by_password(people: People) -> None:  # noqa: F811
    def by(name: str, secret: str) -> requests.Response:
        words = {"passwordCredentials": {"username": name, "password": secret}}
        return people.nobody().raw("POST", TOKENS, json={"auth": words})

    token = by("alice:alice", SECRET).json()["access"]["token"]["id"]
    assert Person("", people.server, token).ask("HEAD", "/alice").status_code == 204
    for name, secret in (("alice:alice", "wrong"), ("alice", SECRET), ("no:body", SECRET)):
        assert by(name, secret).status_code == 401


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"auth":{}}', b'{"auth":{"token":{"id":7}}}', b"\xff", b"[" * 9999]
)
def test_bodies_that_are_none(people: People, body: bytes) -> None:  # noqa: F811
    answer = people.nobody().raw("POST", TOKENS, data=body)
    assert answer.status_code == 400
    assert answer.json()["badRequest"]["code"] == 400


def test_refusals(people: People) -> None:  # noqa: F811
    for token in ("", "nonsense", people.alice.token[:-2], "ü"):
        assert authenticate(people.alice, token).status_code == 401
    other = authenticate(people.alice, people.alice.token, tenantName="bob")
    assert other.status_code == 400
    assert people.nobody().raw("GET", TOKENS).status_code == 405
    huge = people.nobody().raw("POST", TOKENS, data=b" " * (300 << 10))
    assert huge.status_code == 413


def test_endpoints_of_a_token(people: People) -> None:  # noqa: F811
    answer = people.nobody().raw("GET", f"{TOKENS}/{people.bob.token}/endpoints")
    assert answer.status_code == 200
    assert {one["type"] for one in answer.json()["endpoints"]} >= {"object-store", "account"}
    assert people.nobody().raw("GET", f"{TOKENS}/nonsense/endpoints").status_code == 401


def test_names_and_ids(people: People) -> None:  # noqa: F811
    def catalogs(body: Any) -> dict[str, Any]:
        answer = people.bob.raw("POST", f"{ACCOUNT}/user_catalogs", json=body)
        assert answer.status_code == 200
        return answer.json()

    found = catalogs(
        {
            "uuids": ["alice", "alice!mia", "nobody", "alice:alice", "*", "a!b!c"],
            "displaynames": ["alice:mia", "dan", "no:body"],
        }
    )
    assert found["uuid_catalog"] == {"alice": "alice", "alice!mia": "alice:mia"}
    assert found["displayname_catalog"] == {"alice:mia": "alice!mia", "dan": "dan"}
    nothing = {"uuid_catalog": {}, "displayname_catalog": {}}
    for body in ({}, {"uuids": None, "displaynames": []}, {"uuids": [""]}):
        assert catalogs(body) == nothing


def test_names_are_told_to_users_and_bounded(people: People) -> None:  # noqa: F811
    path = f"{ACCOUNT}/user_catalogs"
    assert people.nobody().raw("POST", path, json={"uuids": ["alice"]}).status_code == 401
    many = {"uuids": [f"u{n}" for n in range(1001)]}
    assert people.bob.raw("POST", path, json=many).status_code == 400
    for body in (b"", b"7", b'{"uuids":"alice"}', b'{"uuids":[["a"]]}'):
        assert people.bob.raw("POST", path, data=body).status_code == 400
    assert people.bob.raw("GET", path).status_code == 405


def test_quotas(people: People) -> None:  # noqa: F811
    container = people.chuck.container()
    people.chuck.make(f"{container}/o", b"x" * 1000)
    quotas = people.chuck.raw("GET", f"{ACCOUNT}/quotas").json()
    space = quotas["chuck"]["pithos.diskspace"]
    assert (space["usage"], space["pending"]) == (1000, 0)
    assert space["limit"] > 1 << 40
    assert people.mia.raw("GET", f"{ACCOUNT}/quotas").json() == {}
    assert people.nobody().raw("GET", f"{ACCOUNT}/quotas").status_code == 401


def test_feedback(people: People) -> None:  # noqa: F811
    path = f"{ACCOUNT}/feedback"
    form = {"feedback_msg": "all is well", "feedback_data": "{}"}
    assert people.bob.raw("POST", path, data=form).status_code == 200
    assert "all is well" in people.server.log_file.read_text()
    assert people.bob.raw("POST", path, data={}).status_code == 400
    assert people.nobody().raw("POST", path, data=form).status_code == 401


def test_signing_in_at_the_top(people: People) -> None:  # noqa: F811
    def top(**headers: str) -> requests.Response:
        words = {name.replace("_", "-"): value for name, value in headers.items()}
        return people.nobody().ask("GET", "/", headers=words)

    assert top().status_code == 400
    assert top(X_Auth_User="alice:alice").status_code == 400
    assert top(X_Auth_User="alice:alice", X_Auth_Key="wrong").status_code == 401
    answer = top(X_Auth_User="alice:alice", X_Auth_Key=SECRET)
    assert answer.status_code == 204
    assert answer.headers["X-Storage-Url"].endswith("/pithos/object-store/v1/alice")
    headers = {"X-Auth-Token": answer.headers["X-Auth-Token"]}
    head = requests.head(answer.headers["X-Storage-Url"], headers=headers, timeout=30)
    assert head.status_code == 204
