"""Settings for the outside clients: boto3, minio-py, AWS CLI, rclone, s3cmd, restic, duplicity, curl.

Promises: no client reads the user's own configuration; failures of a client show its output.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from minio import Minio

from .server import ACCESS_KEY, SECRET_KEY

REGION = "us-east-1"


def s3_client(
    endpoint: str,
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    attempts: int = 1,
    timeout: float = 60,
    connections: int = 32,
) -> Any:
    """A boto3 client; by default it does not retry, so that the server's answers are seen."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=connections,
            connect_timeout=5,
            read_timeout=timeout,
        ),
    )


def minio_client(endpoint: str) -> Minio:
    return Minio(endpoint.removeprefix("http://"), ACCESS_KEY, SECRET_KEY, secure=False)


def open_to_acls(s3: Any, bucket: str) -> None:
    """Lets ACLs and policies of a bucket count: new buckets keep both shut."""
    s3.delete_public_access_block(Bucket=bucket)
    owned = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owned)


@dataclass(frozen=True)
class Tools:
    """Runs command line clients against one server, with their settings under `home`."""

    endpoint: str
    home: Path

    def environment(self) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_"))}
        env.update(
            HOME=str(self.home),
            AWS_ACCESS_KEY_ID=ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            AWS_DEFAULT_REGION=REGION,
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_EC2_METADATA_DISABLED="true",
            RCLONE_CONFIG_DOLIUM_TYPE="s3",
            RCLONE_CONFIG_DOLIUM_PROVIDER="Other",
            RCLONE_CONFIG_DOLIUM_ENDPOINT=self.endpoint,
            RCLONE_CONFIG_DOLIUM_REGION=REGION,
            RCLONE_CONFIG_DOLIUM_ACCESS_KEY_ID=ACCESS_KEY,
            RCLONE_CONFIG_DOLIUM_SECRET_ACCESS_KEY=SECRET_KEY,
            RCLONE_CONFIG_DOLIUM_FORCE_PATH_STYLE="true",
            RCLONE_CONFIG=str(self.home / "rclone.conf"),
            RESTIC_PASSWORD="conformance",
            RESTIC_CACHE_DIR=str(self.home / "restic-cache"),
        )
        return env

    def run(self, *words: str | Path, timeout: float = 300) -> str:
        """Runs a client to its end; gives its standard output."""
        command = [str(word) for word in words]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment(),
            cwd=self.home,
            check=False,
        )
        report = f"{' '.join(command)}\nexit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == 0, report
        return done.stdout

    def aws(self, *words: str | Path, timeout: float = 300) -> str:
        return self.run("aws", *words, timeout=timeout)

    def rclone(self, *words: str | Path) -> str:
        return self.run("rclone", "--retries", "1", "--low-level-retries", "1", *words)

    def s3cmd(self, *words: str | Path) -> str:
        config = self.home / "s3cfg"
        if not config.exists():
            host = self.endpoint.removeprefix("http://")
            config.write_text(
                f"[default]\naccess_key = {ACCESS_KEY}\nsecret_key = {SECRET_KEY}\n"
                f"host_base = {host}\nhost_bucket = {host}\nuse_https = False\n"
                f"bucket_location = {REGION}\nmax_retries = 1\n"
            )
        return self.run("s3cmd", "--config", config, "--no-progress", *words)

    def restic(self, bucket: str, *words: str | Path) -> str:
        return self.run("restic", "--repo", f"s3:{self.endpoint}/{bucket}/repository", *words)

    def duplicity(self, *words: str | Path) -> str:
        where = ("--s3-endpoint-url", self.endpoint, "--s3-region-name", REGION, "--no-encryption")
        return self.run("duplicity", *words, *where)

    def curl(self, url: str, *words: str | Path) -> tuple[int, bytes]:
        """Fetches without any credentials but what the URL carries; gives status and body."""
        command = ["curl", "--silent", "--show-error", "--write-out", "%{stderr}%{http_code}"]
        done = subprocess.run(
            [*command, *(str(word) for word in words), url],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"curl {url}: {done}"
        return int(done.stderr), done.stdout
