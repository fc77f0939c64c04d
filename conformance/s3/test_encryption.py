"""Encryption that clients ask for: with their own keys, with the server's, by a bucket's default."""

import base64
import hashlib

import pytest
from conftest import (
    PART, absent, anonymous, body_of, connect, error_of, host, keys, put_raw, raw, read_answer, required, sign,
)

BODY = hashlib.shake_128(b"secret").digest(300_000)
KEY = bytes(range(32))
OTHER = bytes(32)
INVALID = (400, "InvalidArgument")


def own(key=KEY, prefix="SSECustomer"):
    """The arguments of a client's key."""
    return {f"{prefix}Algorithm": "AES256", f"{prefix}Key": key}


def source(key=KEY):
    return own(key, "CopySourceSSECustomer")


def md5_of(key):
    return base64.b64encode(hashlib.md5(key).digest()).decode()


def headers(key=KEY, md5=None, algorithm="AES256", beginning="x-amz-server-side-encryption-customer-"):
    """The headers of a client's key, and what is wrong with them."""
    text = key if isinstance(key, str) else base64.b64encode(key).decode()
    wanted = {"algorithm": algorithm, "key": text, "key-md5": md5 or md5_of(KEY)}
    return {beginning + name: value for name, value in wanted.items() if value is not None}


def tells_own(answer, key=KEY):
    assert answer["SSECustomerAlgorithm"] == "AES256" and answer["SSECustomerKeyMD5"] == md5_of(key)
    assert "ServerSideEncryption" not in answer
    assert base64.b64encode(key).decode() not in str(answer["ResponseMetadata"])


@pytest.fixture
def sealed(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, **own(), Metadata={"m": "1"})
    return {"Bucket": bucket, "Key": "k"}


def test_a_clients_key(s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    tells_own(s3.put_object(**where, Body=BODY, **own()))
    got = s3.get_object(**where, **own())
    tells_own(got)
    assert body_of(got) == BODY
    head = s3.head_object(**where, **own())
    tells_own(head)
    assert head["ContentLength"] == len(BODY) and head["ETag"] == got["ETag"]
    assert keys(s3, bucket) == ["k"]
    s3.delete_object(**where)
    assert absent(s3, bucket, "k")


def test_an_empty_object(s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Body=b"", **own())
    assert body_of(s3.get_object(**where, **own())) == b""
    assert error_of(s3.get_object, **where)[0] == 400


@pytest.mark.parametrize("first, last", [(0, 0), (65_535, 65_536), (1, 131_073), (299_999, 400_000)])
def test_ranges(s3, sealed, first, last):
    got = s3.get_object(**sealed, Range=f"bytes={first}-{last}", **own())
    assert body_of(got) == BODY[first : last + 1]
    tells_own(got)
    assert body_of(s3.get_object(**sealed, Range="bytes=-10", **own())) == BODY[-10:]


def test_without_and_with_another_key(s3, sealed):
    for key in ({}, own(OTHER)):
        for call in (s3.get_object, s3.head_object):
            status, _ = error_of(call, **sealed, **key)
            assert status in (400, 403)
        assert error_of(s3.get_object, **sealed, **key, Range="bytes=0-0")[0] in (400, 403)
        copy = {"Bucket": sealed["Bucket"], "Key": "copy", "CopySource": sealed}
        assert error_of(s3.copy_object, **copy, **(source(OTHER) if key else {}))[0] in (400, 403)
    path = f"/{sealed['Bucket']}/k"
    for sent, wanted in [({}, 400), (headers(OTHER, md5_of(OTHER)), 403), (headers(), 200)]:
        asked = {"x-amz-object-attributes": "ETag,Checksum", **sent}
        status = raw("GET", path, sign("GET", path, asked, query="attributes="), query="attributes=")[0]
        assert status == wanted or {status, wanted} == {400, 403}
    assert body_of(s3.get_object(**sealed, **own())) == BODY
    s3.put_object(**sealed, Body=b"plain")
    assert body_of(s3.get_object(**sealed)) == b"plain"
    assert error_of(s3.get_object, **sealed, **own())[0] == 400


def test_public_is_not_readable(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ACL="public-read", **own())
    assert anonymous("GET", f"/{bucket}/k")[0] == 400
    assert anonymous("GET", f"/{bucket}/k", headers())[0] == 200


@pytest.mark.parametrize("bad", [
    headers(md5=md5_of(OTHER)),
    headers(md5="nonsense!"),
    headers(key=KEY[:31]),
    headers(key=KEY + b"\0"),
    headers(key="nonsense!"),
    headers(key=""),
    headers(algorithm=None),
    {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
    {"x-amz-server-side-encryption-customer-key-md5": md5_of(KEY)},
    {**headers(), "x-amz-server-side-encryption": "AES256"},
    {"x-amz-server-side-encryption": "AES512"},
    {"x-amz-server-side-encryption": "aws:kms"},
    {"x-amz-server-side-encryption": "AES256", "x-amz-server-side-encryption-aws-kms-key-id": "a"},
    {"x-amz-server-side-encryption-aws-kms-key-id": "a"},
])
def test_requests_that_make_no_sense(s3, bucket, bad):
    assert put_raw(f"/{bucket}/k", b"x", bad)[:2] == INVALID
    signed = sign("POST", f"/{bucket}/k", bad, query="uploads=")
    signed["Content-Length"] = "0"
    assert raw("POST", f"/{bucket}/k", signed, query="uploads=")[:2] == INVALID
    assert keys(s3, bucket) == [] and "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_another_algorithm(s3, bucket):
    told = put_raw(f"/{bucket}/k", b"x", headers(algorithm="AES128"))
    assert told[:2] == (400, "InvalidEncryptionAlgorithmError") and keys(s3, bucket) == []


def whole_answer(method, path, sent, body=b""):
    signed = sign(method, path, sent, body)
    signed["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]
    with connect() as sock:
        sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return read_answer(sock)


def test_the_key_is_in_no_answer(s3, bucket):
    path, secret = f"/{bucket}/k", base64.b64encode(KEY).decode()
    requests = [
        ("PUT", path, headers(), b"x"),
        ("GET", path, headers(), b""),
        ("GET", path, headers(md5=md5_of(OTHER)), b""),
        ("GET", path, headers(algorithm="AES128"), b""),
        ("PUT", path, {**headers(), "x-amz-server-side-encryption": "AES256"}, b"x"),
        ("GET", f"/{bucket}/none", headers(), b""),
    ]
    for method, where, sent, body in requests:
        status, told, text = whole_answer(method, where, sent, body)
        assert status, where
        assert secret.lower() not in str(told).lower() and secret.encode() not in text and KEY not in text
    listing = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)
    versions = s3.list_object_versions(Bucket=bucket)
    assert secret not in str(listing) and secret not in str(versions)
    assert host() and secret not in str(s3.get_object_tagging(Bucket=bucket, Key="k"))


def begin(s3, bucket, key="m", **more):
    where = {"Bucket": bucket, "Key": key}
    answer = s3.create_multipart_upload(**where, **more)
    return {**where, "UploadId": answer["UploadId"]}, answer


def complete(s3, where, parts, **more):
    named = {"Parts": [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(parts, 1)]}
    return s3.complete_multipart_upload(**where, MultipartUpload=named, **more)


def test_parts(s3, bucket):
    pieces = [b"1" * PART, b"2" * PART, b"3" * 70_000]
    where, told = begin(s3, bucket, **own())
    tells_own(told)
    parts = [s3.upload_part(**where, PartNumber=n, Body=piece, **own()) for n, piece in enumerate(pieces, 1)]
    for part in parts:
        tells_own(part)
    assert error_of(s3.upload_part, **where, PartNumber=4, Body=b"x")[0] == 400
    assert error_of(s3.upload_part, **where, PartNumber=4, Body=b"x", **own(OTHER))[0] in (400, 403)
    complete(s3, where, parts, **own())
    read = {"Bucket": bucket, "Key": "m"}
    body = b"".join(pieces)
    assert body_of(s3.get_object(**read, **own())) == body
    for n, piece in enumerate(pieces, 1):
        assert body_of(s3.get_object(**read, PartNumber=n, **own())) == piece
    over = s3.get_object(**read, Range=f"bytes={PART - 3}-{PART + 2}", **own())
    assert body_of(over) == body[PART - 3 : PART + 3]
    assert error_of(s3.get_object, **read)[0] == 400
    assert error_of(s3.get_object, **read, PartNumber=2)[0] == 400


def test_a_key_for_an_upload_that_has_none(s3, bucket):
    where, _ = begin(s3, bucket)
    assert error_of(s3.upload_part, **where, PartNumber=1, Body=b"x", **own())[0] == 400
    s3.abort_multipart_upload(**where)


def test_copied_parts(s3, bucket):
    body = hashlib.shake_128(b"parts").digest(PART + 1000)
    s3.put_object(Bucket=bucket, Key="from", Body=body, **own())
    where, _ = begin(s3, bucket, **own(OTHER))
    copy = {"CopySource": f"{bucket}/from", "CopySourceRange": f"bytes=500-{PART + 499}", "PartNumber": 1}
    assert error_of(s3.upload_part_copy, **where, **copy, **own(OTHER))[0] in (400, 403)
    assert error_of(s3.upload_part_copy, **where, **copy, **source(OTHER), **own(OTHER))[0] in (400, 403)
    assert error_of(s3.upload_part_copy, **where, **copy, **source())[0] in (400, 403)
    part = s3.upload_part_copy(**where, **copy, **source(), **own(OTHER))["CopyPartResult"]
    complete(s3, where, [part], **own(OTHER))
    assert body_of(s3.get_object(Bucket=bucket, Key="m", **own(OTHER))) == body[500 : PART + 500]
    assert error_of(s3.get_object, Bucket=bucket, Key="m", **own())[0] in (400, 403)


def test_copies(s3, bucket, sealed):
    def copy(to, key, **more):
        return s3.copy_object(Bucket=bucket, Key=to, CopySource={"Bucket": bucket, "Key": key}, **more)

    # To no key, from no key to one, and from one key to another.
    copy("plain", "k", **source())
    plain = s3.get_object(Bucket=bucket, Key="plain")
    assert body_of(plain) == BODY and plain["Metadata"] == {"m": "1"}
    tells_own(copy("again", "plain", **own(OTHER)), OTHER)
    assert body_of(s3.get_object(Bucket=bucket, Key="again", **own(OTHER))) == BODY
    tells_own(copy("third", "again", **source(OTHER), **own()))
    assert body_of(s3.get_object(Bucket=bucket, Key="third", **own())) == BODY
    # Onto itself: a change of keys.
    copy("k", "k", **source(), **own(OTHER))
    assert body_of(s3.get_object(**sealed, **own(OTHER))) == BODY
    assert error_of(s3.get_object, **sealed, **own())[0] in (400, 403)
    # A key for a source that needs none.
    assert error_of(copy, "odd", "plain", **source())[0] == 400 and absent(s3, bucket, "odd")


def test_the_repositorys_key(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, ServerSideEncryption="AES256")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == BODY
    head = s3.head_object(Bucket=bucket, Key="k")
    where, begun = begin(s3, bucket, ServerSideEncryption="AES256")
    part = s3.upload_part(**where, PartNumber=1, Body=b"x")
    done = complete(s3, where, [part])
    for answer in (put, got, head, begun, part, done):
        assert answer["ServerSideEncryption"] == "AES256" and "SSEKMSKeyId" not in answer
    # What a write asks for means nothing in a read.
    signed = sign("GET", f"/{bucket}/k", {"x-amz-server-side-encryption": "AES256"})
    assert raw("GET", f"/{bucket}/k", signed)[:2] == INVALID


def named(name):
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": name}


def test_a_named_key(s3, bucket):
    name = required("DOLIUM_ENCRYPTION_KEY")
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, **named(name))
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body_of(got) == BODY
    ranged = s3.get_object(Bucket=bucket, Key="k", Range="bytes=1000-70000")
    assert body_of(ranged) == BODY[1000:70001]
    where, begun = begin(s3, bucket, **named(name))
    part = s3.upload_part(**where, PartNumber=1, Body=b"x")
    done = complete(s3, where, [part])
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/m", **named(name))
    for answer in (put, got, ranged, s3.head_object(Bucket=bucket, Key="k"), begun, part, done, copied):
        assert answer["ServerSideEncryption"] == "aws:kms" and answer["SSEKMSKeyId"] == name
    assert body_of(s3.get_object(Bucket=bucket, Key="m")) == b"x"
    assert body_of(s3.get_object(Bucket=bucket, Key="copy")) == b"x"


def test_a_name_that_is_no_key(s3, bucket):
    required("DOLIUM_ENCRYPTION_KEY")
    missing = (400, "KMS.NotFoundException")
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **named("no-such-key")) == missing
    assert error_of(s3.create_multipart_upload, Bucket=bucket, Key="k", **named("no-such-key")) == missing
    setting = default("aws:kms", "no-such-key")
    assert error_of(s3.put_bucket_encryption, Bucket=bucket, **setting) == missing
    assert keys(s3, bucket) == []


def default(algorithm, name=None):
    rule = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": name} if name else {})}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def test_the_default_of_a_bucket(s3, bucket):
    name = required("DOLIUM_ENCRYPTION_KEY")
    s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    s3.put_bucket_encryption(Bucket=bucket, **default("aws:kms", name))
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": name}
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert put["ServerSideEncryption"] == "aws:kms" and put["SSEKMSKeyId"] == name
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/before")
    where, _ = begin(s3, bucket)
    complete(s3, where, [s3.upload_part(**where, PartNumber=1, Body=b"x")])
    for key in ("k", "copy", "m"):
        assert s3.head_object(Bucket=bucket, Key=key)["SSEKMSKeyId"] == name
    assert "SSEKMSKeyId" not in s3.head_object(Bucket=bucket, Key="before")
    # What a request says itself comes before the default.
    tells_own(s3.put_object(Bucket=bucket, Key="own", Body=b"x", **own()))
    put = s3.put_object(Bucket=bucket, Key="plain", Body=b"x", ServerSideEncryption="AES256")
    assert put["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)
    gone = (404, "ServerSideEncryptionConfigurationNotFoundError")
    assert error_of(s3.get_bucket_encryption, Bucket=bucket) == gone
    assert "SSEKMSKeyId" not in s3.put_object(Bucket=bucket, Key="after", Body=b"x")
    assert body_of(s3.get_object(Bucket=bucket, Key="k")) == BODY


def test_a_default_of_the_repositorys(s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, **default("AES256"))
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    for bad in (default("AES512"), default("aws:kms"), default("AES256", "a")):
        assert error_of(s3.put_bucket_encryption, Bucket=bucket, **bad)[0] == 400
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_strangers_do_not_set_defaults(other, bucket):
    assert error_of(other.put_bucket_encryption, Bucket=bucket, **default("AES256")) == (403, "AccessDenied")
    assert error_of(other.get_bucket_encryption, Bucket=bucket) == (403, "AccessDenied")
