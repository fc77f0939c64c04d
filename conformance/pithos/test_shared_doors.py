"""What is shared over Pithos+ holds over S3 and Swift, and the reverse."""

from __future__ import annotations

import json

import pytest
import requests
from botocore.exceptions import ClientError

from harness.clients import s3_client

from .people import DIRECTORY, SECRET, People, Person, people, strangers  # noqa: F401


def s3(person: Person):  # noqa: ANN201
    return s3_client(person.server.endpoint, person.login, SECRET)


def s3_status(call, **words) -> int:  # noqa: ANN001
    try:
        return call(**words)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def swift(person: Person, method: str, path: str, **words) -> requests.Response:  # noqa: ANN003
    account, _, rest = path.lstrip("/").partition("/")
    return person.raw(method, f"/v1/AUTH_{account}/{rest}", **words)


@pytest.fixture
def shared(people: People) -> str:  # noqa: F811
    container = people.alice.container()
    people.alice.make(f"{container}/d", b"", kind=DIRECTORY)
    people.alice.make(f"{container}/d/o", b"shared")
    people.alice.make(f"{container}/private", b"private")
    people.alice.share(f"{container}/d", "read=bob,alice!mia;write=dan")
    return container


def test_read_and_written_through_every_door(people: People, shared: str) -> None:  # noqa: F811
    bucket = shared.split("/")[2]
    for person, reads, writes in (
        (people.bob, True, False),
        (people.mia, True, False),
        (people.dan, True, True),
        (people.mallory, False, False),
    ):
        client = s3(person)
        got = s3_status(client.get_object, Bucket=bucket, Key="d/o")
        assert (got == 200) == reads and got in (200, 403), person.id
        put = s3_status(client.put_object, Bucket=bucket, Key=f"d/{person.id}-s3", Body=b"x")
        assert (put == 200) == writes and put in (200, 403), person.id
        assert s3_status(client.get_object, Bucket=bucket, Key="private") == 403
        assert s3_status(client.delete_object, Bucket=bucket, Key="d/o") == 403
        assert s3_status(client.list_objects_v2, Bucket=bucket) == 403
        got = swift(person, "GET", f"{shared}/d/o").status_code
        assert (got == 200) == reads and got in (200, 403), person.id
        put = swift(person, "PUT", f"{shared}/d/{person.id}-swift", data=b"x").status_code
        assert (put == 201) == writes and put in (201, 403), person.id
        assert swift(person, "GET", f"{shared}/private").status_code == 403
        assert swift(person, "DELETE", f"{shared}/d/o").status_code == 403
        assert swift(person, "GET", shared).status_code == 403
        missing = s3_status(client.get_object, Bucket=bucket, Key="d/none")
        assert missing == (404 if reads else 403), person.id
        missing = swift(person, "GET", f"{shared}/d/none").status_code
        assert missing == (404 if reads else 403), person.id
    # What dan wrote through them is alice's.
    assert {"d/dan-s3", "d/dan-swift"} <= set(people.alice.names(shared))
    assert people.alice.ask("DELETE", f"{shared}/d/dan-s3").status_code == 204
    owner = s3(people.alice)
    assert s3_status(owner.get_object, Bucket=bucket, Key="d/dan-swift") == 200


def test_deleting_by_another_door_ends_it(people: People, shared: str) -> None:  # noqa: F811
    bucket = shared.split("/")[2]
    people.alice.share(f"{shared}/private", "read=bob")
    assert people.bob.reads(f"{shared}/private") == 200
    assert s3_status(s3(people.alice).delete_object, Bucket=bucket, Key="private") == 204
    people.alice.make(f"{shared}/private")
    assert people.bob.reads(f"{shared}/private") == 403
    people.alice.share(f"{shared}/private", "read=bob")
    assert swift(people.alice, "DELETE", f"{shared}/private").status_code == 204
    people.alice.make(f"{shared}/private")
    assert people.bob.reads(f"{shared}/private") == 403


def test_swift_lists_open_pithos(people: People, shared: str) -> None:  # noqa: F811
    headers = {"X-Container-Read": "chuck:chuck"}
    assert swift(people.alice, "POST", shared, headers=headers).status_code == 204
    assert people.chuck.reads(f"{shared}/private") == 200
    head = people.chuck.ask("HEAD", f"{shared}/private").headers
    assert head["X-Object-Allowed-To"] == "read"
    assert people.mallory.reads(f"{shared}/private") == 403


def test_a_policy_that_denies_wins(people: People, shared: str) -> None:  # noqa: F811
    bucket = shared.split("/")[2]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{bucket}/d/*",
            }
        ],
    }
    url = people.alice.publish(f"{shared}/d/o")
    assert url and requests.get(url, timeout=30).ok
    s3(people.alice).put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert people.bob.reads(f"{shared}/d/o") == 403
    assert requests.get(url, timeout=30).status_code in (403, 404)
    assert "d/o" not in people.bob.names(shared)
    s3(people.alice).delete_bucket_policy(Bucket=bucket)
    assert people.bob.reads(f"{shared}/d/o") == 200


def test_the_public_access_block_closes_what_everybody_has(people: People, shared: str) -> None:  # noqa: F811
    bucket = shared.split("/")[2]
    people.alice.share(f"{shared}/private", "read=*")
    url = people.alice.publish(f"{shared}/private")
    assert url and requests.get(url, timeout=30).ok
    block = {"IgnorePublicAcls": True, "BlockPublicAcls": True}
    client = s3(people.alice)
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert people.mallory.reads(f"{shared}/private") == 403
    assert requests.get(url, timeout=30).status_code == 404
    assert people.bob.reads(f"{shared}/d/o") == 200
    for headers in ({"X-Object-Sharing": "read=*"}, {"X-Object-Public": "true"}):
        answer = people.alice.ask("POST", f"{shared}/d/o?update", headers=headers)
        assert answer.status_code == 403
    client.delete_public_access_block(Bucket=bucket)
    assert people.mallory.reads(f"{shared}/private") == 200


def test_kept_over_a_restart_and_a_recovery(strangers: People) -> None:  # noqa: F811
    container = strangers.alice.container()
    strangers.alice.make(f"{container}/o", b"kept")
    strangers.alice.group("friends", "dan")
    strangers.alice.share(f"{container}/o", "read=bob,alice:friends")
    url = strangers.alice.publish(f"{container}/o")
    strangers.server.restart()
    assert strangers.bob.reads(f"{container}/o") == 200
    assert strangers.dan.reads(f"{container}/o") == 200
    assert url and requests.get(url, timeout=30).content == b"kept"
