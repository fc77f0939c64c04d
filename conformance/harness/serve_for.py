"""Runs a command beside a fresh server whose address and keys are in the command's environment.

Usage: python -m harness.serve_for COMMAND…
Why: the suite in `s3/` takes its server from the environment, so that it can be pointed at any S3.
"""

from __future__ import annotations

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


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        settings = f'[s3]\ndomains = ["{DOMAIN}"]\nwebsite_domains = ["{WEBSITE_DOMAIN}"]\n'
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
            )
            code = subprocess.run(command, env=env, check=False).returncode
            if code or server.panics():
                print(server.log_tail(), *server.panics(), sep="\n", file=sys.stderr)
            return code or len(server.panics())
        finally:
            server.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
