"""Makes a container in an Azure Blob account, by a request signed with the account's key (Shared Key).

Usage: azure_container.py OPTIONS, the file of options that serve.sh writes
Why: the product leaves containers to the administrator, and the suite has no administrator's tools.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import urllib.request
from email.utils import formatdate
from pathlib import Path

VERSION = "2021-12-02"


def make(endpoint: str, account: str, key: str, container: str) -> None:
    date = formatdate(usegmt=True)
    path = f"/{account}/{container}"
    headers = f"x-ms-date:{date}\nx-ms-version:{VERSION}"
    # Eleven empty standard headers, then ours, then the resource (Authorize with Shared Key).
    signed = "PUT" + "\n" * 12 + f"{headers}\n/{account}{path}\nrestype:container"
    mac = hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest()
    request = urllib.request.Request(
        f"{endpoint}/{container}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": date,
            "x-ms-version": VERSION,
            "Authorization": f"SharedKey {account}:{base64.b64encode(mac).decode()}",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201, answer.status


if __name__ == "__main__":
    options = json.loads(Path(sys.argv[1]).read_text())
    make(*(options[name] for name in ("endpoint", "account_name", "account_key", "container")))
