"""Access lists, ownership controls and the public access block."""

import uuid

import pytest
from conftest import (
    SECOND_EMAIL, SECOND_ID, anonymous, body_of, empty, error_of, keys, make_client, open_lists, put_raw, required,
    set_ownership,
)

DENIED = (403, "AccessDenied")
ALL = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def stated(acl):
    """The grants as a set of (grantee, permission)."""
    return {(g["Grantee"].get("ID") or g["Grantee"]["URI"], g["Permission"]) for g in acl["Grants"]}


def grants(acl):
    """The same but for the owner's own, which must be there."""
    owner = (acl["Owner"]["ID"], "FULL_CONTROL")
    assert owner in stated(acl)
    return stated(acl) - {owner}


def block(s3, bucket, **switches):
    setting = {name: switches.get(name, False) for name in SWITCHES}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=setting)


def reads(client, bucket, key="k"):
    """Whether a client gets the object; a refusal must be the right one."""
    try:
        client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except client.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True


def reads_unsigned(bucket, key="k"):
    status = anonymous("GET", f"/{bucket}/{key}")[0]
    assert status in (200, 403)
    return status == 200


@pytest.mark.parametrize("name, expected", [
    ("private", set()),
    ("public-read", {(ALL, "READ")}),
    ("public-read-write", {(ALL, "READ"), (ALL, "WRITE")}),
    ("authenticated-read", {(SIGNED, "READ")}),
    ("log-delivery-write", {(LOGS, "WRITE"), (LOGS, "READ_ACP")}),
])
def test_canned_lists_of_buckets(s3, with_acls, name, expected):
    before = s3.get_bucket_acl(Bucket=with_acls)["Owner"]
    s3.put_bucket_acl(Bucket=with_acls, ACL=name)
    acl = s3.get_bucket_acl(Bucket=with_acls)
    assert grants(acl) == expected and acl["Owner"] == before
    s3.put_bucket_acl(Bucket=with_acls, ACL="private")
    assert grants(s3.get_bucket_acl(Bucket=with_acls)) == set()


@pytest.mark.parametrize("name, expected", [
    ("private", set()),
    ("public-read", {(ALL, "READ")}),
    ("public-read-write", {(ALL, "READ"), (ALL, "WRITE")}),
    ("authenticated-read", {(SIGNED, "READ")}),
    ("bucket-owner-read", set()),
    ("bucket-owner-full-control", set()),
])
def test_canned_lists_of_objects(s3, with_acls, name, expected):
    s3.put_object(Bucket=with_acls, Key="put", Body=b"x", ACL=name)
    s3.put_object(Bucket=with_acls, Key="later", Body=b"x")
    s3.put_object_acl(Bucket=with_acls, Key="later", ACL=name)
    s3.copy_object(Bucket=with_acls, Key="copy", CopySource=f"{with_acls}/later", ACL=name)
    upload = {"Bucket": with_acls, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, ACL=name)["UploadId"]
    tag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    for key in ("put", "later", "copy", "parts"):
        assert grants(s3.get_object_acl(Bucket=with_acls, Key=key)) == expected, key
    assert reads_unsigned(with_acls, "put") == name.startswith("public-read")


def test_a_copy_and_a_new_object_are_private(s3, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x", ACL="public-read")
    s3.copy_object(Bucket=with_acls, Key="copy", CopySource=f"{with_acls}/k")
    assert grants(s3.get_object_acl(Bucket=with_acls, Key="copy")) == set()
    s3.put_object(Bucket=with_acls, Key="k", Body=b"y")
    assert grants(s3.get_object_acl(Bucket=with_acls, Key="k")) == set()
    assert not reads_unsigned(with_acls) and not reads_unsigned(with_acls, "copy")


def test_a_list_is_of_one_version(s3, with_acls):
    s3.put_bucket_versioning(Bucket=with_acls, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=with_acls, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=with_acls, Key="k", Body=b"new")
    s3.put_object_acl(Bucket=with_acls, Key="k", VersionId=old, ACL="public-read")
    assert anonymous("GET", f"/{with_acls}/k", query=f"versionId={old}")[0] == 200
    assert not reads_unsigned(with_acls)


def test_a_public_bucket(s3, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x")
    assert anonymous("GET", f"/{with_acls}")[:2] == DENIED
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read")
    # The list of a bucket opens its listing, not its objects.
    assert anonymous("GET", f"/{with_acls}")[0] == 200 and not reads_unsigned(with_acls)
    assert anonymous("PUT", f"/{with_acls}/new", body=b"x")[:2] == DENIED
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read-write")
    assert anonymous("PUT", f"/{with_acls}/new", body=b"x")[0] == 200
    assert anonymous("DELETE", f"/{with_acls}/k")[0] == 204 and keys(s3, with_acls) == ["new"]
    assert anonymous("PUT", f"/{with_acls}", query="acl=", headers={"x-amz-acl": "private"})[:2] == DENIED


def test_grants_in_headers(s3, other, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x", GrantRead=f'id="{SECOND_ID}"')
    assert stated(s3.get_object_acl(Bucket=with_acls, Key="k")) == {(SECOND_ID, "READ")}
    assert reads(other, with_acls)
    assert error_of(other.get_object_acl, Bucket=with_acls, Key="k") == DENIED
    s3.put_object_acl(Bucket=with_acls, Key="k", GrantReadACP=f'id={SECOND_ID}, uri="{SIGNED}"')
    found = stated(s3.get_object_acl(Bucket=with_acls, Key="k"))
    assert found == {(SECOND_ID, "READ_ACP"), (SIGNED, "READ_ACP")}
    assert not reads(other, with_acls)
    assert other.get_object_acl(Bucket=with_acls, Key="k")["Owner"]["ID"] != SECOND_ID


def test_a_grant_by_address(s3, other, with_acls):
    required("DOLIUM_SECOND_EMAIL")
    s3.put_bucket_acl(Bucket=with_acls, GrantRead=f'emailAddress="{SECOND_EMAIL}"')
    assert stated(s3.get_bucket_acl(Bucket=with_acls)) == {(SECOND_ID, "READ")}
    assert keys(other, with_acls) == []


@pytest.mark.parametrize("grantee, code", [
    ('id="nobody"', "InvalidArgument"),
    ('id=""', "InvalidArgument"),
    ('uri="http://example.org/everybody"', "InvalidArgument"),
    ('emailAddress="nobody@dolium.test"', "UnresolvableGrantByEmailAddress"),
    ("somebody", "InvalidArgument"),
    ('name="root"', "InvalidArgument"),
])
def test_grantees_who_are_nobody(s3, with_acls, grantee, code):
    assert error_of(s3.put_bucket_acl, Bucket=with_acls, GrantFullControl=grantee) == (400, code)
    put = {"Bucket": with_acls, "Key": "k", "Body": b"x"}
    assert error_of(s3.put_object, **put, GrantRead=grantee) == (400, code)
    assert keys(s3, with_acls) == [] and grants(s3.get_bucket_acl(Bucket=with_acls)) == set()


def test_requests_that_contradict_themselves(s3, with_acls):
    both = {"ACL": "private", "GrantRead": f'uri="{ALL}"'}
    assert error_of(s3.put_bucket_acl, Bucket=with_acls, **both) == (400, "InvalidRequest")
    assert put_raw(f"/{with_acls}/k", b"x", {"x-amz-acl": "everybody"})[:2] == (400, "InvalidArgument")
    many = ",".join([f'uri="{ALL}"'] * 101)
    assert error_of(s3.put_bucket_acl, Bucket=with_acls, GrantRead=many)[0] == 400
    assert keys(s3, with_acls) == [] and grants(s3.get_bucket_acl(Bucket=with_acls)) == set()


def listed(owner, grantee, permission="READ"):
    kind = "CanonicalUser" if "ID" in grantee else "Group" if "URI" in grantee else "AmazonCustomerByEmail"
    return {"Owner": {"ID": owner}, "Grants": [{"Grantee": {"Type": kind, **grantee}, "Permission": permission}]}


def test_lists_as_documents(s3, other, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x")
    owner = s3.get_object_acl(Bucket=with_acls, Key="k")["Owner"]["ID"]
    own = listed(owner, {"ID": owner}, "FULL_CONTROL")
    wanted = listed(owner, {"ID": SECOND_ID})
    wanted["Grants"] += own["Grants"]
    s3.put_object_acl(Bucket=with_acls, Key="k", AccessControlPolicy=wanted)
    assert grants(s3.get_object_acl(Bucket=with_acls, Key="k")) == {(SECOND_ID, "READ")}
    assert reads(other, with_acls)
    # The owner is not changed by anybody, and without a grant the owner still reaches the list.
    stolen = listed(SECOND_ID, {"ID": SECOND_ID}, "FULL_CONTROL")
    assert error_of(s3.put_object_acl, Bucket=with_acls, Key="k", AccessControlPolicy=stolen) == DENIED
    for bad in (listed(owner, {"ID": "nobody"}), listed(owner, {"ID": SECOND_ID}, "EVERYTHING")):
        told = error_of(s3.put_object_acl, Bucket=with_acls, Key="k", AccessControlPolicy=bad)
        assert told[0] == 400
    assert grants(s3.get_object_acl(Bucket=with_acls, Key="k")) == {(SECOND_ID, "READ")}


def test_an_owner_without_grants(other, s3):
    """Lists cannot shut their owner out for good."""
    name = "dolium-" + uuid.uuid4().hex[:16]
    other.create_bucket(Bucket=name)
    try:
        open_lists(other, name)
        other.put_object(Bucket=name, Key="k", Body=b"x")
        nothing = {"Owner": {"ID": SECOND_ID}, "Grants": []}
        other.put_bucket_acl(Bucket=name, AccessControlPolicy=nothing)
        other.put_object_acl(Bucket=name, Key="k", AccessControlPolicy=nothing)
        assert other.get_bucket_acl(Bucket=name).get("Grants", []) == []
        other.put_bucket_acl(Bucket=name, ACL="private")
        other.put_object_acl(Bucket=name, Key="k", ACL="private")
        assert reads(other, name)
    finally:
        empty(other, name)
        other.delete_bucket(Bucket=name)


@pytest.mark.parametrize("header, permitted", [
    ("GrantRead", {"list"}),
    ("GrantWrite", {"put", "delete"}),
    ("GrantReadACP", {"acl"}),
    ("GrantWriteACP", {"set"}),
    ("GrantFullControl", {"list", "put", "delete", "acl", "set"}),
])
def test_what_a_grant_on_a_bucket_gives(s3, other, with_acls, header, permitted):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x")
    s3.put_bucket_acl(Bucket=with_acls, **{header: f'id="{SECOND_ID}"'})
    calls = {
        "list": lambda: other.list_objects_v2(Bucket=with_acls),
        "put": lambda: other.put_object(Bucket=with_acls, Key="theirs", Body=b"y"),
        "delete": lambda: other.delete_object(Bucket=with_acls, Key="k"),
        "acl": lambda: other.get_bucket_acl(Bucket=with_acls),
        "policy": lambda: other.put_bucket_policy(Bucket=with_acls, Policy="{}"),
        "bucket": lambda: other.delete_bucket(Bucket=with_acls),
        "versioning": lambda: other.get_bucket_versioning(Bucket=with_acls),
        # Last: it changes what is granted.
        "set": lambda: other.put_bucket_acl(Bucket=with_acls, ACL="private"),
    }
    for name, call in calls.items():
        if name in permitted:
            call()
        else:
            assert error_of(call) == DENIED, name


def test_strangers_get_nothing(s3, other, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x")
    where = {"Bucket": with_acls, "Key": "k"}
    for call, kwargs in [
        (other.get_object, where),
        (other.put_object, {**where, "Body": b"y"}),
        (other.delete_object, where),
        (other.get_object_acl, where),
        (other.put_object_acl, {**where, "ACL": "public-read"}),
        (other.get_object_tagging, where),
        (other.list_objects_v2, {"Bucket": with_acls}),
        (other.list_object_versions, {"Bucket": with_acls}),
        (other.list_multipart_uploads, {"Bucket": with_acls}),
        (other.get_bucket_acl, {"Bucket": with_acls}),
        (other.get_bucket_policy, {"Bucket": with_acls}),
        (other.create_multipart_upload, where),
        (other.delete_bucket, {"Bucket": with_acls}),
    ]:
        assert error_of(call, **kwargs) == DENIED, call
    assert error_of(other.head_object, **where)[0] == 403
    # What is not there looks the same to somebody who may not list.
    assert error_of(other.get_object, Bucket=with_acls, Key="none") == DENIED
    assert with_acls not in [b["Name"] for b in other.list_buckets()["Buckets"]]
    copy = {"Bucket": with_acls, "Key": "copy", "CopySource": f"{with_acls}/k"}
    assert error_of(other.copy_object, **copy) == DENIED
    told = other.delete_objects(Bucket=with_acls, Delete={"Objects": [{"Key": "k"}]})
    assert [entry["Code"] for entry in told["Errors"]] == ["AccessDenied"]
    assert body_of(s3.get_object(**where)) == b"x"


def give_write(s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, GrantWrite=f'id="{SECOND_ID}"', GrantRead=f'id="{SECOND_ID}"')


def owner_of(s3, bucket, key="k"):
    return s3.get_object_acl(Bucket=bucket, Key=key)["Owner"]["ID"]


def test_object_writer(s3, other, with_acls):
    give_write(s3, with_acls)
    other.put_object(Bucket=with_acls, Key="k", Body=b"theirs")
    assert owner_of(other, with_acls) == SECOND_ID and reads(other, with_acls)
    listing = other.list_objects_v2(Bucket=with_acls, FetchOwner=True)["Contents"]
    assert [entry["Owner"]["ID"] for entry in listing] == [SECOND_ID]
    other.put_object(Bucket=with_acls, Key="handed", Body=b"x", ACL="bucket-owner-full-control")
    host_id = s3.get_bucket_acl(Bucket=with_acls)["Owner"]["ID"]
    acl = other.get_object_acl(Bucket=with_acls, Key="handed")
    assert acl["Owner"]["ID"] == SECOND_ID and grants(acl) == {(host_id, "FULL_CONTROL")}


def test_bucket_owner_preferred(s3, other, bucket):
    open_lists(s3, bucket, "BucketOwnerPreferred")
    give_write(s3, bucket)
    host_id = s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    other.put_object(Bucket=bucket, Key="mine", Body=b"x")
    assert owner_of(s3, bucket, "mine") == SECOND_ID
    other.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    assert owner_of(s3, bucket) == host_id and not reads(other, bucket)


def test_bucket_owner_enforced(s3, other, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x", ACL="public-read")
    assert reads_unsigned(with_acls) and reads(other, with_acls)
    set_ownership(s3, with_acls, "BucketOwnerEnforced")
    assert not reads_unsigned(with_acls) and not reads(other, with_acls)
    assert grants(s3.get_object_acl(Bucket=with_acls, Key="k")) == set()
    off = (400, "AccessControlListNotSupported")
    put = {"Bucket": with_acls, "Key": "new", "Body": b"y"}
    for refused in ({"ACL": "public-read"}, {"ACL": "private"}, {"GrantRead": f'uri="{ALL}"'}):
        assert error_of(s3.put_object, **put, **refused) == off
        assert error_of(s3.put_bucket_acl, Bucket=with_acls, **refused) == off
        assert error_of(s3.put_object_acl, Bucket=with_acls, Key="k", **refused) == off
    assert keys(s3, with_acls) == ["k"]
    s3.put_object(**put, ACL="bucket-owner-full-control")
    # The lists were not forgotten.
    set_ownership(s3, with_acls, "ObjectWriter")
    assert reads_unsigned(with_acls)


def test_enforcing_needs_a_private_bucket(s3, with_acls):
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read")
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    told = error_of(s3.put_bucket_ownership_controls, Bucket=with_acls, OwnershipControls=rules)
    assert told == (400, "InvalidBucketAclWithObjectOwnership")
    s3.put_bucket_acl(Bucket=with_acls, ACL="private")
    set_ownership(s3, with_acls, "BucketOwnerEnforced")


def test_ownership_controls(s3, bucket):
    for word in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"):
        set_ownership(s3, bucket, word)
        rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        assert rules == [{"ObjectOwnership": word}]
    assert error_of(set_ownership, s3, bucket, "Nobody")[0] == 400
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    gone = (404, "OwnershipControlsNotFoundError")
    assert error_of(s3.get_bucket_ownership_controls, Bucket=bucket) == gone


def test_the_block_as_a_setting(s3, bucket):
    setting = dict.fromkeys(SWITCHES, False)
    for name in SWITCHES:
        block(s3, bucket, **{name: True})
        told = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert told == {**setting, name: True}
    s3.delete_public_access_block(Bucket=bucket)
    told = error_of(s3.get_public_access_block, Bucket=bucket)
    assert told == (404, "NoSuchPublicAccessBlockConfiguration")


def test_public_lists_are_refused(s3, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x")
    block(s3, with_acls, BlockPublicAcls=True)
    for name in ("public-read", "public-read-write", "authenticated-read"):
        assert error_of(s3.put_bucket_acl, Bucket=with_acls, ACL=name) == DENIED
        assert error_of(s3.put_object_acl, Bucket=with_acls, Key="k", ACL=name) == DENIED
        assert error_of(s3.put_object, Bucket=with_acls, Key="new", Body=b"x", ACL=name) == DENIED
        copy = {"Bucket": with_acls, "Key": "new", "CopySource": f"{with_acls}/k"}
        assert error_of(s3.copy_object, **copy, ACL=name) == DENIED
    assert error_of(s3.put_bucket_acl, Bucket=with_acls, GrantRead=f'uri="{ALL}"') == DENIED
    s3.put_object_acl(Bucket=with_acls, Key="k", ACL="private")
    assert keys(s3, with_acls) == ["k"]


def test_public_lists_do_not_count(s3, other, with_acls):
    s3.put_bucket_acl(Bucket=with_acls, ACL="public-read-write")
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x", ACL="public-read")
    s3.put_object(Bucket=with_acls, Key="given", Body=b"x", GrantRead=f'id="{SECOND_ID}"')
    assert reads_unsigned(with_acls) and reads(other, with_acls)
    block(s3, with_acls, IgnorePublicAcls=True)
    assert not reads_unsigned(with_acls) and not reads(other, with_acls)
    assert anonymous("GET", f"/{with_acls}")[:2] == DENIED
    assert anonymous("PUT", f"/{with_acls}/new", body=b"x")[:2] == DENIED
    # They are kept, a grant to one user counts, and all is as it was when the switch is off.
    assert grants(s3.get_object_acl(Bucket=with_acls, Key="k")) == {(ALL, "READ")}
    assert reads(other, with_acls, "given")
    block(s3, with_acls)
    assert reads_unsigned(with_acls)


def test_signed_readers_are_not_everybody(s3, other, with_acls):
    s3.put_object(Bucket=with_acls, Key="k", Body=b"x", ACL="authenticated-read")
    assert reads(other, with_acls) and not reads_unsigned(with_acls)
    wrong = make_client(secret_key="wrong")
    assert error_of(wrong.get_object, Bucket=with_acls, Key="k") == (403, "SignatureDoesNotMatch")
