"""Listings against a model in Python."""

import pytest
from conftest import connect, error_of, make_client, put_raw, read_answer, sign

KEYS = [
    "a", "a/", "a/b", "a/b/c", "a/c", "a//d", "b", "b/x", "c d", "c+d", "c%d", "ü", "z/ü/1",
    "z/ü/2", "photos/2024/jan/1.jpg", "photos/2024/feb/1.jpg", "photos/2025/1.jpg", "quux", "q-u",
    "_x", "~", "A", "0", "a.b", "a-b",
]


def model(prefix="", delimiter="", after=""):
    """Keys and common prefixes in byte order."""
    found = []
    for key in sorted(KEYS, key=lambda text: text.encode()):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = (key[: at + len(delimiter)], True) if at >= 0 else (key, False)
        if entry not in found and entry[0].encode() > after.encode():
            found.append(entry)
    return found


@pytest.fixture(scope="module")
def filled():
    s3 = make_client()
    bucket = "dolium-listing-suite"
    try:
        s3.create_bucket(Bucket=bucket)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    yield bucket
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in KEYS]})
    s3.delete_bucket(Bucket=bucket)


def entries(page):
    found = [(o["Key"], False) for o in page.get("Contents", [])]
    found += [(p["Prefix"], True) for p in page.get("CommonPrefixes", [])]
    return sorted(found, key=lambda entry: entry[0].encode())


CASES = [("", ""), ("", "/"), ("a", ""), ("a/", "/"), ("a", "/"), ("photos/", "/"), ("photos/2024/", "/"),
         ("", "b"), ("a", "//"), ("nothing", "/"), ("z/ü/", ""), ("", "ü/")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("prefix, delimiter", CASES)
def test_v2_pages_equal_the_model(s3, filled, prefix, delimiter, size):
    found, extra = [], {}
    while True:
        page = s3.list_objects_v2(
            Bucket=filled, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, **extra
        )
        part = entries(page)
        assert page["KeyCount"] == len(part) <= size
        found += part
        if not page["IsTruncated"]:
            break
        assert len(part) == size
        extra = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == model(prefix, delimiter)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("prefix, delimiter", CASES)
def test_v1_pages_equal_the_model(s3, filled, prefix, delimiter, size):
    found, marker = [], ""
    while True:
        page = s3.list_objects(
            Bucket=filled, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, Marker=marker
        )
        part = entries(page)
        found += part
        if not page["IsTruncated"]:
            break
        assert ("NextMarker" in page) == bool(delimiter)
        marker = page.get("NextMarker") or part[-1][0]
    assert found == model(prefix, delimiter)


@pytest.mark.parametrize("after", ["", "a", "a/", "b", "m", "zzz", "ü"])
def test_start_after(s3, filled, after):
    page = s3.list_objects_v2(Bucket=filled, StartAfter=after)
    assert entries(page) == model(after=after)


def test_owners(s3, filled):
    assert "Owner" not in s3.list_objects_v2(Bucket=filled)["Contents"][0]
    assert s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert s3.list_objects(Bucket=filled)["Contents"][0]["Owner"]["ID"]


def test_entries_tell_of_their_object(s3, filled):
    entry = s3.list_objects_v2(Bucket=filled, Prefix="quux")["Contents"][0]
    head = s3.head_object(Bucket=filled, Key="quux")
    assert entry["ETag"] == head["ETag"] and entry["Size"] == 4
    assert entry["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert entry["StorageClass"] == "STANDARD"


def test_nothing_asked(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert page["KeyCount"] == 0 and not page["IsTruncated"]


def test_bad_arguments(s3, filled):
    invalid = (400, "InvalidArgument")
    assert error_of(s3.list_objects_v2, Bucket=filled, MaxKeys=-1) == invalid
    assert error_of(s3.list_objects_v2, Bucket=filled, ContinuationToken="!!") == invalid
    assert error_of(s3.list_object_versions, Bucket=filled, VersionIdMarker="null") == invalid
    assert error_of(s3.list_objects_v2, Bucket=filled, EncodingType="base64") == invalid


def test_buckets_in_pages(s3, filled):
    page = s3.list_buckets(Prefix="dolium-listing", MaxBuckets=1)
    assert [b["Name"] for b in page["Buckets"]] == [filled]
    assert page["Owner"]["ID"] and page["Prefix"] == "dolium-listing"


def test_a_carriage_return_survives_a_plain_listing(bucket):
    put_raw(f"/{bucket}/a%0Db", b"x")
    signed = sign("GET", f"/{bucket}", query="list-type=2")
    with connect() as sock:
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        sock.sendall(f"GET /{bucket}?list-type=2 HTTP/1.1\r\n{head}\r\n".encode())
        assert b"<Key>a&#xD;b</Key>" in read_answer(sock)[2]
