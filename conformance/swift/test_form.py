"""Uploads by forms of browsers: what a signature allows, and nothing more."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from harness.server import Server

from .client import Swift
from .conftest import USERS

SECRETS = {login: secret for login, secret, _ in USERS}
KEY, OTHER_KEY = "key-of-the-container", "key-of-the-account"
MIB = 1 << 20


class Form:
    """A signed form for one prefix."""

    def __init__(self, swift: Swift, path: str = "/forms/in/", key: str = KEY, digest: str = "sha256") -> None:
        self.swift, self.path, self.key, self.digest = swift, path, key, digest
        self.fields = {"redirect": "", "max_file_size": str(MIB), "max_file_count": "3",
                       "expires": str(int(time.time()) + 60)}
        self.more: dict[str, str] = {}

    def sign(self) -> str:
        whole = urlsplit(self.swift.url).path + self.path
        names = ("redirect", "max_file_size", "max_file_count", "expires")
        text = "\n".join([whole, *(self.fields[name] for name in names)])
        signed = hmac.new(self.key.encode(), text.encode(), self.digest)
        return signed.hexdigest()

    def send(self, *files: tuple[str, bytes], signature: str | None = None, **changed: str) -> requests.Response:
        signature = self.sign() if signature is None else signature
        fields = {**self.fields, **changed, **self.more, "signature": signature}
        sent = [(f"file{n}", (name, content, "text/x-sent")) for n, (name, content) in enumerate(files)]
        return requests.post(self.swift.url + self.path, data=fields, files=sent or {"x": (None, "y")},
                             timeout=60, allow_redirects=False)


@pytest.fixture
def swift(shared_swift: Server) -> Iterator[Swift]:
    swift = Swift.of(shared_swift, "test:tester", SECRETS["test:tester"])
    swift.ok("PUT", "/forms", headers={"X-Container-Meta-Temp-URL-Key": KEY})
    swift.ok("PUT", "/others")
    swift.ok("POST", headers={"X-Account-Meta-Temp-URL-Key-2": OTHER_KEY})
    yield swift
    for container in ("forms", "others"):
        # By a list: clients make other names of those with dots in a URL.
        lines = [quote(f"/{container}/{name}") for name in names(swift, container)]
        swift.ok("POST", "?bulk-delete", data="\n".join(lines))


def names(swift: Swift, container: str = "forms") -> list[str]:
    return swift.ok("GET", f"/{container}").text.splitlines()


def test_files_arrive(swift: Swift) -> None:
    large = bytes(range(256)) * 4096
    answer = Form(swift).send(("a.bin", large), ("b c.txt", b"--\r\n--x"), ("empty", b""))
    assert (answer.status_code, answer.text) == (201, "201 Created")
    assert names(swift) == ["in/a.bin", "in/b c.txt", "in/empty"]
    got = swift.ok("GET", "/forms/in/a.bin")
    assert got.content == large and got.headers["Content-Type"] == "text/x-sent"
    assert got.headers["Etag"] == hashlib.md5(large).hexdigest()
    assert swift.ok("GET", "/forms/in/b%20c.txt").content == b"--\r\n--x"


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_every_digest_and_spelling(swift: Swift, digest: str) -> None:
    form = Form(swift, digest=digest)
    raw = bytes.fromhex(form.sign())
    spellings = (form.sign(), f"{digest}:{b64encode(raw).decode()}", f"{digest}:{urlsafe_b64encode(raw).decode()}")
    for n, signature in enumerate(spellings):
        answer = form.send((f"{digest}-{n}", b"x"), signature=signature)
        assert answer.status_code == 201, (signature, answer.text)


def test_a_form_reaches_no_further_than_its_key(swift: Swift) -> None:
    assert Form(swift, "/others/", OTHER_KEY).send(("by-account", b"x")).status_code == 201
    assert Form(swift, "/forms/", OTHER_KEY).send(("by-account", b"x")).status_code == 201
    assert Form(swift, "/others/", KEY).send(("by-container", b"x")).status_code == 401
    assert names(swift, "others") == ["by-account"]
    form = Form(swift)
    moved = form.sign()
    form.path = "/forms/out/"
    assert form.send(("a", b"x"), signature=moved).status_code == 401
    # A name may not lead out of the container; it is a name.
    assert Form(swift).send(("../../others/up", b"x")).status_code == 201
    assert names(swift, "others") == ["by-account"]
    assert "in/../../others/up" in names(swift)


def test_what_was_signed_is_what_holds(swift: Swift) -> None:
    form = Form(swift)
    later = str(int(form.fields["expires"]) + 600)
    for changed in ({"max_file_size": str(MIB * 9)}, {"max_file_count": "9"}, {"expires": later},
                    {"redirect": "https://elsewhere.example/"}):
        answer = form.send(("a", b"x"), **changed)
        assert answer.status_code == 401 and "Invalid Signature" in answer.text, changed
        assert "Location" not in answer.headers
    for signature in ("", "x", "0" * 64, "md5:YWJj", "sha256:!!!"):
        assert form.send(("a", b"x"), signature=signature).status_code == 401, signature
    form.fields["expires"] = str(int(time.time()) - 1)
    answer = form.send(("a", b"x"))
    assert answer.status_code == 401 and "Form Expired" in answer.text
    assert names(swift) == []


def test_limits(swift: Swift) -> None:
    form = Form(swift)
    answer = form.send(("a", b"x" * (MIB + 1)))
    assert answer.status_code == 400 and "FormPost: max_file_size exceeded" in answer.text
    assert names(swift) == []
    answer = form.send(*((str(n), b"x") for n in range(4)))
    assert answer.status_code == 400 and "max file count exceeded" in answer.text
    assert names(swift) == ["in/0", "in/1", "in/2"]
    assert form.send(("exact", b"x" * MIB)).status_code == 201
    answer = form.send()
    assert answer.status_code == 400 and "no files to process" in answer.text
    form.fields["max_file_size"] = "many"
    assert form.send(("a", b"x")).status_code == 400


def test_the_browser_is_sent_where_the_form_says(swift: Swift) -> None:
    form = Form(swift)
    form.fields["redirect"] = "https://page.example/done?x=1"
    answer = form.send(("a", b"x"))
    assert answer.status_code == 303
    to = urlsplit(answer.headers["Location"])
    assert to.netloc == "page.example" and parse_qs(to.query)["x"] == ["1"]
    assert parse_qs(to.query)["status"] == ["201"]
    answer = form.send(("a", b"x" * (MIB + 1)))
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert answer.status_code == 303 and query["status"] == ["400"]
    assert query["message"] == ["max_file_size exceeded"]
    form.fields["redirect"] = "https://page.example/\r\nX-Evil: 1"
    answer = form.send(("a", b"x"))
    assert "X-Evil" not in answer.headers and "Location" not in answer.headers


def test_fields_behind_a_file_change_nothing(swift: Swift) -> None:
    form = Form(swift)
    form.fields["max_file_size"] = "10"
    fields = {**form.fields, "signature": form.sign()}
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    parts += [("file0", ("a", b"x", "text/plain")), ("max_file_size", (None, str(MIB))),
              ("redirect", (None, "https://elsewhere.example/")), ("max_file_count", (None, "99")),
              ("file1", ("b", b"x" * 1000, "text/plain"))]
    answer = requests.post(swift.url + form.path, files=parts, timeout=30, allow_redirects=False)
    assert answer.status_code == 400 and "max_file_size exceeded" in answer.text
    assert "Location" not in answer.headers and names(swift) == ["in/a"]


def test_fields_about_files(swift: Swift) -> None:
    form = Form(swift)
    form.more = {"x_delete_after": "3600", "content-type": "text/x-of-the-form"}
    assert form.send(("a", b"x")).status_code == 201
    got = swift.ok("HEAD", "/forms/in/a")
    assert got.headers["Content-Type"] == "text/x-of-the-form" and "X-Delete-At" in got.headers
    form.more = {"x_delete_at": "soon"}
    assert form.send(("b", b"x")).status_code == 400
    # Swift's quotas hold for forms too.
    swift.ok("POST", "/forms", headers={"X-Container-Meta-Quota-Count": "1"})
    form.more = {}
    answer = form.send(("c", b"x"))
    assert answer.status_code == 413 and names(swift) == ["in/a"]
    swift.ok("POST", "/forms", headers={"X-Container-Meta-Quota-Count": ""})


def test_bodies_that_are_no_forms(swift: Swift) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
    head = b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
    for body in (b"", b"--xyz--", b"--xyz\r\n", b"junk", head, head + b"x", b"--xyz\r\n" + b"h" * 100_000,
                 b"--xyz\r\nno head\r\n\r\n\r\n--xyz--", b"\xff" * 5000):
        answer = requests.post(swift.url + "/forms/", data=body, headers=kind, timeout=30)
        assert answer.status_code in (400, 401), (body[:40], answer.status_code)
    broken: Any = {"Content-Type": "multipart/form-data; boundary=\"" + "b" * 500 + '"'}
    assert requests.post(swift.url + "/forms/", data=b"x", headers=broken, timeout=30).status_code == 400
    assert names(swift) == []
