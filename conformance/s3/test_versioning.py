"""Versions, delete markers, suspension."""

from conftest import body_of, error_of, keys, set_versioning


def versions(s3, bucket, **kwargs):
    """(key, version id, is latest, is marker), newest first within a key."""
    page = s3.list_object_versions(Bucket=bucket, **kwargs)
    found = [(v["Key"], v["VersionId"], v["IsLatest"], False) for v in page.get("Versions", [])]
    found += [(v["Key"], v["VersionId"], v["IsLatest"], True) for v in page.get("DeleteMarkers", [])]
    return found


def test_state(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        set_versioning(s3, bucket, status)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


def test_unversioned_objects_are_null(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "VersionId" not in put
    assert versions(s3, bucket) == [("k", "null", True, False)]
    assert body_of(s3.get_object(Bucket=bucket, Key="k", VersionId="null")) == b"x"


def test_each_write_is_a_version(s3, versioned):
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=bytes([n]))["VersionId"] for n in range(3)]
    assert len(set(ids)) == 3
    for n, version in enumerate(ids):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=version)
        assert body_of(got) == bytes([n]) and got["VersionId"] == version
    assert s3.get_object(Bucket=versioned, Key="k")["VersionId"] == ids[2]
    assert [v[1] for v in versions(s3, versioned)] == ids[::-1]
    assert [v[2] for v in versions(s3, versioned)] == [True, False, False]


def test_delete_marker(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    told = s3.delete_object(Bucket=versioned, Key="k")
    marker = told["VersionId"]
    assert told["DeleteMarker"] is True and keys(s3, versioned) == []
    try:
        s3.get_object(Bucket=versioned, Key="k")
        raise AssertionError("must be deleted")
    except s3.exceptions.NoSuchKey as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true" and headers["x-amz-version-id"] == marker
    where = {"Bucket": versioned, "Key": "k", "VersionId": marker}
    assert error_of(s3.get_object, **where) == (405, "MethodNotAllowed")
    assert body_of(s3.get_object(Bucket=versioned, Key="k", VersionId=kept)) == b"x"
    undone = s3.delete_object(**where)
    assert undone["DeleteMarker"] is True and undone["VersionId"] == marker
    assert body_of(s3.get_object(Bucket=versioned, Key="k")) == b"x"


def test_delete_of_a_version(s3, versioned):
    old, new = (s3.put_object(Bucket=versioned, Key="k", Body=b)["VersionId"] for b in (b"o", b"n"))
    s3.delete_object(Bucket=versioned, Key="k", VersionId=new)
    assert body_of(s3.get_object(Bucket=versioned, Key="k")) == b"o"
    assert error_of(s3.get_object, Bucket=versioned, Key="k", VersionId=new) == (404, "NoSuchVersion")
    names = [{"Key": "k", "VersionId": old}]
    assert s3.delete_objects(Bucket=versioned, Delete={"Objects": names})["Deleted"] == names
    assert versions(s3, versioned) == []


def test_suspended_writes_replace_the_null_version(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    set_versioning(s3, versioned, "Suspended")
    for body in (b"2", b"3"):
        s3.put_object(Bucket=versioned, Key="k", Body=body)
    assert [v[1] for v in versions(s3, versioned)] == ["null", kept]
    told = s3.delete_object(Bucket=versioned, Key="k")
    assert told["VersionId"] == "null" and told["DeleteMarker"] is True
    assert body_of(s3.get_object(Bucket=versioned, Key="k", VersionId=kept)) == b"1"


def test_pages_of_versions(s3, versioned):
    for n in range(3):
        for key in ("a", "b/c", "b/d"):
            s3.put_object(Bucket=versioned, Key=key, Body=bytes([n]))
    whole = versions(s3, versioned)
    assert len(whole) == 9
    found, extra = [], {}
    while True:
        page = s3.list_object_versions(Bucket=versioned, MaxKeys=2, **extra)
        found += [(v["Key"], v["VersionId"], v["IsLatest"], False) for v in page["Versions"]]
        if not page["IsTruncated"]:
            break
        extra = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert found == whole
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["b/"] and len(page["Versions"]) == 3
    after = s3.list_object_versions(Bucket=versioned, KeyMarker="b/c")
    assert {v["Key"] for v in after["Versions"]} == {"b/d"}


def test_bad_version_ids(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for version in ("1", "zzzzzzzzzzzzzzzz", "ffffffffffffffff"):
        told = error_of(s3.get_object, Bucket=bucket, Key="k", VersionId=version)
        assert told == (400, "InvalidArgument")
    gone = error_of(s3.get_object, Bucket=bucket, Key="k", VersionId="7fffffffffffffff")
    assert gone == (404, "NoSuchVersion")
