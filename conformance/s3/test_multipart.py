"""Multipart uploads."""

import hashlib

from conftest import PART, body_of, error_of, keys


def begin(s3, bucket, key="k", **kwargs):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **kwargs)["UploadId"]
    return {"Bucket": bucket, "Key": key, "UploadId": upload}


def send(s3, where, bodies):
    parts = []
    for number, body in enumerate(bodies, 1):
        tag = s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    return parts


def complete(s3, where, parts, **kwargs):
    return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **kwargs)


def bodies():
    return [hashlib.shake_128(bytes([n])).digest(size) for n, size in enumerate([PART, PART + 7, 1234])]


def test_whole(s3, bucket):
    where = begin(s3, bucket, Metadata={"m": "1"}, ContentType="t/x")
    pieces = bodies()
    parts = send(s3, where, pieces)
    listed = s3.list_parts(**where)
    assert [(p["PartNumber"], p["Size"]) for p in listed["Parts"]] == [
        (n, len(piece)) for n, piece in enumerate(pieces, 1)
    ]
    assert keys(s3, bucket) == []
    done = complete(s3, where, parts)
    md5s = b"".join(hashlib.md5(piece).digest() for piece in pieces)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == b"".join(pieces)
    assert got["Metadata"] == {"m": "1"} and got["ContentType"] == "t/x"
    assert error_of(s3.list_parts, **where) == (404, "NoSuchUpload")


def test_by_part_number(s3, bucket):
    where, pieces = begin(s3, bucket), bodies()
    complete(s3, where, send(s3, where, pieces))
    for number, piece in enumerate(pieces, 1):
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        assert body_of(got) == piece and got["PartsCount"] == 3
        assert s3.head_object(Bucket=bucket, Key="k", PartNumber=number)["ContentLength"] == len(piece)
    assert error_of(s3.get_object, Bucket=bucket, Key="k", PartNumber=4) == (400, "InvalidPart")
    told = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectParts", "ObjectSize", "StorageClass"]
    )
    assert told["ObjectSize"] == sum(map(len, pieces)) and told["ObjectParts"]["TotalPartsCount"] == 3
    assert [p["Size"] for p in told["ObjectParts"]["Parts"]] == [len(piece) for piece in pieces]


def test_parts_may_be_replaced_and_left_out(s3, bucket):
    where = begin(s3, bucket)
    send(s3, where, [b"1" * PART, b"2" * PART, b"3"])
    tag = s3.upload_part(**where, PartNumber=1, Body=b"9" * PART)["ETag"]
    listed = {p["PartNumber"]: p["ETag"] for p in s3.list_parts(**where)["Parts"]}
    assert listed[1] == tag
    parts = [{"PartNumber": n, "ETag": listed[n]} for n in (1, 3)]
    complete(s3, where, parts)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == b"9" * PART + b"3"


def test_refusals(s3, bucket):
    where = begin(s3, bucket)
    parts = send(s3, where, [b"small", b"last"])
    assert error_of(complete, s3, where, parts) == (400, "EntityTooSmall")
    # The first of the two is also too small, if the sizes are looked at first.
    assert error_of(complete, s3, where, parts[::-1])[1] in ("InvalidPartOrder", "EntityTooSmall")
    wrong = [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}]
    assert error_of(complete, s3, where, wrong) == (400, "InvalidPart")
    assert error_of(complete, s3, where, [{**parts[0], "PartNumber": 7}]) == (400, "InvalidPart")
    assert error_of(complete, s3, where, [])[1] == "MalformedXML"
    for number in (0, 10001):
        told = error_of(s3.upload_part, **where, PartNumber=number, Body=b"x")
        assert told == (400, "InvalidArgument")
    assert error_of(complete, s3, where, parts[:1], MpuObjectSize=6) == (400, "InvalidRequest")
    unknown = {**where, "UploadId": "0" * 32}
    assert error_of(s3.upload_part, **unknown, PartNumber=1, Body=b"x") == (404, "NoSuchUpload")
    assert keys(s3, bucket) == []


def test_order(s3, bucket):
    where = begin(s3, bucket)
    parts = send(s3, where, [b"1" * PART, b"2" * PART])
    assert error_of(complete, s3, where, parts[::-1]) == (400, "InvalidPartOrder")
    assert error_of(complete, s3, where, parts + parts[:1]) == (400, "InvalidPartOrder")
    # Named twice in a row, a part counts as it is named last.
    wrong = {"PartNumber": 2, "ETag": '"' + "0" * 32 + '"'}
    assert error_of(complete, s3, where, [*parts, wrong]) == (400, "InvalidPart")
    assert complete(s3, where, [parts[0], wrong, parts[1]])["ETag"].endswith('-2"')
    # The answer may have been lost: the same completion again succeeds, another does not.
    assert complete(s3, where, parts)["ETag"].endswith('-2"')
    assert error_of(complete, s3, where, parts[:1]) == (404, "NoSuchUpload")


def test_abort(s3, bucket):
    where = begin(s3, bucket)
    send(s3, where, [b"x"])
    s3.abort_multipart_upload(**where)
    assert error_of(s3.abort_multipart_upload, **where) == (404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_copied_parts(s3, bucket):
    source = hashlib.shake_128(b"s").digest(PART + 100)
    s3.put_object(Bucket=bucket, Key="from", Body=source)
    where = begin(s3, bucket)
    pieces = []
    for number, text in enumerate((f"bytes=0-{PART - 1}", "bytes=10-19"), 1):
        told = s3.upload_part_copy(
            **where,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": "from"},
            CopySourceRange=text,
        )
        pieces.append({"PartNumber": number, "ETag": told["CopyPartResult"]["ETag"]})
    complete(s3, where, pieces)
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == source[:PART] + source[10:20]
    where = begin(s3, bucket)
    beyond = {"CopySource": {"Bucket": bucket, "Key": "from"}, "CopySourceRange": f"bytes={PART * 2}-{PART * 3}"}
    assert error_of(s3.upload_part_copy, **where, PartNumber=1, **beyond)[0] in (400, 416)
    bad = {**beyond, "CopySourceRange": "bytes=9-"}
    assert error_of(s3.upload_part_copy, **where, PartNumber=1, **bad) == (400, "InvalidArgument")


def test_pages_of_uploads_and_parts(s3, bucket):
    uploads = [begin(s3, bucket, key) for key in ("a", "a", "b/1", "b/2", "c")]
    expected = sorted((u["Key"], u["UploadId"]) for u in uploads)
    found, extra = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2, **extra)
        found += [(u["Key"], u["UploadId"]) for u in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        extra = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(found) == expected and len(found) == 5
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["b/"]
    send(s3, uploads[0], [b"1", b"2", b"3"])
    first = s3.list_parts(**uploads[0], MaxParts=2)
    assert first["IsTruncated"] and first["NextPartNumberMarker"] == 2
    rest = s3.list_parts(**uploads[0], PartNumberMarker=2)
    assert [p["PartNumber"] for p in rest["Parts"]] == [3] and not rest["IsTruncated"]
