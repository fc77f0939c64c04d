"""An upload that pauses before its end, when its first pack has long been written.

Promises: one request over one connection, answered in the background; a presigned address carries the
signature, so that the body needs none.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from harness.objects import MIB

# More than a pack holds lies before the pause.
REST = 3 * MIB
SECONDS_MAX = 180.0


class SlowPut:
    """Sends a body, and calls `pause` before the rest of it."""

    def __init__(
        self, s3: Any, bucket: str, key: str, body: bytes, pause: Callable[[], object]
    ) -> None:
        where = {"Bucket": bucket, "Key": key}
        self.url = urlsplit(s3.generate_presigned_url("put_object", Params=where))
        self.body, self.pause = body, pause
        self.status: int | None = None
        self.text = b""
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self) -> None:
        connection = http.client.HTTPConnection(self.url.netloc, timeout=SECONDS_MAX)
        connection.putrequest("PUT", f"{self.url.path}?{self.url.query}")
        connection.putheader("Content-Length", str(len(self.body)))
        connection.endheaders()
        first = len(self.body) - REST
        for at in range(0, first, MIB):
            connection.send(self.body[at : min(first, at + MIB)])
        self.pause()
        connection.send(self.body[first:])
        answer = connection.getresponse()
        self.text, self.status = answer.read(), answer.status

    def answer(self) -> int | None:
        """The status of the answer; nothing when there was none."""
        self.thread.join(SECONDS_MAX)
        return self.status

    def __repr__(self) -> str:
        return f"{self.url.path}: {self.status} {self.text[:500]!r}"
