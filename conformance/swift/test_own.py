"""What OpenStack's tests do not show: logins, other doors to the same objects, archives, what there is not."""

from __future__ import annotations

import hashlib
import hmac
import io
import tarfile
import time
from collections.abc import Callable

import boto3
import botocore.config
import pytest
import requests

from harness.server import Server, environment, run_binary

from .client import Swift, sign_in
from .conftest import USERS, add_user

SECRETS = {login: secret for login, secret, _ in USERS}
As = Callable[[str], Swift]


@pytest.fixture
def user(shared_swift: Server) -> As:
    """Signs users in."""
    return lambda login: Swift.of(shared_swift, login, SECRETS[login])


def s3_of(server: Server, login: str) -> object:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=login,
        aws_secret_access_key=SECRETS[login],
        config=botocore.config.Config(signature_version="s3v4", retries={"max_attempts": 1}),
    )


def test_a_wrong_secret_and_an_unknown_user_look_alike(shared_swift: Server) -> None:
    answers = [
        sign_in(shared_swift, "test:tester", "wrong-wrong-wrong"),
        sign_in(shared_swift, "test:nobody", "wrong-wrong-wrong"),
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text == answers[1].text
    assert answers[0].headers["Www-Authenticate"] == 'Swift realm="test"'


def test_a_token_outlives_a_restart_and_not_its_user(swift: Server) -> None:
    add_user(swift, "home:ada", "ada-secret-1", "admin")
    ada = Swift.of(swift, "home:ada", "ada-secret-1")
    ada.ok("PUT", "/c")
    assert Swift.of(swift, "home:ada", "ada-secret-1").token == ada.token
    swift.restart()
    assert ada.ok("GET").text == "c\n"
    swift.cli_ok("user", "disable", "home.ada")
    assert ada.ask("GET").status_code == 401
    swift.cli_ok("user", "enable", "home.ada")
    assert ada.ask("GET").status_code == 200


def test_tokens_cannot_be_altered(user: As) -> None:
    ada = user("test:tester")
    assert ada.token
    for at in (10, 20, 40, len(ada.token) - 2):
        letter = "A" if ada.token[at] != "A" else "B"
        forged = Swift(ada.url, ada.token[:at] + letter + ada.token[at + 1 :])
        assert forged.ask("GET").status_code == 401, at
    for bad in ("AUTH_tk", "x", "AUTH_tk" + "A" * 4000):
        assert Swift(ada.url, bad).ask("GET").status_code == 401


def test_users_without_a_login_of_their_own_sign_in_with_their_keys(swift: Server) -> None:
    made = swift.cli_ok("user", "add", "bob", "--access-key", "bobskey", "--secret-key", "bob-secret-1")
    assert "bobskey" in made.out
    bob = Swift.of(swift, "bob:bobskey", "bob-secret-1")
    assert bob.url.endswith("/v1/AUTH_bob")
    bob.ok("PUT", "/c")
    assert sign_in(swift, "test:bobskey", "bob-secret-1").status_code == 401


def test_a_member_may_do_only_what_is_granted(user: As) -> None:
    owner, member = user("test:tester"), user("test:tester3")
    owner.ok("PUT", "/granted")
    owner.ok("PUT", "/granted/o", data=b"x")
    assert member.ask("GET", "/granted/o").status_code == 403
    assert member.ask("PUT", "/own").status_code == 403
    owner.ok("POST", "/granted", headers={"X-Container-Read": "test:tester3"})
    assert member.ok("GET", "/granted/o").content == b"x"
    assert member.ask("PUT", "/granted/p", data=b"y").status_code == 403
    assert "X-Container-Read" not in member.ok("HEAD", "/granted").headers


def test_a_member_owns_nothing_over_s3_either(shared_swift: Server, user: As) -> None:
    user("test:tester").ok("PUT", "/not-a-members")
    s3 = s3_of(shared_swift, "test:tester3")
    for call in (
        lambda: s3.list_objects_v2(Bucket="not-a-members"),
        lambda: s3.create_bucket(Bucket="a-members"),
        lambda: s3.delete_bucket(Bucket="not-a-members"),
    ):
        with pytest.raises(s3.exceptions.ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_one_object_through_two_doors(shared_swift: Server, user: As) -> None:
    swift, s3 = user("test:tester"), s3_of(shared_swift, "test:tester")
    swift.ok("PUT", "/two-doors")
    headers = {"X-Object-Meta-Colour": "blue", "Content-Type": "text/x-test", "Cache-Control": "private"}
    etag = swift.ok("PUT", "/two-doors/from swift", data=b"swift" * 1000, headers=headers).headers["Etag"]
    got = s3.get_object(Bucket="two-doors", Key="from swift")
    assert got["Body"].read() == b"swift" * 1000
    assert got["ETag"] == f'"{etag}"' and got["Metadata"] == {"colour": "blue"}
    assert (got["ContentType"], got["CacheControl"]) == ("text/x-test", "private")
    s3.put_object(Bucket="two-doors", Key="from s3", Body=b"s3", Metadata={"shape": "round"})
    got = swift.ok("GET", "/two-doors/from s3")
    assert got.content == b"s3" and got.headers["X-Object-Meta-Shape"] == "round"
    names = [entry["Key"] for entry in s3.list_objects_v2(Bucket="two-doors")["Contents"]]
    assert names == swift.ok("GET", "/two-doors").text.split("\n")[:-1] == ["from s3", "from swift"]
    s3.create_bucket(Bucket="made-by-s3")
    assert "made-by-s3" in swift.ok("GET").text.split("\n")


def test_names_are_per_account_and_the_first_has_it_everywhere(shared_swift: Server, user: As) -> None:
    first, second = user("test:tester"), user("test2:tester2")
    for one, text in ((first, b"first"), (second, b"second")):
        one.ok("PUT", "/same-name")
        one.ok("PUT", "/same-name/o", data=text)
    assert (first.ok("GET", "/same-name/o").content, second.ok("GET", "/same-name/o").content) == (
        b"first",
        b"second",
    )
    s3 = s3_of(shared_swift, "test:tester")
    assert s3.get_object(Bucket="same-name", Key="o")["Body"].read() == b"first"
    buckets = [bucket["Name"] for bucket in s3_of(shared_swift, "test2:tester2").list_buckets()["Buckets"]]
    assert "same-name" not in buckets
    # Any name of up to 256 bytes is one here, though S3 would not have it.
    odd = "/" + requests.utils.quote("Ö " + "x" * 250)
    first.ok("PUT", odd)
    assert first.ok("GET", odd).status_code == 204


def test_objects_end_through_every_door(shared_swift: Server, user: As) -> None:
    swift, s3 = user("test:tester"), s3_of(shared_swift, "test:tester")
    swift.ok("PUT", "/ending")
    swift.ok("PUT", "/ending/o", data=b"x", headers={"X-Delete-After": "2"})
    assert s3.get_object(Bucket="ending", Key="o")["Body"].read() == b"x"
    time.sleep(2.5)
    assert swift.ask("GET", "/ending/o").status_code == 404
    with pytest.raises(s3.exceptions.ClientError):
        s3.head_object(Bucket="ending", Key="o")
    assert swift.ask("PUT", "/ending/o", data=b"y", headers={"If-None-Match": "*"}).status_code == 201


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2"])
def test_archives_are_stored_file_by_file(user: As, kind: str) -> None:
    swift = user("test:tester")
    container = kind.replace(".", "-")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:" + kind.partition(".")[2]) as archive:
        for number in range(20):
            info = tarfile.TarInfo(f"./dir/{number:02}.txt")
            info.size = number * 1000
            archive.addfile(info, io.BytesIO(bytes([number]) * info.size))
    words = {"data": packed.getvalue(), "headers": {"Accept": "application/json"}}
    report = swift.ok("PUT", f"/{container}?extract-archive={kind}", **words).json()
    assert report["Response Status"] == "201 Created" and report["Number Files Created"] == 20, report
    got = swift.ok("GET", f"/{container}/dir/07.txt")
    assert got.content == bytes([7]) * 7000 and got.headers["Content-Type"] == "text/plain"
    broken = {**words, "data": packed.getvalue()[: len(packed.getvalue()) // 2]}
    report = swift.ok("PUT", f"/{container}-b?extract-archive={kind}", **broken).json()
    assert report["Response Status"] == "400 Bad Request", report


def test_archives_of_endless_names_are_given_up(user: As) -> None:
    swift = user("test:tester")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("a" * (32 << 20)))
    assert len(packed.getvalue()) < 1 << 20
    words = {"data": packed.getvalue(), "headers": {"Accept": "application/json"}}
    report = swift.ok("PUT", "/endless?extract-archive=tar.gz", **words).json()
    assert report["Response Status"] == "400 Bad Request", report
    assert "too long" in report["Response Body"], report


def test_what_others_own_in_ones_bucket_is_theirs(shared_swift: Server, user: As) -> None:
    owner, writer = s3_of(shared_swift, "test:tester"), s3_of(shared_swift, "test2:tester2")
    name = "shared-writers"
    owner.create_bucket(Bucket=name)
    owner.delete_public_access_block(Bucket=name)
    ownership = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    owner.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
    owner.put_bucket_acl(Bucket=name, ACL="public-read-write")
    writer.put_object(Bucket=name, Key="theirs", Body=b"x")
    for ask in (owner.get_object, owner.get_object_acl):
        with pytest.raises(owner.exceptions.ClientError) as caught:
            ask(Bucket=name, Key="theirs")
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert user("test:tester").ask("GET", f"/{name}/theirs").status_code == 403
    assert writer.get_object(Bucket=name, Key="theirs")["Body"].read() == b"x"
    owner.delete_object(Bucket=name, Key="theirs")


def test_everybody_is_nobody_where_public_access_is_blocked(shared_swift: Server, user: As) -> None:
    swift, visitor = user("test:tester"), Swift(user("test:tester").url, None)
    swift.ok("PUT", "/blocked", headers={"X-Container-Read": ".r:*,test2:tester2"})
    swift.ok("PUT", "/blocked/o", data=b"x")
    assert visitor.ok("GET", "/blocked/o").content == b"x"
    s3 = s3_of(shared_swift, "test:tester")
    block = {"IgnorePublicAcls": True}
    s3.put_public_access_block(Bucket="blocked", PublicAccessBlockConfiguration=block)
    assert visitor.ask("GET", "/blocked/o").status_code == 401
    named = Swift(swift.url, user("test2:tester2").token)
    assert named.ok("GET", "/blocked/o").content == b"x"


def test_attributes_of_archived_files_are_metadata(user: As) -> None:
    swift = user("test:tester")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, attributes in (
            ("gnu", {"SCHILY.xattr.user.mime_type": "text/x-own", "SCHILY.xattr.user.meta.colour": "blü"}),
            ("bsd", {"LIBARCHIVE.xattr.user.meta.shape": "round", "SCHILY.xattr.security.x": "no"}),
            ("none", {}),
            ("many", {f"SCHILY.xattr.user.meta.k{n}": "v" for n in range(100)}),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 3, attributes
            tar.addfile(info, io.BytesIO(b"abc"))
    words = {"data": packed.getvalue(), "headers": {"Accept": "application/json"}}
    report = swift.ok("PUT", "/attributes?extract-archive=tar", **words).json()
    # What is too much for a request is too much in an archive.
    assert report["Number Files Created"] == 3 and len(report["Errors"]) == 1, report
    gnu = swift.ok("HEAD", "/attributes/gnu").headers
    assert gnu["Content-Type"] == "text/x-own"
    assert gnu["X-Object-Meta-Colour"].encode("latin-1").decode() == "blü"
    bsd = swift.ok("HEAD", "/attributes/bsd").headers
    assert bsd["X-Object-Meta-Shape"] == "round" and not any("selinux" in name for name in bsd)


def test_lists_of_deletions(user: As) -> None:
    swift = user("test:tester")
    swift.ok("PUT", "/bulk")
    for name in ("a", "b%20c"):
        swift.ok("PUT", f"/bulk/{name}", data=b"")
    lines = "/bulk/a\nbulk/b%20c\n/bulk/none\n/bulk\n"
    words = {"data": lines, "headers": {"Accept": "application/json"}}
    report = swift.ok("POST", "?bulk-delete", **words).json()
    assert (report["Number Deleted"], report["Number Not Found"]) == (3, 1), report
    assert report["Response Status"] == "200 OK" and report["Errors"] == []
    foreign = Swift(swift.url, user("test2:tester2").token)
    swift.ok("PUT", "/bulk")
    report = foreign.ok("POST", "?bulk-delete", **{**words, "data": "/bulk\n"}).json()
    assert report["Response Status"] == "400 Bad Request"
    assert report["Errors"] == [["/bulk", "403 Forbidden"]]


def test_a_signed_url_reaches_no_further_than_its_key(user: As) -> None:
    swift = user("test:tester")
    swift.ok("PUT", "/signed", headers={"X-Container-Meta-Temp-URL-Key": "k"})
    swift.ok("PUT", "/signed/o", data=b"x", headers={"X-Object-Meta-Secret": "s"})
    path = swift.url.split("/v1/")[1]
    end = int(time.time()) + 60

    def get(name: str, method: str = "GET", more: str = "", text: str = "") -> requests.Response:
        signed = f"{text}GET\n{end}\n/v1/{path}/signed/{name}"
        sig = hmac.new(b"k", signed.encode(), hashlib.sha256).hexdigest()
        query = f"?temp_url_sig={sig}&temp_url_expires={end}{more}"
        return requests.request(method, f"{swift.url}/signed/{name}{query}", data=b"", timeout=30)

    answer = get("o")
    assert answer.content == b"x" and "X-Object-Meta-Secret" not in answer.headers
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="o"')
    assert [get("o", method).status_code for method in ("HEAD", "PUT", "DELETE")] == [200, 401, 401]
    ours = "&temp_url_ip_range=127.0.0.0/8"
    assert get("o", more=ours, text="ip=127.0.0.0/8\n").status_code == 200
    theirs = "&temp_url_ip_range=10.0.0.0/8"
    assert get("o", more=theirs, text="ip=10.0.0.0/8\n").status_code == 401


def test_a_signed_url_for_one_object_is_not_one_for_many(user: As) -> None:
    swift = user("test:tester")
    headers = {"X-Container-Meta-Temp-URL-Key": "k", "X-Container-Meta-Web-Listings": "true"}
    swift.ok("PUT", "/signed-many", headers={**headers, "X-Container-Meta-Web-Index": "index"})
    for name in ("a", "b", "dir/", "dir/index", "dir/c"):
        swift.ok("PUT", f"/signed-many/{name}", data=b"x")
    path = swift.url.split("/v1/")[1]
    end = int(time.time()) + 60

    def ask(method: str, name: str, query: str, data: bytes = b"") -> requests.Response:
        signed = f"{method}\n{end}\n/v1/{path}/signed-many/{name}"
        sig = hmac.new(b"k", signed.encode(), hashlib.sha256).hexdigest()
        query = f"?temp_url_sig={sig}&temp_url_expires={end}{query}"
        return requests.request(method, f"{swift.url}/signed-many/{name}{query}", data=data, timeout=30)

    lines = b"/signed-many/b\n"
    assert ask("DELETE", "a", "&bulk-delete", lines).status_code == 401
    assert ask("POST", "a", "&bulk-delete", lines).status_code == 401
    assert ask("DELETE", "a", "&multipart-manifest=delete").status_code == 401
    assert ask("PUT", "a", "&extract-archive=tar").status_code == 401
    swift.ok("DELETE", "/signed-many/dir/")
    answer = ask("GET", "dir/", "")
    assert answer.status_code in (401, 404) and b"index" not in answer.content
    assert swift.ok("HEAD", "/signed-many/b").status_code == 200
    assert ask("DELETE", "a", "").status_code == 204


def test_old_versions_are_archived_whoever_overwrites(shared_swift: Server, user: As) -> None:
    swift, s3 = user("test:tester"), s3_of(shared_swift, "test:tester")
    swift.ok("PUT", "/archive-of")
    swift.ok("PUT", "/archived", headers={"X-Versions-Location": "archive-of"})
    swift.ok("PUT", "/archived/o", data=b"one")
    s3.put_object(Bucket="archived", Key="o", Body=b"two")
    names = swift.ok("GET", "/archive-of").text.split()
    assert len(names) == 1 and names[0].startswith("001o/")
    assert swift.ok("GET", "/archive-of/" + names[0]).content == b"one"
    s3.delete_object(Bucket="archived", Key="o")
    assert swift.ok("GET", "/archived/o").content == b"one"
    swift.ok("DELETE", "/archived/o")
    assert swift.ask("DELETE", "/archived/o").status_code == 404
    swift.ok("DELETE", "/archive-of")
    assert swift.ok("PUT", "/archived/o", data=b"three").status_code == 201
    assert swift.ask("PUT", "/archived/o", data=b"four").status_code == 412
    assert swift.ok("GET", "/archived/o").content == b"three"


def test_storage_policies_are_arrays(user: As) -> None:
    swift = user("test:tester")
    info = requests.get(swift.url.split("/v1/")[0] + "/info", timeout=30).json()
    assert [policy["name"] for policy in info["swift"]["policies"]] == ["default", "silver"]
    swift.ok("PUT", "/silver", headers={"X-Storage-Policy": "Silver"})
    assert swift.ok("HEAD", "/silver").headers["X-Storage-Policy"] == "silver"
    swift.ok("PUT", "/silver/o", data=b"z" * 100_000)
    assert swift.ok("GET", "/silver/o").content == b"z" * 100_000
    assert swift.ask("PUT", "/silver", headers={"X-Storage-Policy": "default"}).status_code == 409
    assert swift.ask("PUT", "/none", headers={"X-Storage-Policy": "gold"}).status_code == 400


def test_what_there_is_not_says_so(user: As) -> None:
    swift = user("test:tester")
    info = requests.get(swift.url.split("/v1/")[0] + "/info", timeout=30).json()
    assert "container_sync" not in info and "ratelimit" not in info
    header = {"X-Container-Sync-To": "//realm/cluster/a/c"}
    assert swift.ask("PUT", "/not-built", headers=header).status_code == 501


def test_a_recovered_server_knows_users_and_lists(swift: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    ada = Swift.of(swift, "test:tester", SECRETS["test:tester"])
    ada.ok("PUT", "/kept", headers={"X-Container-Read": ".r:*", "X-Container-Meta-A": "b"})
    ada.ok("PUT", "/kept/o", data=b"kept")
    ada.ok("POST", headers={"X-Account-Meta-C": "d"})
    swift.stop()
    folder = tmp_path_factory.mktemp("recovered")
    again = Server(folder / "data", config=swift.config)
    words = ["recover", "--config", str(swift.config), "--recovery-key", str(swift.recovery_key)]
    done = run_binary(*words, "--data-dir", str(again.data_dir))
    assert done.code == 0, done.text
    again.start()
    try:
        ada = Swift.of(again, "test:tester", SECRETS["test:tester"])
        assert ada.ok("HEAD").headers["X-Account-Meta-C"] == "d"
        assert ada.ok("HEAD", "/kept").headers["X-Container-Meta-A"] == "b"
        assert Swift(ada.url, None).ok("GET", "/kept/o").content == b"kept"
        member = Swift.of(again, "test:tester3", SECRETS["test:tester3"])
        assert member.ask("PUT", "/own").status_code == 403
    finally:
        again.end()
    assert environment()
