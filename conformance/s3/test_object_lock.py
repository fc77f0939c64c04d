"""Object lock: versions that cannot go before their time. Nothing here waits for more than seconds."""

import datetime
import json
import time
import uuid

import pytest
from conftest import SECOND_ID, body_of, empty, error_of, put_raw, set_versioning

DENIED = (403, "AccessDenied")
BODY = b"kept"


def later(**delta):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return now + datetime.timedelta(**(delta or {"hours": 1}))


def retention(mode, until=None):
    return {"Mode": mode, "RetainUntilDate": until or later()}


def locking(mode, until=None):
    """The same as arguments of a PUT."""
    return {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until or later()}


def free(client, bucket):
    """Lifts what tests left, so that the bucket can go; compliance ends by itself."""
    last = time.monotonic() + 20
    for entry in client.list_object_versions(Bucket=bucket).get("Versions", []):
        where = {"Bucket": bucket, "Key": entry["Key"], "VersionId": entry["VersionId"]}
        client.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
        while time.monotonic() < last:
            try:
                client.delete_object(**where, BypassGovernanceRetention=True)
                break
            except client.exceptions.ClientError:
                time.sleep(0.3)
    empty(client, bucket)
    client.delete_bucket(Bucket=bucket)


@pytest.fixture
def locked(s3):
    name = "dolium-" + uuid.uuid4().hex[:16]
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield name
    free(s3, name)


@pytest.fixture
def theirs(other):
    """A locked bucket of the second user, for whom policies hold."""
    name = "dolium-" + uuid.uuid4().hex[:16]
    other.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield name
    other.delete_bucket_policy(Bucket=name)
    free(other, name)


def put(s3, bucket, key="k", **more):
    told = s3.put_object(Bucket=bucket, Key=key, Body=BODY, **more)
    return {"Bucket": bucket, "Key": key, "VersionId": told["VersionId"]}


def test_a_bucket_made_with_lock(s3, locked):
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    setting = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert setting == {"ObjectLockEnabled": "Enabled"}
    assert error_of(set_versioning, s3, locked, "Suspended") == (409, "InvalidBucketState")
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"


def test_a_bucket_without_lock(s3, versioned):
    where = put(s3, versioned)
    missing = (404, "ObjectLockConfigurationNotFoundError")
    assert error_of(s3.get_object_lock_configuration, Bucket=versioned) == missing
    invalid = (400, "InvalidRequest")
    assert error_of(s3.put_object_retention, **where, Retention=retention("GOVERNANCE")) == invalid
    assert error_of(s3.put_object_legal_hold, **where, LegalHold={"Status": "ON"}) == invalid
    assert error_of(s3.get_object_retention, **where) == invalid
    assert error_of(s3.get_object_legal_hold, **where) == invalid
    new = {"Bucket": versioned, "Key": "new", "Body": b"x"}
    assert error_of(s3.put_object, **new, **locking("GOVERNANCE")) == invalid
    assert error_of(s3.put_object, **new, ObjectLockLegalHoldStatus="ON") == invalid
    assert error_of(s3.head_object, Bucket=versioned, Key="new")[0] == 404


def configure(s3, bucket, mode="GOVERNANCE", **period):
    rule = {"DefaultRetention": {"Mode": mode, **period}}
    setting = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=setting)
    return setting


def test_lock_needs_versions(s3, bucket):
    assert error_of(configure, s3, bucket, Days=1) == (409, "InvalidBucketState")
    missing = (404, "ObjectLockConfigurationNotFoundError")
    assert error_of(s3.get_object_lock_configuration, Bucket=bucket) == missing


@pytest.mark.parametrize("mode, period", [("GOVERNANCE", {"Days": 1}), ("COMPLIANCE", {"Years": 2})])
def test_the_default_as_a_setting(s3, locked, mode, period):
    setting = configure(s3, locked, mode, **period)
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == setting


@pytest.mark.parametrize("change, code", [
    ({"Mode": "PERHAPS"}, "MalformedXML"),
    ({"Years": 1}, "MalformedXML"),
    ({"Days": 0}, "InvalidRetentionPeriod"),
    ({"Days": -1}, "InvalidRetentionPeriod"),
    ({"Days": 36501}, "InvalidRetentionPeriod"),
])
def test_defaults_that_are_none(s3, locked, change, code):
    wanted = {"mode": change.get("Mode", "GOVERNANCE"), "Days": 1, **change}
    wanted.pop("Mode", None)
    assert error_of(configure, s3, locked, **wanted) == (400, code)
    off = {"ObjectLockEnabled": "Disabled"}
    told = error_of(s3.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=off)
    assert told == (400, "MalformedXML")
    setting = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert setting == {"ObjectLockEnabled": "Enabled"}


def test_the_default_holds_for_new_versions(s3, locked):
    before = put(s3, locked, "before")
    configure(s3, locked, Days=3)
    upload = {"Bucket": locked, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    tag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    put(s3, locked)
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/before")
    for key in ("k", "copy", "parts"):
        found = s3.get_object_retention(Bucket=locked, Key=key)["Retention"]
        assert found["Mode"] == "GOVERNANCE"
        assert abs(found["RetainUntilDate"] - later(days=3)) < datetime.timedelta(minutes=1)
    assert error_of(s3.get_object_retention, **before) == (404, "NoSuchObjectLockConfiguration")
    # What a request states itself comes before the default.
    own = put(s3, locked, "own", **locking("GOVERNANCE", later(days=9)))
    until = s3.get_object_retention(**own)["Retention"]["RetainUntilDate"]
    assert until > later(days=8)


def test_governance(s3, locked):
    until = later()
    where = put(s3, locked, **locking("GOVERNANCE", until))
    assert s3.get_object_retention(**where)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    for answer in (s3.head_object(**where), s3.get_object(**where)):
        assert answer["ObjectLockMode"] == "GOVERNANCE" and answer["ObjectLockRetainUntilDate"] == until
    assert error_of(s3.delete_object, **where) == DENIED
    names = [{"Key": "k", "VersionId": where["VersionId"]}]
    told = s3.delete_objects(Bucket=locked, Delete={"Objects": names})
    assert [entry["Code"] for entry in told["Errors"]] == ["AccessDenied"]
    # Longer always, shorter or none only for who goes past it.
    longer = later(hours=2)
    s3.put_object_retention(**where, Retention=retention("GOVERNANCE", longer))
    for loosened in (retention("GOVERNANCE", until), {}):
        assert error_of(s3.put_object_retention, **where, Retention=loosened) == DENIED
    assert s3.get_object_retention(**where)["Retention"]["RetainUntilDate"] == longer
    bypass = {"BypassGovernanceRetention": True}
    s3.put_object_retention(**where, Retention=retention("GOVERNANCE", until), **bypass)
    assert body_of(s3.get_object(**where)) == BODY
    s3.delete_object(**where, **bypass)
    assert error_of(s3.get_object, **where) == (404, "NoSuchVersion")


def test_governance_past_by_a_batch(s3, locked):
    where = put(s3, locked, **locking("GOVERNANCE"))
    names = [{"Key": "k", "VersionId": where["VersionId"]}]
    told = s3.delete_objects(Bucket=locked, Delete={"Objects": names}, BypassGovernanceRetention=True)
    assert "Errors" not in told and "Versions" not in s3.list_object_versions(Bucket=locked)


def test_compliance(s3, locked):
    until = later(seconds=5)
    where = put(s3, locked, **locking("COMPLIANCE", until))
    bypass = {"BypassGovernanceRetention": True}
    assert error_of(s3.delete_object, **where) == DENIED
    assert error_of(s3.delete_object, **where, **bypass) == DENIED
    for loosened in (
        retention("COMPLIANCE", later(seconds=1)), retention("GOVERNANCE", later(hours=1)), {},
    ):
        assert error_of(s3.put_object_retention, **where, Retention=loosened, **bypass) == DENIED
    assert s3.get_object_retention(**where)["Retention"] == {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    names = [{"Key": "k", "VersionId": where["VersionId"]}]
    told = s3.delete_objects(Bucket=locked, Delete={"Objects": names}, **bypass)
    assert [entry["Code"] for entry in told["Errors"]] == ["AccessDenied"]
    assert body_of(s3.get_object(**where)) == BODY
    # It ends by itself, and not before.
    while later(seconds=1) < until:
        assert error_of(s3.delete_object, **where) == DENIED
        time.sleep(0.5)
    time.sleep(2)
    s3.delete_object(**where)
    assert error_of(s3.get_object, **where) == (404, "NoSuchVersion")


def test_legal_hold(s3, locked):
    where = put(s3, locked, ObjectLockLegalHoldStatus="ON")
    assert s3.get_object_legal_hold(**where)["LegalHold"] == {"Status": "ON"}
    assert s3.head_object(**where)["ObjectLockLegalHoldStatus"] == "ON"
    assert error_of(s3.delete_object, **where) == DENIED
    assert error_of(s3.delete_object, **where, BypassGovernanceRetention=True) == DENIED
    s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**where)["LegalHold"] == {"Status": "OFF"}
    s3.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
    assert error_of(s3.delete_object, **where) == DENIED
    assert error_of(s3.put_object_legal_hold, **where, LegalHold={"Status": "PERHAPS"})[0] == 400
    s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    s3.delete_object(**where)


def test_a_hold_and_a_retention_are_two_things(s3, locked):
    where = put(s3, locked, ObjectLockLegalHoldStatus="ON", **locking("GOVERNANCE"))
    assert error_of(s3.delete_object, **where, BypassGovernanceRetention=True) == DENIED
    s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    assert error_of(s3.delete_object, **where) == DENIED
    s3.delete_object(**where, BypassGovernanceRetention=True)


def test_a_marker_over_locked_versions(s3, locked):
    where = put(s3, locked, ObjectLockLegalHoldStatus="ON", **locking("GOVERNANCE"))
    marker = s3.delete_object(Bucket=locked, Key="k")
    assert marker["DeleteMarker"]
    assert error_of(s3.get_object, Bucket=locked, Key="k") == (404, "NoSuchKey")
    assert body_of(s3.get_object(**where)) == BODY
    newer = put(s3, locked)
    assert newer["VersionId"] != where["VersionId"] and body_of(s3.get_object(**where)) == BODY
    s3.delete_object(**newer)
    # The marker itself is nobody's data, and goes freely.
    s3.delete_object(Bucket=locked, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=locked, Key="k")["VersionId"] == where["VersionId"]


def test_a_lock_survives(s3, locked):
    """Whatever else is done to an object or its bucket, the lock stays."""
    where = put(s3, locked, **locking("GOVERNANCE"))
    held = s3.get_object_retention(**where)["Retention"]
    s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    copy = {"Bucket": locked, "Key": "k", "CopySource": f"{locked}/k", "MetadataDirective": "REPLACE"}
    s3.copy_object(**copy, Metadata={"m": "1"})
    configure(s3, locked, Days=1)
    setting = {"ObjectLockEnabled": "Enabled"}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=setting)
    assert s3.get_object_retention(**where)["Retention"] == held
    assert error_of(s3.delete_object, **where) == DENIED
    assert error_of(s3.delete_bucket, Bucket=locked) == (409, "BucketNotEmpty")
    assert body_of(s3.get_object(**where)) == BODY


def test_copies_are_free(s3, locked):
    put(s3, locked, ObjectLockLegalHoldStatus="ON", **locking("GOVERNANCE"))
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/k")
    missing = (404, "NoSuchObjectLockConfiguration")
    assert error_of(s3.get_object_retention, Bucket=locked, Key="copy") == missing
    assert s3.get_object_legal_hold(Bucket=locked, Key="copy")["LegalHold"]["Status"] == "OFF"


@pytest.mark.parametrize("headers, code", [
    ({"x-amz-object-lock-mode": "GOVERNANCE"}, "InvalidArgument"),
    ({"x-amz-object-lock-retain-until-date": "2999-01-01T00:00:00Z"}, "InvalidArgument"),
    ({"x-amz-object-lock-mode": "PERHAPS", "x-amz-object-lock-retain-until-date": "2999-01-01T00:00:00Z"},
     "InvalidArgument"),
    ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2001-01-01T00:00:00Z"},
     "InvalidArgument"),
    ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "tomorrow"},
     "InvalidArgument"),
    ({"x-amz-object-lock-legal-hold": "PERHAPS"}, "InvalidArgument"),
])
def test_headers_that_make_no_lock(s3, locked, headers, code):
    assert put_raw(f"/{locked}/k", b"x", headers)[:2] == (400, code)
    assert error_of(s3.head_object, Bucket=locked, Key="k")[0] == 404


def test_retentions_that_are_none(s3, locked):
    where = put(s3, locked)
    past = retention("GOVERNANCE", datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc))
    assert error_of(s3.put_object_retention, **where, Retention=past) == (400, "InvalidArgument")
    for bad in (retention("PERHAPS"), retention("governance"), {"Mode": "GOVERNANCE"}):
        assert error_of(s3.put_object_retention, **where, Retention=bad) == (400, "MalformedXML")
    assert error_of(s3.get_object_retention, **where) == (404, "NoSuchObjectLockConfiguration")
    gone = {"Bucket": locked, "Key": "none", "Retention": retention("GOVERNANCE")}
    assert error_of(s3.put_object_retention, **gone) == (404, "NoSuchKey")


def test_tightening(s3, locked):
    where = put(s3, locked, **locking("GOVERNANCE", later(seconds=60)))
    # The mode is changed by those who may go past it.
    until = later(seconds=4)
    strict = retention("COMPLIANCE", until)
    assert error_of(s3.put_object_retention, **where, Retention=strict) == DENIED
    s3.put_object_retention(**where, Retention=strict, BypassGovernanceRetention=True)
    assert error_of(s3.delete_object, **where, BypassGovernanceRetention=True) == DENIED


def allow(s3, bucket, *actions, effect="Allow"):
    statements = [
        {
            "Effect": effect, "Principal": {"CanonicalUser": SECOND_ID}, "Action": list(actions),
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def test_who_may_go_past_governance(s3, other, locked):
    where = put(s3, locked, **locking("GOVERNANCE"))
    bypass = {"BypassGovernanceRetention": True}
    deletes = ("s3:DeleteObject", "s3:DeleteObjectVersion")
    allow(s3, locked, *deletes)
    assert error_of(other.delete_object, **where, **bypass) == DENIED
    assert body_of(s3.get_object(**where)) == BODY
    allow(s3, locked, *deletes, "s3:BypassGovernanceRetention")
    assert error_of(other.delete_object, **where) == DENIED
    other.delete_object(**where, **bypass)
    assert error_of(s3.get_object, **where) == (404, "NoSuchVersion")


def test_who_may_lock(s3, other, locked):
    where = put(s3, locked)
    assert error_of(other.put_object_retention, **where, Retention=retention("GOVERNANCE")) == DENIED
    assert error_of(other.put_object_legal_hold, **where, LegalHold={"Status": "ON"}) == DENIED
    assert error_of(other.get_object_retention, **where) == DENIED
    new = {"Bucket": locked, "Key": "new", "Body": b"x"}
    allow(s3, locked, "s3:PutObject")
    assert error_of(other.put_object, **new, **locking("GOVERNANCE")) == DENIED
    assert error_of(other.put_object, **new, ObjectLockLegalHoldStatus="ON") == DENIED
    allow(s3, locked, "s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold")
    other.put_object(**new, **locking("GOVERNANCE"))
    other.put_object(**new, ObjectLockLegalHoldStatus="ON")
    other.put_object_retention(**where, Retention=retention("GOVERNANCE"))
    assert error_of(other.put_object_lock_configuration, Bucket=locked,
                    ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}) == DENIED


def test_an_owner_who_denied_herself(other, theirs):
    """A Deny holds for locks in headers as for locks in documents."""
    where = put(other, theirs)
    allow(other, theirs, "s3:PutObjectRetention", "s3:PutObjectLegalHold", effect="Deny")
    new = {"Bucket": theirs, "Key": "new", "Body": b"x"}
    assert error_of(other.put_object_retention, **where, Retention=retention("GOVERNANCE")) == DENIED
    assert error_of(other.put_object_legal_hold, **where, LegalHold={"Status": "ON"}) == DENIED
    assert error_of(other.put_object, **new, ObjectLockLegalHoldStatus="ON") == DENIED
    assert error_of(other.put_object, **new, **locking("GOVERNANCE")) == DENIED
