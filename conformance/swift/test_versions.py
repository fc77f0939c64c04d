"""Versions through both doors, and beside all else that Swift does to objects."""

from __future__ import annotations

import json

import pytest

from harness.server import Server, run_binary

from .client import Swift
from .conftest import USERS
from .test_own import SECRETS, s3_of

ON, OFF = {"X-Versions-Enabled": "true"}, {"X-Versions-Enabled": "false"}
MARKER = "application/x-deleted;swift_versions_deleted=1"


@pytest.fixture
def ada(shared_swift: Server) -> Swift:
    return Swift.of(shared_swift, "test:tester", SECRETS["test:tester"])


def put(swift: Swift, path: str, content: bytes, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return swift.ok("PUT", path, data=content, headers=named).headers.get("X-Object-Version-Id", "")


def versions(swift: Swift, container: str, query: str = "") -> list[tuple[str, str, bool]]:
    listed = swift.ok("GET", f"/{container}?versions{query}").json()
    return [(item["name"], item["version_id"], item["is_latest"]) for item in listed]


def test_both_doors_lead_to_the_same_versions(shared_swift: Server, ada: Swift) -> None:
    s3 = s3_of(shared_swift, "test:tester")
    ada.ok("PUT", "/two-doors", headers=ON)
    assert s3.get_bucket_versioning(Bucket="two-doors")["Status"] == "Enabled"
    first = put(ada, "/two-doors/o", b"first")
    second = s3.put_object(Bucket="two-doors", Key="o", Body=b"second")["VersionId"]
    assert versions(ada, "two-doors") == [("o", second, True), ("o", first, False)]
    assert s3.get_object(Bucket="two-doors", Key="o", VersionId=first)["Body"].read() == b"first"
    assert ada.ok("GET", f"/two-doors/o?version-id={second}").content == b"second"
    # An older one made current through one door is current through the other.
    ada.ok("PUT", f"/two-doors/o?version-id={first}", data=b"")
    assert s3.get_object(Bucket="two-doors", Key="o")["Body"].read() == b"first"
    listed = s3.list_object_versions(Bucket="two-doors")["Versions"]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed] == [(second, False), (first, True)]
    # S3 brings the newest that is left to light; Swift leaves a gap, which S3 sees as nothing.
    s3.delete_object(Bucket="two-doors", Key="o", VersionId=first)
    assert ada.ok("GET", "/two-doors/o").content == b"second"
    third = put(ada, "/two-doors/o", b"third")
    ada.ok("DELETE", f"/two-doors/o?version-id={third}")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="two-doors", Key="o")
    assert ada.ask("GET", "/two-doors/o").status_code == 404
    marker = s3.delete_object(Bucket="two-doors", Key="o")["VersionId"]
    assert versions(ada, "two-doors")[0] == ("o", marker, True)
    answer = ada.ask("HEAD", f"/two-doors/o?version-id={marker}")
    assert answer.status_code == 404 and answer.headers["Content-Type"] == MARKER
    ada.ok("POST", "/two-doors", headers=OFF)
    assert s3.get_bucket_versioning(Bucket="two-doors")["Status"] == "Suspended"


def test_versions_count_and_keep_a_container(ada: Swift) -> None:
    ada.ok("PUT", "/counted", headers={**ON, "X-Container-Meta-Quota-Bytes": "10"})
    one = put(ada, "/counted/o", b"12345")
    put(ada, "/counted/o", b"67890")
    assert ada.ask("PUT", "/counted/o", data=b"x").status_code == 413
    head = ada.ok("HEAD", "/counted").headers
    assert (head["X-Container-Bytes-Used"], head["X-Container-Object-Count"]) == ("10", "1")
    assert ada.ask("DELETE", "/counted").status_code == 409
    ada.ok("DELETE", f"/counted/o?version-id={one}")
    put(ada, "/counted/p", b"abcde")


def test_large_objects_and_links_have_versions_too(ada: Swift) -> None:
    ada.ok("PUT", "/versioned-large", headers=ON)
    ada.ok("PUT", "/versioned-parts")
    for name in "ab":
        ada.ok("PUT", f"/versioned-parts/p-{name}", data=name.encode() * 1000)
    manifest = json.dumps([{"path": "/versioned-parts/p-a"}, {"path": "/versioned-parts/p-b"}])
    large = ada.ok("PUT", "/versioned-large/o?multipart-manifest=put", data=manifest)
    large = large.headers["X-Object-Version-Id"]
    dynamic = put(ada, "/versioned-large/o", b"", X_Object_Manifest="versioned-parts/p-")
    link = put(ada, "/versioned-large/o", b"", X_Symlink_Target="versioned-parts/p-b")
    whole = b"a" * 1000 + b"b" * 1000
    for version, content in ((large, whole), (dynamic, whole), (link, b"b" * 1000)):
        assert ada.ok("GET", f"/versioned-large/o?version-id={version}").content == content
    ada.ok("COPY", f"/versioned-large/o?version-id={large}&multipart-manifest=get",
           headers={"Destination": "versioned-large/o"})
    assert ada.ok("HEAD", "/versioned-large/o").headers["X-Static-Large-Object"] == "True"
    ada.ok("COPY", f"/versioned-large/o?version-id={link}", headers={"Destination": "versioned-parts/c"})
    assert ada.ok("GET", "/versioned-parts/c").content == b"b" * 1000


def test_single_versions_are_the_owners(shared_swift: Server, ada: Swift) -> None:
    member = Swift.of(shared_swift, "test:tester3", SECRETS["test:tester3"])
    lists = {"X-Container-Read": "test:tester3", "X-Container-Write": "test:tester3"}
    ada.ok("PUT", "/owned-versions", headers={**ON, **lists})
    one = put(ada, "/owned-versions/o", b"one")
    put(member, "/owned-versions/o", b"two")
    assert member.ok("GET", "/owned-versions/o").content == b"two"
    for method in ("GET", "HEAD", "DELETE"):
        assert member.ask(method, f"/owned-versions/o?version-id={one}").status_code == 403, method
    # Who made an older version current would show it to everybody who reads the object.
    assert member.ask("PUT", f"/owned-versions/o?version-id={one}", data=b"").status_code == 403
    assert ada.ok("GET", f"/owned-versions/o?version-id={one}").content == b"one"
    # A deletion without a version takes nothing away.
    member.ok("DELETE", "/owned-versions/o")
    assert len(versions(ada, "owned-versions")) == 3


def test_what_is_asked_wrongly(ada: Swift) -> None:
    ada.ok("PUT", "/asked", headers=ON)
    one = put(ada, "/asked/o", b"one")
    for method, query, status in (
        ("GET", "version-id=bad", 400), ("GET", f"version-id={'f' * 16}", 400), ("GET", f"version-id={'0' * 16}", 404),
        ("POST", f"version-id={one}", 400), ("PUT", "version-id=null", 400), ("DELETE", f"version-id={'0' * 16}", 404),
        ("GET", "version-id=null", 404),
    ):
        assert ada.ask(method, f"/asked/o?{query}", data=b"").status_code == status, (method, query)
    assert ada.ask("PUT", f"/asked/o?version-id={one}", data=b"x").status_code == 400
    for query in ("&version_marker=null", "&marker=o&version_marker=bad"):
        assert ada.ask("GET", f"/asked?versions{query}").status_code == 400
    assert ada.ask("GET", "/asked?versions", headers={"Accept": "text/plain"}).status_code == 406
    ada.ok("PUT", "/asked-old")
    both = {**ON, "X-Versions-Location": "asked-old"}
    assert ada.ask("PUT", "/asked-both", headers=both).status_code == 400
    assert ada.ask("POST", "/asked", headers={"X-Versions-Location": "asked-old"}).status_code == 400


def test_a_recovered_server_knows_what_is_current(swift: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    ada = Swift.of(swift, *USERS[0][:2])
    ada.ok("PUT", "/kept", headers=ON)
    one = put(ada, "/kept/o", b"one")
    put(ada, "/kept/o", b"two")
    ada.ok("PUT", f"/kept/o?version-id={one}", data=b"")
    gone = put(ada, "/kept/p", b"p")
    put(ada, "/kept/p", b"q")
    ada.ok("DELETE", f"/kept/p?version-id={versions(ada, 'kept', '&prefix=p')[0][1]}")
    before = versions(ada, "kept")
    swift.stop()
    again = Server(tmp_path_factory.mktemp("recovered") / "data", config=swift.config)
    words = ["recover", "--config", str(swift.config), "--recovery-key", str(swift.recovery_key)]
    done = run_binary(*words, "--data-dir", str(again.data_dir))
    assert done.code == 0, done.text
    again.start()
    try:
        ada = Swift.of(again, *USERS[0][:2])
        assert versions(ada, "kept") == before
        assert ada.ok("GET", "/kept/o").content == b"one"
        assert ada.ask("GET", "/kept/p").status_code == 404
        assert ada.ok("GET", f"/kept/p?version-id={gone}").content == b"p"
    finally:
        again.end()
