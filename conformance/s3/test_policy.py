"""Bucket policies: what they open, what they close, who can always take them back."""

import json
import uuid

import pytest
from conftest import (
    SECOND_ACCESS_KEY, SECOND_ID, SECOND_SECRET_KEY, anonymous, body_of, empty, error_of, keys, put_raw,
)

DENIED = (403, "AccessDenied")
READ = "s3:GetObject"
WRITE = "s3:PutObject"
LIST = "s3:ListBucket"


def statement(bucket, actions, effect="Allow", principal="*", what="/*", **more):
    return {
        "Effect": effect, "Principal": principal, "Action": actions, "Resource": f"arn:aws:s3:::{bucket}{what}", **more,
    }


def deny(bucket, actions, **more):
    return statement(bucket, actions, "Deny", **more)


def put_policy(client, bucket, *statements):
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    client.put_bucket_policy(Bucket=bucket, Policy=text)
    return text


def second():
    return {"CanonicalUser": SECOND_ID}


@pytest.fixture
def filled(s3, bucket):
    """A bucket whose policy may be public, with an object."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    return bucket


@pytest.fixture
def theirs(other):
    """A bucket that the second user owns: policies hold for its owner, who is no administrator."""
    name = "dolium-" + uuid.uuid4().hex[:16]
    other.create_bucket(Bucket=name)
    other.put_object(Bucket=name, Key="k", Body=b"x")
    yield name
    other.delete_bucket_policy(Bucket=name)
    empty(other, name)
    other.delete_bucket(Bucket=name)


def test_a_policy_as_a_text(s3, filled):
    text = put_policy(s3, filled, statement(filled, READ))
    assert s3.get_bucket_policy(Bucket=filled)["Policy"] == text
    s3.delete_bucket_policy(Bucket=filled)
    assert error_of(s3.get_bucket_policy, Bucket=filled) == (404, "NoSuchBucketPolicy")
    s3.delete_bucket_policy(Bucket=filled)


def test_allow_and_deny(s3, other, filled):
    get = {"Bucket": filled, "Key": "k"}
    assert error_of(other.get_object, **get) == DENIED
    put_policy(s3, filled, statement(filled, READ, principal=second()))
    assert body_of(other.get_object(**get)) == b"x"
    assert error_of(other.put_object, **get, Body=b"y") == DENIED
    assert error_of(other.list_objects_v2, Bucket=filled) == DENIED
    assert anonymous("GET", f"/{filled}/k")[:2] == DENIED
    # What is denied once is denied, wherever the statement stands.
    allow = statement(filled, "s3:*", principal=second())
    for statements in ([allow, deny(filled, READ)], [deny(filled, READ), allow]):
        put_policy(s3, filled, *statements)
        assert error_of(other.get_object, **get) == DENIED
        other.put_object(Bucket=filled, Key="new", Body=b"y")
    s3.delete_bucket_policy(Bucket=filled)
    assert error_of(other.put_object, **get, Body=b"y") == DENIED


@pytest.mark.parametrize("principal, meant, everybody", [
    ("*", True, True),
    ({"AWS": "*"}, True, True),
    ({"AWS": ["*"]}, True, True),
    ({"AWS": "arn:aws:iam:::user/second"}, True, False),
    ({"AWS": ["arn:aws:iam:::user/nobody", "arn:aws:iam:::user/second"]}, True, False),
    ({"AWS": "arn:aws:iam:::user/nobody"}, False, False),
    ({"AWS": "999999999999"}, False, False),
    ({"AWS": "arn:aws:iam::999999999999:user/second"}, False, False),
    ({"CanonicalUser": "nobody"}, False, False),
    ({"Service": "logging.s3.amazonaws.com"}, False, False),
])
def test_principals(s3, other, filled, principal, meant, everybody):
    put_policy(s3, filled, statement(filled, READ, principal=principal))
    if meant:
        assert body_of(other.get_object(Bucket=filled, Key="k")) == b"x"
    else:
        assert error_of(other.get_object, Bucket=filled, Key="k") == DENIED
    assert anonymous("GET", f"/{filled}/k")[0] == (200 if everybody else 403)


def test_everybody_but(s3, other, filled):
    but = deny(filled, READ)
    del but["Principal"]
    but["NotPrincipal"] = second()
    put_policy(s3, filled, statement(filled, READ), but)
    assert body_of(other.get_object(Bucket=filled, Key="k")) == b"x"
    assert anonymous("GET", f"/{filled}/k")[:2] == DENIED


def test_resources_and_actions(s3, other, filled):
    for key in ("open/a", "open/secret", "openly", "shut/a"):
        s3.put_object(Bucket=filled, Key=key, Body=b"x")
    put_policy(
        s3, filled, statement(filled, "s3:Get*", what="/open/*"), deny(filled, READ, what="/*/secr?t"),
    )
    got = {key: anonymous("GET", f"/{filled}/{key}")[0] for key in ("open/a", "open/secret", "openly", "shut/a")}
    assert got == {"open/a": 200, "open/secret": 403, "openly": 403, "shut/a": 403}
    assert other.get_object_tagging(Bucket=filled, Key="open/a")["TagSet"] == []
    # No way of writing the address makes another key of it.
    assert anonymous("GET", f"/{filled}/open/../shut/a")[0] in (403, 404)
    assert anonymous("GET", f"/{filled}/open/%73ecret")[:2] == DENIED
    assert anonymous("GET", f"/{filled}//open/a")[0] in (403, 404)


def test_a_listing_below_a_prefix(s3, other, filled):
    condition = {"StringLike": {"s3:prefix": ["home/second/*", "home/second"]}}
    put_policy(s3, filled, statement(filled, LIST, what="", principal=second(), Condition=condition))
    s3.put_object(Bucket=filled, Key="home/second/a", Body=b"x")
    listing = other.list_objects_v2(Bucket=filled, Prefix="home/second/")
    assert [entry["Key"] for entry in listing["Contents"]] == ["home/second/a"]
    for bad in ({}, {"Prefix": ""}, {"Prefix": "home/"}, {"Prefix": "other/home/second/"}):
        assert error_of(other.list_objects_v2, Bucket=filled, **bad) == DENIED
        assert error_of(other.list_objects, Bucket=filled, **bad) == DENIED
    # Who may list is told what is not there.
    put_policy(s3, filled, statement(filled, LIST, what=""), statement(filled, READ))
    assert error_of(other.get_object, Bucket=filled, Key="none") == (404, "NoSuchKey")


@pytest.mark.parametrize("condition, holds", [
    ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
    ({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "127.0.0.1"]}}, True),
    ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
    ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
    ({"Bool": {"aws:SecureTransport": "false"}}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ({"StringEquals": {"s3:authType": "REST-HEADER"}}, False),
    ({"DateGreaterThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}, True),
    ({"DateLessThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}, False),
    ({"StringLike": {"aws:Referer": "https://good.example/*"}}, False),
    ({"Null": {"aws:Referer": "true"}}, True),
    # All of a condition must hold.
    ({"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
])
def test_conditions_on_the_connection(s3, filled, condition, holds):
    put_policy(s3, filled, statement(filled, READ, Condition=condition))
    assert anonymous("GET", f"/{filled}/k")[0] == (200 if holds else 403)


def test_headers_of_proxies_prove_nothing(s3, filled):
    conditions = [
        {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
        {"Bool": {"aws:SecureTransport": "true"}},
    ]
    lies = {
        "X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1", "Forwarded": "for=192.0.2.1;proto=https",
        "X-Forwarded-Proto": "https",
    }
    for condition in conditions:
        put_policy(s3, filled, statement(filled, READ, Condition=condition))
        assert anonymous("GET", f"/{filled}/k", lies)[:2] == DENIED


def test_a_referer(s3, filled):
    condition = {"StringLike": {"aws:Referer": "https://good.example/*"}}
    put_policy(s3, filled, statement(filled, READ, Condition=condition))
    assert anonymous("GET", f"/{filled}/k", {"Referer": "https://good.example/page"})[0] == 200
    assert anonymous("GET", f"/{filled}/k", {"Referer": "https://bad.example/"})[:2] == DENIED


def test_encrypted_connections_only(theirs, other):
    refuse_plain = deny(theirs, "s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    put_policy(other, theirs, refuse_plain)
    assert error_of(other.get_object, Bucket=theirs, Key="k") == DENIED


def test_tags_of_an_object(s3, other, filled):
    condition = {"StringEquals": {"s3:ExistingObjectTag/security": "public"}}
    actions = [READ, "s3:GetObjectTagging", "s3:GetObjectAttributes"]
    put_policy(s3, filled, statement(filled, actions, principal=second(), Condition=condition))
    for key, tags in (("open", "security=public"), ("shut", "security=private"), ("bare", "")):
        s3.put_object(Bucket=filled, Key=key, Body=b"x", Tagging=tags)
    assert body_of(other.get_object(Bucket=filled, Key="open")) == b"x"
    assert len(other.get_object_tagging(Bucket=filled, Key="open")["TagSet"]) == 1
    for key in ("shut", "bare"):
        assert error_of(other.get_object, Bucket=filled, Key=key) == DENIED
        assert error_of(other.get_object_tagging, Bucket=filled, Key=key) == DENIED
        attributes = {"Bucket": filled, "Key": key, "ObjectAttributes": ["ETag"]}
        assert error_of(other.get_object_attributes, **attributes) == DENIED
    s3.put_object_tagging(Bucket=filled, Key="open", Tagging={"TagSet": [{"Key": "security", "Value": "shut"}]})
    assert error_of(other.get_object, Bucket=filled, Key="open") == DENIED


def test_tags_of_a_request(s3, other, filled):
    condition = {"StringEquals": {"s3:RequestObjectTag/team": "red"}}
    actions = [WRITE, "s3:PutObjectTagging"]
    put_policy(s3, filled, statement(filled, actions, principal=second(), Condition=condition))
    put = {"Bucket": filled, "Key": "new", "Body": b"y"}
    other.put_object(**put, Tagging="team=red&more=1")
    for tags in ("team=blue", "", "teams=red"):
        assert error_of(other.put_object, **put, Tagging=tags) == DENIED
    assert error_of(other.put_object, **put) == DENIED
    # An object of the bucket's owner: who wrote "new" may tag it anyway.
    set_tags = {"Bucket": filled, "Key": "k"}
    other.put_object_tagging(**set_tags, Tagging={"TagSet": [{"Key": "team", "Value": "red"}]})
    blue = {"TagSet": [{"Key": "team", "Value": "blue"}]}
    assert error_of(other.put_object_tagging, **set_tags, Tagging=blue) == DENIED
    tags = s3.get_object_tagging(**set_tags)["TagSet"]
    assert tags == [{"Key": "team", "Value": "red"}]


def test_only_certain_tags(s3, other, filled):
    condition = {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team", "stage"]}}
    put_policy(
        s3, filled, statement(filled, "s3:PutObjectTagging", principal=second(), Condition=condition),
    )
    where = {"Bucket": filled, "Key": "k"}
    other.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "team", "Value": "red"}]})
    more = {"TagSet": [{"Key": "team", "Value": "red"}, {"Key": "other", "Value": "1"}]}
    assert error_of(other.put_object_tagging, **where, Tagging=more) == DENIED


def test_where_copies_come_from(s3, other, filled):
    for key in ("open/a", "shut/a"):
        s3.put_object(Bucket=filled, Key=key, Body=b"x")
    condition = {"StringLike": {"s3:x-amz-copy-source": f"{filled}/open/*"}}
    put_policy(
        s3, filled, statement(filled, READ, principal=second()),
        statement(filled, WRITE, principal=second(), what="/new/*", Condition=condition),
    )
    copy = {"Bucket": filled, "Key": "new/a"}
    other.copy_object(**copy, CopySource=f"{filled}/open/a")
    assert error_of(other.copy_object, **copy, CopySource=f"{filled}/shut/a") == DENIED
    # Without a source there is no condition that could hold.
    assert error_of(other.put_object, **copy, Body=b"y") == DENIED


@pytest.mark.parametrize("spelling", ["{}/shut/a", "/{}/shut/a", "{}/%73hut/a", "{}/shut%2Fa", "{}%2Fshut%2Fa"])
def test_copies_from_where_they_must_not(s3, other, filled, spelling):
    """A source has many spellings and is one object; a Deny means all of them."""
    s3.put_object(Bucket=filled, Key="shut/a", Body=b"x")
    sources = [f"{filled}/shut/*", f"/{filled}/shut/*"]
    put_policy(
        s3, filled, statement(filled, [READ, WRITE], principal=second()),
        deny(filled, WRITE, Condition={"StringLike": {"s3:x-amz-copy-source": sources}}),
    )
    header = {"x-amz-copy-source": spelling.format(filled)}
    key = {"access_key": SECOND_ACCESS_KEY, "secret": SECOND_SECRET_KEY}
    status, _, _ = put_raw(f"/{filled}/new", b"", header, **key)
    assert status in (400, 403)
    assert keys(s3, filled) == ["k", "shut/a"]


def test_headers_that_must_be_there(s3, other, filled):
    encrypted = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    public = {"StringEquals": {"s3:x-amz-acl": ["public-read", "public-read-write"]}}
    put_policy(
        s3, filled, statement(filled, [WRITE, "s3:PutObjectAcl"], principal=second()),
        deny(filled, WRITE, Condition=encrypted), deny(filled, [WRITE, "s3:PutObjectAcl"], Condition=public),
    )
    put = {"Bucket": filled, "Key": "new", "Body": b"y"}
    assert error_of(other.put_object, **put) == DENIED
    other.put_object(**put, ServerSideEncryption="AES256")
    told = error_of(other.put_object, **put, ServerSideEncryption="AES256", ACL="public-read")
    assert told == DENIED


@pytest.mark.parametrize("action, extra", [
    ("s3:PutObjectAcl", {"ACL": "public-read"}),
    ("s3:PutObjectAcl", {"GrantRead": f'id="{SECOND_ID}"'}),
    ("s3:PutObjectTagging", {"Tagging": "a=b"}),
])
def test_what_is_denied_is_denied_in_headers_too(s3, other, filled, action, extra):
    s3.put_bucket_ownership_controls(
        Bucket=filled, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    allow = statement(filled, [READ, WRITE, action], principal=second())
    put_policy(s3, filled, allow)
    new = {"Bucket": filled, "Key": "new"}
    other.put_object(**new, Body=b"y", **extra)
    put_policy(s3, filled, allow, deny(filled, action))
    other.put_object(**new, Body=b"y")
    assert error_of(other.put_object, **new, Body=b"y", **extra) == DENIED
    assert error_of(other.create_multipart_upload, **new, **extra) == DENIED
    more = {"TaggingDirective": "REPLACE"} if "Tagging" in extra else {}
    assert error_of(other.copy_object, **new, CopySource=f"{filled}/k", **extra, **more) == DENIED


def test_versions_are_an_action_of_their_own(s3, other, filled):
    s3.put_bucket_versioning(Bucket=filled, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=filled, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=filled, Key="k", Body=b"new")
    put_policy(s3, filled, statement(filled, [READ, "s3:DeleteObject"], principal=second()))
    assert body_of(other.get_object(Bucket=filled, Key="k")) == b"new"
    version = {"Bucket": filled, "Key": "k", "VersionId": old}
    assert error_of(other.get_object, **version) == DENIED
    assert error_of(other.delete_object, **version) == DENIED
    names = [{"Key": "k", "VersionId": old}]
    told = other.delete_objects(Bucket=filled, Delete={"Objects": names})
    assert [entry["Code"] for entry in told["Errors"]] == ["AccessDenied"]
    assert other.delete_object(Bucket=filled, Key="k")["DeleteMarker"]
    assert body_of(s3.get_object(**version)) == b"old"


MALFORMED = [
    "",
    "{}",
    "null",
    "[]",
    "not json",
    '{"Version":"2012-10-17"}',
    '{"Version":"2012-10-17","Statement":[]}',
    '{"Version":"1999-01-01","Statement":[OK]}',
    '{"Version":"2012-10-17","Statement":[OK],"More":1}',
    '{"Version":"2012-10-17","Statement":[OK',
    '{"Version":"2012-10-17","Statement":[' + "[" * 5000,
]
CHANGES = [
    {"Effect": "Maybe"},
    {"Effect": None},
    {"Principal": None},
    {"Principal": "somebody"},
    {"Principal": {"AWS": "not an arn"}},
    {"Principal": {"AWS": []}},
    {"Action": None},
    {"Action": "s3:NoSuchThing"},
    {"Action": "ec2:Start"},
    {"Action": "s3:ListBucket"},
    {"Resource": None},
    {"Resource": "arn:aws:s3:::another-bucket/*"},
    {"Resource": "*bucket*"},
    {"Condition": {"NoSuchOperator": {"aws:SourceIp": "127.0.0.1"}}},
    {"Condition": {"StringEquals": {"s3:no-such-key": "a"}}},
    {"Condition": {"IpAddress": {"aws:SourceIp": "not an address"}}},
    {"Condition": {"Bool": {"aws:SecureTransport": "perhaps"}}},
    {"Condition": {"StringEquals": {"aws:Referer": {}}}},
    {"NotAction": "s3:GetObject"},
    {"Unknown": "member"},
]


def refused(s3, bucket, text):
    status, code = error_of(s3.put_bucket_policy, Bucket=bucket, Policy=text)
    assert status == 400 and code in ("MalformedPolicy", "MissingRequestBodyError"), (status, code)
    assert error_of(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed(s3, filled, text):
    refused(s3, filled, text.replace("OK", json.dumps(statement(filled, READ))))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: json.dumps(change)[:40])
def test_statements_that_are_none(s3, filled, change):
    changed = {**statement(filled, READ), **change}
    changed = {name: value for name, value in changed.items() if value is not None}
    refused(s3, filled, json.dumps({"Version": "2012-10-17", "Statement": [changed]}))


def test_too_long(s3, filled):
    refused(s3, filled, json.dumps({"Version": "2012-10-17", "Statement": [statement(filled, READ, Sid="s" * 21_000)]}))


@pytest.mark.parametrize("principal, condition, public", [
    ("*", None, True),
    ({"AWS": "*"}, None, True),
    ("*", {"StringLike": {"aws:Referer": "https://good.example/*"}}, True),
    ("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
    ("*", {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
    ({"AWS": "arn:aws:iam:::user/second"}, None, False),
])
def test_what_is_public(s3, filled, principal, condition, public):
    more = {"Condition": condition} if condition else {}
    wanted = statement(filled, READ, principal=principal, **more)
    assert not s3.get_bucket_policy_status(Bucket=filled)["PolicyStatus"]["IsPublic"]
    put_policy(s3, filled, wanted)
    assert s3.get_bucket_policy_status(Bucket=filled)["PolicyStatus"]["IsPublic"] is public
    s3.delete_bucket_policy(Bucket=filled)
    setting = {"BlockPublicPolicy": True}
    s3.put_public_access_block(Bucket=filled, PublicAccessBlockConfiguration=setting)
    if public:
        assert error_of(put_policy, s3, filled, wanted) == DENIED
        assert error_of(s3.get_bucket_policy, Bucket=filled) == (404, "NoSuchBucketPolicy")
    else:
        put_policy(s3, filled, wanted)


def test_public_lists_show_in_the_status(s3, filled):
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=filled, OwnershipControls=rules)
    s3.put_bucket_acl(Bucket=filled, ACL="public-read")
    assert s3.get_bucket_policy_status(Bucket=filled)["PolicyStatus"]["IsPublic"]
    setting = {"IgnorePublicAcls": True}
    s3.put_public_access_block(Bucket=filled, PublicAccessBlockConfiguration=setting)
    assert not s3.get_bucket_policy_status(Bucket=filled)["PolicyStatus"]["IsPublic"]


def test_public_policies_are_restricted(s3, other, filled):
    put_policy(s3, filled, statement(filled, READ))
    assert anonymous("GET", f"/{filled}/k")[0] == 200
    setting = {"RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=filled, PublicAccessBlockConfiguration=setting)
    assert anonymous("GET", f"/{filled}/k")[:2] == DENIED
    assert error_of(other.get_object, Bucket=filled, Key="k") == DENIED
    assert body_of(s3.get_object(Bucket=filled, Key="k")) == b"x"
    s3.delete_public_access_block(Bucket=filled)
    assert anonymous("GET", f"/{filled}/k")[0] == 200


def test_an_owner_under_a_deny(theirs, other):
    """Who shut everybody out, also herself, can still read the policy, replace it and delete it."""
    text = put_policy(other, theirs, deny(theirs, "s3:*"), deny(theirs, "s3:*", what=""))
    assert error_of(other.get_object, Bucket=theirs, Key="k") == DENIED
    assert error_of(other.list_objects_v2, Bucket=theirs) == DENIED
    assert error_of(other.put_object, Bucket=theirs, Key="k", Body=b"y") == DENIED
    assert error_of(other.get_bucket_acl, Bucket=theirs) == DENIED
    assert error_of(other.delete_bucket, Bucket=theirs) == DENIED
    assert other.get_bucket_policy(Bucket=theirs)["Policy"] == text
    put_policy(other, theirs, deny(theirs, WRITE))
    assert body_of(other.get_object(Bucket=theirs, Key="k")) == b"x"
    put_policy(other, theirs, deny(theirs, "s3:*"), deny(theirs, "s3:*", what=""))
    other.delete_bucket_policy(Bucket=theirs)
    assert keys(other, theirs) == ["k"]


def test_policies_are_the_owners(s3, other, filled):
    put_policy(s3, filled, statement(filled, "s3:*", principal=second()), statement(filled, LIST, what=""))
    assert error_of(other.get_bucket_policy, Bucket=filled) == DENIED
    assert error_of(other.delete_bucket_policy, Bucket=filled) == DENIED
    assert error_of(put_policy, other, filled, statement(filled, READ)) == DENIED
    put_policy(s3, filled, statement(filled, "s3:GetBucketPolicy", principal=second(), what=""))
    assert "GetBucketPolicy" in other.get_bucket_policy(Bucket=filled)["Policy"]


def test_a_batch_is_judged_one_by_one(s3, other, filled):
    for key in ("open/a", "shut/a"):
        s3.put_object(Bucket=filled, Key=key, Body=b"x")
    put_policy(s3, filled, statement(filled, "s3:DeleteObject", principal=second(), what="/open/*"))
    names = [{"Key": "open/a"}, {"Key": "shut/a"}]
    told = other.delete_objects(Bucket=filled, Delete={"Objects": names})
    assert [entry["Key"] for entry in told["Deleted"]] == ["open/a"]
    assert [(entry["Key"], entry["Code"]) for entry in told["Errors"]] == [("shut/a", "AccessDenied")]
    assert keys(s3, filled) == ["k", "shut/a"]
