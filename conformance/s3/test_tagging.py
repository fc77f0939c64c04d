"""Tags of buckets and objects."""

import json

import pytest
from conftest import SECOND_ID, anonymous, error_of, put_raw, raw, required, set_versioning, sign

DENIED = (403, "AccessDenied")


def tag_set(**tags):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tags(s3, bucket, key="k", **version):
    found = s3.get_object_tagging(Bucket=bucket, Key=key, **version)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_tags_of_a_bucket(s3, bucket):
    none = (404, "NoSuchTagSet")
    assert error_of(s3.get_bucket_tagging, Bucket=bucket) == none
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(a="1", b=""))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tag_set(a="1", b="")["TagSet"]
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(c="3"))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tag_set(c="3")["TagSet"]
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.delete_bucket_tagging(Bucket=bucket)
    assert error_of(s3.get_bucket_tagging, Bucket=bucket) == none


def test_answers_without_content(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answers = [
        s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(a="1")),
        s3.delete_bucket_tagging(Bucket=bucket),
        s3.delete_object_tagging(Bucket=bucket, Key="k"),
    ]
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [204, 204, 204]


def test_tags_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"m": "1"})
    assert tags(s3, bucket) == {}
    before = s3.head_object(Bucket=bucket, Key="k")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(a="1", b="ü = &"))
    assert tags(s3, bucket) == {"a": "1", "b": "ü = &"}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(c=""))
    assert tags(s3, bucket) == {"c": ""}
    # Tags are no part of the object's data.
    after = s3.head_object(Bucket=bucket, Key="k")
    for name in ("ETag", "LastModified", "Metadata", "ContentLength"):
        assert after[name] == before[name]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags(s3, bucket) == {}
    missing = {"Bucket": bucket, "Key": "none"}
    assert error_of(s3.get_object_tagging, **missing) == (404, "NoSuchKey")
    assert error_of(s3.put_object_tagging, **missing, Tagging=tag_set(a="1")) == (404, "NoSuchKey")
    assert error_of(s3.delete_object_tagging, **missing) == (404, "NoSuchKey")


def test_tags_that_come_with_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b%20c=d%26e&f=&g=%C3%BC")
    assert tags(s3, bucket) == {"a": "1", "b c": "d&e", "f": "", "g": "ü"}
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Tagging="a=2")["UploadId"]
    tag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    assert tags(s3, bucket, "parts") == {"a": "2"}
    # A new object begins without those of the old one.
    s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    assert tags(s3, bucket) == {}


def test_how_many(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for answer in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert "x-amz-tagging-count" not in answer["ResponseMetadata"]["HTTPHeaders"]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(a="1", b="2"))
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    head = s3.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    assert head["x-amz-tagging-count"] == "2"


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k"}
    s3.copy_object(**copy)
    assert tags(s3, bucket, "copy") == {"a": "1"}
    s3.copy_object(**copy, TaggingDirective="REPLACE", Tagging="b=2")
    assert tags(s3, bucket, "copy") == {"b": "2"}
    s3.copy_object(**copy, TaggingDirective="REPLACE")
    assert tags(s3, bucket, "copy") == {}
    s3.copy_object(**copy, MetadataDirective="REPLACE", Metadata={"m": "1"})
    assert tags(s3, bucket, "copy") == {"a": "1"}
    assert error_of(s3.copy_object, **copy, TaggingDirective="PERHAPS")[0] == 400


def test_versions_have_their_own(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old", Tagging="a=1")["VersionId"]
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"new", Tagging="a=2")["VersionId"]
    told = s3.put_object_tagging(Bucket=versioned, Key="k", VersionId=old, Tagging=tag_set(a="3"))
    assert told["VersionId"] == old
    assert tags(s3, versioned, VersionId=old) == {"a": "3"}
    assert tags(s3, versioned) == tags(s3, versioned, VersionId=new) == {"a": "2"}
    s3.delete_object_tagging(Bucket=versioned, Key="k", VersionId=old)
    assert tags(s3, versioned, VersionId=old) == {} and tags(s3, versioned) == {"a": "2"}
    s3.delete_object(Bucket=versioned, Key="k")
    assert error_of(s3.get_object_tagging, Bucket=versioned, Key="k")[0] == 404
    assert tags(s3, versioned, VersionId=new) == {"a": "2"}
    # No new version came of all this.
    listing = s3.list_object_versions(Bucket=versioned)
    assert [entry["VersionId"] for entry in listing["Versions"]] == [new, old]
    set_versioning(s3, versioned, "Suspended")


@pytest.mark.parametrize("many, status", [(10, 200), (11, 400)])
def test_the_number_of_tags(s3, bucket, many, status):
    wanted = {f"k{n}": "v" for n in range(many)}
    header = "&".join(f"{key}={value}" for key, value in wanted.items())
    assert put_raw(f"/{bucket}/k", b"x", {"x-amz-tagging": header})[0] == status
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    if status == 200:
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(**wanted))
        assert tags(s3, bucket) == wanted
    else:
        put = {"Bucket": bucket, "Key": "k", "Tagging": tag_set(**wanted)}
        assert error_of(s3.put_object_tagging, **put)[0] == 400
        assert tags(s3, bucket) == {}
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(**{f"k{n}": "v" for n in range(50)}))
    more = tag_set(**{f"k{n}": "v" for n in range(51)})
    assert error_of(s3.put_bucket_tagging, Bucket=bucket, Tagging=more)[0] == 400


@pytest.mark.parametrize("pairs", [
    [("k" * 129, "v")],
    [("k", "v" * 257)],
    [("k", "v"), ("k", "w")],
])
def test_tags_that_are_none(s3, bucket, pairs):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="old=1")
    bad = {"TagSet": [{"Key": key, "Value": value} for key, value in pairs]}
    invalid = (400, "InvalidTag")
    assert error_of(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=bad) == invalid
    assert error_of(s3.put_bucket_tagging, Bucket=bucket, Tagging=bad) == invalid
    header = "&".join(f"{key}={value}" for key, value in pairs)
    assert put_raw(f"/{bucket}/new", b"x", {"x-amz-tagging": header})[0] == 400
    assert tags(s3, bucket) == {"old": "1"}
    assert error_of(s3.head_object, Bucket=bucket, Key="new")[0] == 404


def test_the_longest(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    # Characters are counted, not bytes.
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(**{"ü" * 128: "€" * 256}))
    assert tags(s3, bucket) == {"ü" * 128: "€" * 256}


@pytest.mark.parametrize("text", [
    "",
    "not xml",
    "<Tagging>",
    "<Tagging></Tagging>",
    "<Tagging><TagSet><Tag></Tag></TagSet></Tagging>",
    "<Tagging><TagSet><Tag><Value>v</Value></Tag></TagSet></Tagging>",
    "<Tagging><TagSet><Tag><Key></Key><Value>v</Value></Tag></TagSet></Tagging>",
    '<!DOCTYPE d [<!ENTITY a "b">]><Tagging><TagSet><Tag><Key>&a;</Key><Value>v</Value></Tag></TagSet></Tagging>',
])
def test_documents(s3, bucket, text):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="old=1")
    body = text.encode()
    signed = sign("PUT", f"/{bucket}/k", body=body, query="tagging=")
    signed["Content-Length"] = str(len(body))
    assert raw("PUT", f"/{bucket}/k", signed, body, query="tagging=")[0] == 400
    assert tags(s3, bucket) == {"old": "1"}


def test_an_empty_set_removes_all(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []})
    assert tags(s3, bucket) == {}


def test_denied_also_for_an_empty_set(s3, other, bucket):
    """An empty set in a document is still a PUT of tags, and needs what that needs."""
    required("DOLIUM_SECOND_ID")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")

    def only(action):
        statement = {
            "Effect": "Allow", "Principal": {"CanonicalUser": SECOND_ID}, "Action": action,
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    empty = {"Bucket": bucket, "Key": "k", "Tagging": {"TagSet": []}}
    only("s3:DeleteObjectTagging")
    assert error_of(other.put_object_tagging, **empty) == DENIED
    only("s3:PutObjectTagging")
    other.put_object_tagging(**empty)
    assert tags(s3, bucket) == {}


def test_strangers(s3, other, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    where = {"Bucket": bucket, "Key": "k"}
    assert error_of(other.get_object_tagging, **where) == DENIED
    assert error_of(other.put_object_tagging, **where, Tagging=tag_set(a="2")) == DENIED
    assert error_of(other.delete_object_tagging, **where) == DENIED
    assert error_of(other.get_bucket_tagging, Bucket=bucket) == DENIED
    assert error_of(other.put_bucket_tagging, Bucket=bucket, Tagging=tag_set(a="2")) == DENIED
    assert anonymous("GET", f"/{bucket}/k", query="tagging=")[:2] == DENIED
    assert tags(s3, bucket) == {"a": "1"}
