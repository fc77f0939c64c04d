"""s3cmd: buckets, files in one piece and in parts, sync, info, deletion."""

from __future__ import annotations

import uuid
from pathlib import Path

from harness.clients import Tools
from harness.trees import digest, pseudo_random, same


def test_a_day_with_s3cmd(tools: Tools, tmp_path: Path) -> None:
    bucket = "s3cmd-" + uuid.uuid4().hex[:12]
    url = f"s3://{bucket}"
    tools.s3cmd("mb", url)
    assert url in tools.s3cmd("ls")

    small, large, back = tmp_path / "small", tmp_path / "large", tmp_path / "back"
    small.write_text("a small file\n")
    pseudo_random(large, (17 << 20) + 5, "s3cmd")
    tools.s3cmd("put", small, f"{url}/dir/small file")
    tools.s3cmd("put", "--multipart-chunk-size-mb=5", large, f"{url}/large")
    for source, key in ((small, "dir/small file"), (large, "large")):
        tools.s3cmd("get", "--force", f"{url}/{key}", back)
        assert digest(back) == digest(source), key
    listed = tools.s3cmd("ls", "--recursive", url)
    assert f"{url}/dir/small file" in listed and str(large.stat().st_size) in listed
    assert "DIR" in tools.s3cmd("ls", url)
    assert "File size: 13" in tools.s3cmd("info", f"{url}/dir/small file")

    tools.s3cmd("cp", f"{url}/dir/small file", f"{url}/copy")
    tools.s3cmd("get", "--force", f"{url}/copy", back)
    assert back.read_text() == small.read_text()
    tools.s3cmd("del", f"{url}/copy")
    assert "copy" not in tools.s3cmd("ls", url)
    tools.s3cmd("del", "--recursive", "--force", url)
    tools.s3cmd("rb", url)
    assert url not in tools.s3cmd("ls")


def test_sync(tools: Tools, bucket: str, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    for number in range(40):
        path = source / f"folder {number % 4}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pseudo_random(path, number * 1000, f"sync {number}")
    url = f"s3://{bucket}/s/"
    tools.s3cmd("sync", f"{source}/", url)
    (source / "folder 1/file 1").unlink()
    (source / "folder 2/file 2").write_text("changed")
    tools.s3cmd("sync", "--delete-removed", f"{source}/", url)
    back.mkdir()
    tools.s3cmd("sync", url, f"{back}/")
    same(source, back)
