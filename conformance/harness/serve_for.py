"""Runs a command beside a fresh server whose address and keys are in the command's environment.

Usage: python -m harness.serve_for COMMAND…
Why: the suite in `s3/` takes its server from the environment, so that it can be pointed at any S3.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .server import ACCESS_KEY, SECRET_KEY, Server, write_config

# Buckets are also found in host names below it.
DOMAIN = "s3.dolium.test"
# Websites of buckets are found below it.
WEBSITE_DOMAIN = "web.dolium.test"
# The name of a key that clients may choose for single objects.
ENCRYPTION_KEY = "suite-key"
# Somebody else, whom owners of buckets grant things or not.
SECOND_ACCESS_KEY = "dolium-second"
SECOND_SECRET_KEY = "second-secret-0123456789"
SECOND_EMAIL = "second@dolium.test"


def second_user(server: Server) -> dict[str, str]:
    """Adds the second user; gives what the suite is told of her."""
    keys = ("--access-key", SECOND_ACCESS_KEY, "--secret-key", SECOND_SECRET_KEY)
    server.cli_ok("user", "add", "second", "--email", SECOND_EMAIL, *keys)
    users = json.loads(server.cli_ok("user", "list", "--json").out)
    ids = [user["canonical_id"] for user in users if user["name"] == "second"]
    return {
        "DOLIUM_SECOND_ACCESS_KEY": SECOND_ACCESS_KEY,
        "DOLIUM_SECOND_SECRET_KEY": SECOND_SECRET_KEY,
        "DOLIUM_SECOND_ID": ids[0],
        "DOLIUM_SECOND_EMAIL": SECOND_EMAIL,
    }


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        settings = f'[s3]\ndomains = ["{DOMAIN}"]\nwebsite_domains = ["{WEBSITE_DOMAIN}"]\n'
        settings += f'[encryption]\nkeys = ["{ENCRYPTION_KEY}"]\n'
        config = write_config(Path(folder) / "dolium.toml", data_dir, settings)
        server = Server(data_dir, config=config).start()
        try:
            env = dict(os.environ)
            env.update(
                DOLIUM_S3_ENDPOINT=server.endpoint,
                DOLIUM_S3_DOMAIN=DOMAIN,
                DOLIUM_S3_WEBSITE_DOMAIN=WEBSITE_DOMAIN,
                DOLIUM_ACCESS_KEY=ACCESS_KEY,
                DOLIUM_SECRET_KEY=SECRET_KEY,
                DOLIUM_ENCRYPTION_KEY=ENCRYPTION_KEY,
                **second_user(server),
            )
            code = subprocess.run(command, env=env, check=False).returncode
            if code or server.panics():
                print(server.log_tail(), *server.panics(), sep="\n", file=sys.stderr)
            return code or len(server.panics())
        finally:
            server.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
