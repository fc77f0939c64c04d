"""Form uploads replayed as browsers send them: headers, boundaries and encoding byte by byte."""

from __future__ import annotations

import hashlib
import http.client
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.trees import pseudo_random

MIB = 1 << 20
PIECE = 64 << 10
ORIGIN = "https://photos.example.org"
FILE_NAME = 'Résumé "2026" – 1+1.bin'


@dataclass(frozen=True)
class Browser:
    """How one browser writes a form."""

    boundary: str
    agent: str
    accept: str


CHROMIUM = Browser(
    "----WebKitFormBoundary7MA4YWxkTrZu0gW1",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
)
FIREFOX = Browser(
    "----geckoformboundary5d1f0c7f0a0b4e2d8e6d5f4c3b2a1908",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
)
OLDER_FIREFOX = Browser("-" * 27 + "293582696224464", FIREFOX.agent, FIREFOX.accept)


def encoded(browser: Browser, fields: dict[str, str], file: bytes) -> bytes:
    """The body: fields in their order, the file, and the button behind it, as the page has them."""
    dashes = b"--" + browser.boundary.encode()
    out = []
    for name, value in fields.items():
        head = f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        out.append(dashes + head.encode())
    quoted = FILE_NAME.replace('"', "%22")
    head = f'\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
    out.append(dashes + head.encode() + b"Content-Type: application/octet-stream\r\n\r\n")
    out += [file, b"\r\n", dashes]
    button = b'\r\nContent-Disposition: form-data; name="submit"\r\n\r\nUpload\r\n'
    out += [button, dashes, b"--\r\n"]
    return b"".join(out)


def sent(
    url: str, browser: Browser, body: bytes, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    """Sends the request; the body goes in pieces, as from a file."""
    target = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc, timeout=120)
    connection.putrequest("POST", target.path, skip_accept_encoding=True)
    every = {
        "Connection": "keep-alive",
        "Content-Length": str(len(body)),
        "Cache-Control": "max-age=0",
        "Origin": ORIGIN,
        "Content-Type": f"multipart/form-data; boundary={browser.boundary}",
        "User-Agent": browser.agent,
        "Referer": f"{ORIGIN}/",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "en-GB,en;q=0.9,de;q=0.8",
        **headers,
    }
    for name, value in every.items():
        connection.putheader(name, value)
    connection.endheaders()
    for start in range(0, len(body), PIECE):
        connection.send(body[start : start + PIECE])
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer, text


def navigation(browser: Browser) -> dict[str, str]:
    """The headers of a form that the page submits."""
    return {
        "Upgrade-Insecure-Requests": "1",
        "Accept": browser.accept,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-User": "?1",
        "Sec-Fetch-Dest": "document",
    }


SCRIPT = {
    "Accept": "*/*",
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """20 MiB, with what looks like boundaries within."""
    path = tmp_path_factory.mktemp("form") / "file"
    pseudo_random(path, 20 * MIB, "form")
    body = bytearray(path.read_bytes())
    for at, browser in enumerate((CHROMIUM, FIREFOX, OLDER_FIREFOX), 1):
        trap = b"\r\n--" + browser.boundary[:-1].encode() + b"\r\n--\r\n\r\n"
        start = at * 4 * MIB + PIECE - len(trap) // 2
        body[start : start + len(trap)] = trap
    assert len(body) == 20 * MIB
    return bytes(body)


BROWSERS = {"chromium": CHROMIUM, "firefox": FIREFOX, "older firefox": OLDER_FIREFOX}


@pytest.mark.parametrize("browser", BROWSERS.values(), ids=BROWSERS.keys())
def test_a_submitted_form(s3: Any, bucket: str, file: bytes, browser: Browser) -> None:
    redirect = f"{ORIGIN}/done?album=1"
    made = s3.generate_presigned_post(
        bucket,
        "album/${filename}",
        Fields={"success_action_redirect": redirect, "x-amz-meta-from": "a page"},
        Conditions=[
            {"success_action_redirect": redirect},
            {"x-amz-meta-from": "a page"},
            ["content-length-range", 1, 32 * MIB],
        ],
    )
    body = encoded(browser, made["fields"], file)
    answer, text = sent(made["url"], browser, body, navigation(browser))
    assert answer.status == 303, text
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Size"] for entry in listed] == [len(file)]
    key = listed[0]["Key"]
    assert key in ("album/" + FILE_NAME, "album/" + FILE_NAME.replace('"', "%22"))
    found = s3.get_object(Bucket=bucket, Key=key)
    assert hashlib.sha256(found["Body"].read()).digest() == hashlib.sha256(file).digest()
    assert found["Metadata"] == {"from": "a page"}
    where = urllib.parse.urlsplit(answer.headers["Location"])
    told = dict(urllib.parse.parse_qsl(where.query))
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{ORIGIN}/done"
    assert told == {"album": "1", "bucket": bucket, "key": key, "etag": found["ETag"]}


def test_a_form_sent_by_a_script(s3: Any, bucket: str, file: bytes) -> None:
    rule = {"AllowedMethods": ["POST"], "AllowedOrigins": [ORIGIN], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    made = s3.generate_presigned_post(bucket, "k")
    answer, text = sent(made["url"], CHROMIUM, encoded(CHROMIUM, made["fields"], file), SCRIPT)
    assert answer.status == 204, text
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "etag" in answer.headers["Access-Control-Expose-Headers"].lower()
    found = s3.get_object(Bucket=bucket, Key="k")
    assert found["Body"].read() == file and answer.headers["ETag"] == found["ETag"]
