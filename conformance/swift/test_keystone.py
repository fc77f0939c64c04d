"""Logins by Keystone v3: what is found, what a token says, rescoping, giving up, and who is refused."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from harness.server import Server, run_binary

from .client import Swift
from .conftest import USERS

SECRETS = {login: secret for login, secret, _ in USERS}


class Keystone:
    """The identity protocol of one server."""

    def __init__(self, server: Server) -> None:
        self.base = f"http://127.0.0.1:{server.http_port}"

    def ask(self, method: str, path: str, token: str | None = None, subject: str | None = None,
            **words: Any) -> requests.Response:
        headers = {"X-Auth-Token": token, "X-Subject-Token": subject}
        headers = {name: value for name, value in headers.items() if value}
        return requests.request(method, self.base + path, headers=headers, timeout=30,
                                allow_redirects=False, **words)

    def sign_in(self, identity: dict[str, Any], scope: Any = None, query: str = "") -> requests.Response:
        auth = {"identity": identity, **({} if scope is None else {"scope": scope})}
        return self.ask("POST", f"/v3/auth/tokens{query}", json={"auth": auth})

    def password(self, login: str, secret: str | None = None, scope: Any = None) -> requests.Response:
        account, user = login.split(":")
        named = {"name": user, "domain": {"id": "default"}, "password": secret or SECRETS[login]}
        scope = scope or {"project": {"name": account, "domain": {"name": "Default"}}}
        return self.sign_in({"methods": ["password"], "password": {"user": named}}, scope)

    def token(self, login: str) -> str:
        answer = self.password(login)
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"]


@pytest.fixture
def keystone(shared_swift: Server) -> Keystone:
    return Keystone(shared_swift)


def storage(answer: requests.Response) -> Swift:
    catalog = answer.json()["token"]["catalog"]
    (store,) = [service for service in catalog if service["type"] == "object-store"]
    (url,) = {endpoint["url"] for endpoint in store["endpoints"]}
    assert {endpoint["interface"] for endpoint in store["endpoints"]} == {"public", "internal", "admin"}
    return Swift(url, answer.headers["X-Subject-Token"])


def test_it_is_found(keystone: Keystone) -> None:
    for path in ("/", "/v3", "/v3/"):
        answer = keystone.ask("GET", path)
        said = answer.json()
        if path == "/":
            assert answer.status_code == 300 and answer.headers["Location"] == f"{keystone.base}/v3/"
            (version,) = said["versions"]["values"]
        else:
            assert answer.status_code == 200
            version = said["version"]
        assert version["status"] == "stable" and version["id"].startswith("v3.")
        assert version["links"][0]["href"] == f"{keystone.base}/v3/"
    assert keystone.ask("GET", "/v3/nonsense").status_code == 404
    assert requests.get(f"{keystone.base}/healthz", timeout=30).text == "ok\n"


def test_a_login_gives_a_token_that_opens_the_project(keystone: Keystone) -> None:
    answer = keystone.password("test:tester")
    assert answer.status_code == 201 and "X-Auth-Token" in answer.headers["Vary"]
    token = answer.json()["token"]
    assert token["methods"] == ["password"] and token["user"]["name"] == "tester"
    assert token["project"] == {"id": "test", "name": "test", "domain": {"id": "default", "name": "Default"}}
    assert [role["name"] for role in token["roles"]] == ["admin"]
    assert token["issued_at"] < token["expires_at"] and token["expires_at"].endswith("Z")
    swift = storage(answer)
    swift.ok("PUT", "/by-keystone")
    assert "by-keystone" in swift.ok("GET").text.split()
    assert keystone.token("test:tester") != swift.token
    by_id = {"id": token["user"]["id"], "password": SECRETS["test:tester"]}
    identity = {"methods": ["password"], "password": {"user": by_id}}
    assert keystone.sign_in(identity, {"project": {"id": "test"}}).status_code == 201
    # Without a scope it is the user's own project; on demand, none.
    assert keystone.sign_in(identity).json()["token"]["project"]["id"] == "test"
    unscoped = keystone.sign_in(identity, "unscoped")
    assert "project" not in unscoped.json()["token"] and "catalog" not in unscoped.json()["token"]
    assert Swift(swift.url, unscoped.headers["X-Subject-Token"]).ask("GET").status_code == 401
    lean = keystone.sign_in(identity, query="?nocatalog")
    assert lean.status_code == 201 and "catalog" not in lean.json()["token"]


def test_access_keys_are_application_credentials(keystone: Keystone, shared_swift: Server) -> None:
    words = ["--access-key", "carolskey", "--secret-key", "carol-secret-1"]
    shared_swift.cli_ok("user", "add", "carol", *words)
    # rclone adds an empty user.
    credential = {"id": "carolskey", "secret": "carol-secret-1", "user": {}}
    identity = {"methods": ["application_credential"], "application_credential": credential}
    answer = keystone.sign_in(identity)
    assert answer.status_code == 201 and answer.json()["token"]["project"]["id"] == "carol"
    storage(answer).ok("PUT", "/carols")
    assert keystone.sign_in(identity, {"project": {"id": "carol"}}).status_code == 401
    credential["secret"] = "carol-secret-2"
    assert keystone.sign_in(identity).status_code == 401
    # And one of her keys is the password of the user.
    named = {"name": "carol", "domain": {"name": "Default"}, "password": "carol-secret-1"}
    answer = keystone.sign_in({"methods": ["password"], "password": {"user": named}})
    assert answer.status_code == 201 and answer.json()["token"]["user"]["name"] == "carol"


def test_who_is_not_known_hears_nothing(keystone: Keystone) -> None:
    answers = [
        keystone.password("test:tester", "wrong-wrong-wrong"),
        keystone.password("test:nobody", "wrong-wrong-wrong"),
        keystone.password("nowhere:tester", "wrong-wrong-wrong"),
        keystone.password("test:tester", scope={"project": {"id": "test2"}}),
        keystone.password("test:tester", scope={"domain": {"id": "default"}}),
        keystone.password("test:tester", scope={"project": {"name": "test", "domain": {"name": "Other"}}}),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["WWW-Authenticate"] == f'Keystone uri="{keystone.base}/v3"'
    assert answers[0].json()["error"]["title"] == "Unauthorized"
    for body in (b"", b"{", b"[]", b'{"auth": {}}', b"\xff" * 100, b'{"auth":' * 1000):
        assert keystone.ask("POST", "/v3/auth/tokens", data=body).status_code == 400, body
    assert keystone.ask("POST", "/v3/auth/tokens", data=b" " * 100_000).status_code == 413
    refused = Swift(f"{keystone.base}/v1/AUTH_test", "AUTH_v3AAAA").ask("GET")
    assert refused.status_code == 401
    challenges = refused.raw.headers.getlist("WWW-Authenticate")
    assert challenges == ['Swift realm="AUTH_test"', f'Keystone uri="{keystone.base}/v3"']


def test_a_reseller_is_let_into_every_project(keystone: Keystone) -> None:
    answer = keystone.password("test:tester6")
    assert "ResellerAdmin" in [role["name"] for role in answer.json()["token"]["roles"]]
    identity = {"methods": ["token"], "token": {"id": answer.headers["X-Subject-Token"]}}
    there = keystone.sign_in(identity, {"project": {"id": "test2"}})
    assert there.status_code == 201 and storage(there).url.endswith("/v1/AUTH_test2")
    # Another token of the same login does not live longer, and says how it came to be.
    assert there.json()["token"]["expires_at"] == answer.json()["token"]["expires_at"]
    assert sorted(there.json()["token"]["methods"]) == ["password", "token"]
    storage(there).ok("GET")
    assert keystone.sign_in(identity, {"project": {"id": "nowhere"}}).status_code == 401


def test_tokens_are_told_of(keystone: Keystone) -> None:
    tester, member, service = (keystone.token(login) for login in
                               ("test:tester", "test:tester3", "test5:tester5"))
    told = keystone.ask("GET", "/v3/auth/tokens", tester, tester)
    assert told.status_code == 200 and told.json()["token"]["user"]["name"] == "tester"
    head = keystone.ask("HEAD", "/v3/auth/tokens", tester, tester)
    assert head.status_code == 200 and not head.content
    assert "catalog" not in keystone.ask("GET", "/v3/auth/tokens?nocatalog", tester, tester).json()["token"]
    # Services check tokens of others; users do not.
    assert keystone.ask("GET", "/v3/auth/tokens", service, tester).status_code == 200
    assert keystone.ask("DELETE", "/v3/auth/tokens", service, tester).status_code == 403
    assert keystone.ask("GET", "/v3/auth/tokens", member, tester).status_code == 403
    assert keystone.ask("GET", "/v3/auth/tokens", tester, tester[:-2] + "AA").status_code == 404
    assert keystone.ask("GET", "/v3/auth/tokens", tester).status_code == 404
    assert keystone.ask("GET", "/v3/auth/tokens", None, tester).status_code == 401
    (project,) = keystone.ask("GET", "/v3/auth/projects", tester).json()["projects"]
    assert project["id"] == "test" and project["enabled"]
    assert keystone.ask("GET", "/v3/projects/test", tester).json()["project"]["name"] == "test"
    assert keystone.ask("GET", "/v3/projects/test2", tester).status_code == 404
    assert keystone.ask("POST", "/v3/projects", tester, json={}).status_code == 501


def test_a_token_that_was_given_up_is_good_no_more(
    swift: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keystone = Keystone(swift)
    kept, gone = keystone.token("test:tester"), keystone.token("test:tester")
    url = f"{keystone.base}/v1/AUTH_test"
    assert Swift(url, gone).ask("GET").status_code in (200, 204)
    assert keystone.ask("DELETE", "/v3/auth/tokens", gone, gone).status_code == 204

    def check(where: str) -> None:
        there = Swift(where + "/v1/AUTH_test", gone)
        assert there.ask("GET").status_code == 401
        assert Swift(there.url, kept).ask("GET").status_code in (200, 204)

    check(keystone.base)
    assert keystone.ask("GET", "/v3/auth/tokens", kept, gone).status_code == 404
    swift.kill()
    swift.start()
    check(keystone.base)
    # So many that all tokens so far are given up together: what is kept of them stays bounded.
    for _ in range(70):
        token = keystone.token("test:tester")
        assert keystone.ask("DELETE", "/v3/auth/tokens", token, token).status_code == 204
    assert Swift(url, kept).ask("GET").status_code == 401
    kept = keystone.token("test:tester")
    check(keystone.base)
    swift.stop()
    recovered = Server(tmp_path_factory.mktemp("recovered") / "data", config=swift.config)
    words = ["recover", "--config", str(swift.config), "--recovery-key", str(swift.recovery_key)]
    done = run_binary(*words, "--data-dir", str(recovered.data_dir))
    assert done.code == 0, done.text
    recovered.start()
    try:
        check(f"http://127.0.0.1:{recovered.http_port}")
    finally:
        recovered.end()


def test_lists_of_grantees_are_read_in_the_words_of_the_login(keystone: Keystone) -> None:
    owner = storage(keystone.password("test:tester"))
    member = storage(keystone.password("test:tester3"))
    user = keystone.password("test:tester3").json()["token"]["user"]["id"]
    owner.ok("PUT", "/listed")
    owner.ok("PUT", "/listed/o", data=b"x")
    for list_, granted in (("test:tester3", True), (f"test:{user}", True), ("test:*", True), ("*:tester3", True),
                           (f"*:{user}", True), ("*:*", True), ("test", False), ("*", False), ("test2:*", False)):
        owner.ok("POST", "/listed", headers={"X-Container-Read": list_})
        assert (member.ask("GET", "/listed/o").status_code == 200) == granted, list_


