"""A small S3 client for measuring: Signature Version 4 with an unsigned payload, connections that stay.

Why: outside clients hash what they send over plain HTTP, which takes more of a shared processor than the
server does. Promises: standard library only; an answer other than 2xx is an error; every body is compared by
the caller.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
from datetime import datetime, timezone

REGION = "us-east-1"
UNSIGNED = "UNSIGNED-PAYLOAD"


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3:
    """One connection to a server."""

    def __init__(self, port: int, access_key: str, secret_key: str, timeout: float = 600) -> None:
        self.host = f"127.0.0.1:{port}"
        self.access_key, self.secret_key = access_key, secret_key
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def _headers(self, method: str, path: str) -> dict[str, str]:
        moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        day = moment[:8]
        signed = {"host": self.host, "x-amz-content-sha256": UNSIGNED, "x-amz-date": moment}
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{UNSIGNED}"
        scope = f"{day}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        key = f"AWS4{self.secret_key}".encode()
        for word in (day, REGION, "s3", "aws4_request"):
            key = _mac(key, word)
        sign = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={sign}"
        )
        return signed

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request; the body of its answer."""
        self.http.request(method, path, body=body, headers=self._headers(method, path))
        answer = self.http.getresponse()
        content = answer.read()
        assert 200 <= answer.status < 300, (method, path, answer.status, content[:500])
        return content

    def put(self, path: str, body: bytes) -> None:
        self.ask("PUT", path, body)

    def get(self, path: str) -> bytes:
        return self.ask("GET", path)
