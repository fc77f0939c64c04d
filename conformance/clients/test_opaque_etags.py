"""Clients of a server whose ETags are no MD5: none takes one for it, and what they send is still checked."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.clients import Tools, minio_client, s3_client
from harness.server import Server, write_config
from harness.trees import pseudo_random, same, small_tree

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("opaque")
    config = write_config(folder / "dolium.toml", folder / "data", '[s3]\netag = "opaque"\n')
    server = Server(folder / "data", config=config).start()
    yield server
    server.end()
    assert not server.panics(), server.panics()


@pytest.fixture(scope="module")
def tools(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return Tools(server.endpoint, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    s3 = s3_client(server.endpoint)
    s3.create_bucket(Bucket="opaque")
    return s3


def etag(answer: dict[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def test_tags_are_of_each_write_and_what_is_claimed_is_checked(s3: Any) -> None:
    first = etag(s3.put_object(Bucket="opaque", Key="k", Body=b"same"))
    second = etag(s3.put_object(Bucket="opaque", Key="k", Body=b"same"))
    assert first != second and first.endswith("-1") and len(first) == 34
    assert etag(s3.head_object(Bucket="opaque", Key="k")) == second
    assert [etag(one) for one in s3.list_objects_v2(Bucket="opaque", Prefix="k")["Contents"]] == [second]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="opaque", Key="k", Body=b"other", IfMatch=first)
    s3.put_object(Bucket="opaque", Key="k", Body=b"other", IfMatch=second)
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket="opaque", Key="k", IfNoneMatch=etag(s3.head_object(Bucket="opaque", Key="k")))
    md5 = hashlib.md5(b"claimed")
    claim = base64.b64encode(md5.digest()).decode()
    assert etag(s3.put_object(Bucket="opaque", Key="m", Body=b"claimed", ContentMD5=claim)) == md5.hexdigest()
    for wrong in ({"ContentMD5": claim}, {"ChecksumCRC32": "AAAAAA=="}):
        with pytest.raises(ClientError, match="BadDigest"):
            s3.put_object(Bucket="opaque", Key="m", Body=b"another", **wrong)
    assert s3.get_object(Bucket="opaque", Key="m")["Body"].read() == b"claimed"


def test_parts_have_tags_of_their_own(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="opaque", Key="parts")["UploadId"]
    parts = []
    for number, body in enumerate((b"a" * 5 * MIB, b"end"), 1):
        where = {"Bucket": "opaque", "Key": "parts", "UploadId": upload, "PartNumber": number}
        tag = etag(s3.upload_part(**where, Body=body))
        assert "-" in tag, "or a client holds an MD5 against it"
        parts.append({"PartNumber": number, "ETag": tag})
    listed = s3.list_parts(Bucket="opaque", Key="parts", UploadId=upload)["Parts"]
    assert [etag(part) for part in listed] == [part["ETag"] for part in parts]
    wrong = {"Parts": [parts[0], {**parts[1], "ETag": parts[0]["ETag"]}]}
    with pytest.raises(ClientError, match="InvalidPart"):
        s3.complete_multipart_upload(Bucket="opaque", Key="parts", UploadId=upload, MultipartUpload=wrong)
    complete = {"Bucket": "opaque", "Key": "parts", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
    done = etag(s3.complete_multipart_upload(**complete))
    assert done.endswith("-2")
    # Sent again, it is answered again.
    assert etag(s3.complete_multipart_upload(**complete)) == done
    assert s3.get_object(Bucket="opaque", Key="parts")["Body"].read() == b"a" * 5 * MIB + b"end"


def test_forms(s3: Any) -> None:
    form = s3.generate_presigned_post("opaque", "form")
    answer = requests.post(form["url"], data=form["fields"], files={"file": b"from a browser"}, timeout=30)
    assert answer.status_code == 204 and answer.headers["ETag"].strip('"').endswith("-1")
    assert s3.get_object(Bucket="opaque", Key="form")["Body"].read() == b"from a browser"


def test_command_lines(tools: Tools, s3: Any, tmp_path: Path) -> None:
    tree, back = small_tree(tmp_path / "tree"), tmp_path / "back"
    pseudo_random(tree / "large", 20 * MIB + 3, "opaque")
    tools.aws("s3", "sync", tree, "s3://opaque/aws")
    assert not tools.aws("s3", "sync", tree, "s3://opaque/aws").strip(), "the second time nothing is sent"
    tools.aws("s3", "sync", "s3://opaque/aws", back)
    same(tree, back)
    remote, parts = "dolium:opaque/rclone", ("--s3-upload-cutoff", "8M", "--s3-chunk-size", "5M")
    tools.rclone("copy", *parts, tree, remote)
    tools.rclone("check", tree, remote)
    tools.rclone("check", "--download", tree, remote)
    put = ("put", "--multipart-chunk-size-mb=5", "--recursive", f"{tree}/")
    tools.s3cmd(*put, "s3://opaque/s3cmd/")
    again = tmp_path / "again"
    again.mkdir()
    tools.s3cmd("get", "--recursive", "--force", "s3://opaque/s3cmd/", f"{again}/")
    same(tree, again)
    tools.restic("opaque", "init")
    tools.restic("opaque", "backup", tree)
    tools.restic("opaque", "check", "--read-data")


def test_minio_py(server: Server, s3: Any) -> None:
    minio, body = minio_client(server.endpoint), b"m" * (11 * MIB)
    put = minio.put_object("opaque", "minio", io.BytesIO(body), len(body), part_size=5 * MIB)
    assert put.etag and put.etag.endswith("-3")
    minio.fput_object("opaque", "file", __file__)
    answer = minio.get_object("opaque", "file")
    assert answer.read() == Path(__file__).read_bytes()
    answer.close()
