"""Storage services of others on loopback: moto and s3rver (S3), Azurite, Apache (WebDAV), OpenSSH (SFTP).

Promises: each listens on a free port and ends, by its own process id, with the test that started it; it can be
stopped and started again on the same port with what it keeps.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from harness.server import free_port

START_SECONDS_MAX = 30.0
CACHE = Path(__file__).parents[2] / ".cache/conformance"
MOTO = CACHE / "moto/bin/moto_server"
NODE = CACHE / "node/node_modules/.bin"
# The account and key that every Azurite has; they are no secret.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Process:
    """A server in the foreground."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment()
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                said = (self.folder / "log").read_text(errors="replace")
                assert self.process.poll() is None, f"the server ended: {said}"
                assert time.monotonic() < deadline, f"the server did not start: {said}"
                time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class Moto(Process):
    """S3, of which everything is gone when it stops."""

    def command(self) -> list[str]:
        return [str(MOTO), "-H", "127.0.0.1", "-p", str(self.port)]

    def options(self, **more: str) -> dict[str, str]:
        endpoint = f"http://127.0.0.1:{self.port}"
        return {"endpoint": endpoint, "access_key_id": "any", "secret_access_key": "any", **more}


class S3rver(Process):
    """S3 that lists in the order of a tree."""

    def command(self) -> list[str]:
        words = ["--address", "127.0.0.1", "--port", str(self.port), "--directory", str(self.folder), "--silent"]
        return [str(NODE / "s3rver"), *words]

    def environment(self) -> dict[str, str]:
        # Its continuation tokens use a cipher that today's OpenSSL keeps in its legacy provider.
        return {**os.environ, "NODE_OPTIONS": "--openssl-legacy-provider"}

    def options(self, **more: str) -> dict[str, str]:
        endpoint = f"http://127.0.0.1:{self.port}"
        keys = {"access_key_id": "S3RVER", "secret_access_key": "S3RVER"}
        return {"endpoint": endpoint, **keys, "ordered_list": "false", **more}


class Azurite(Process):
    """Azure Blob."""

    def command(self) -> list[str]:
        words = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", str(self.folder)]
        return [str(NODE / "azurite-blob"), *words, "--skipApiVersionCheck", "--disableTelemetry", "--silent"]

    def options(self, container: str) -> dict[str, str]:
        """Options of a container, which is made."""
        endpoint = f"http://127.0.0.1:{self.port}/{AZURE_ACCOUNT}"
        script = Path(__file__).parents[1] / "providers/azure_container.py"
        keys = {"account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY}
        options = {"endpoint": endpoint, "container": container, **keys}
        file = self.folder / "options.json"
        file.write_text(json.dumps(options))
        subprocess.run([sys.executable, str(script), str(file)], check=True, capture_output=True)
        return options


class Webdav(Process):
    """Apache with a password."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        users = folder / "users"
        subprocess.run(["htpasswd", "-cbB", str(users), "ada", "secret"], check=True, capture_output=True)
        owner = ""
        if os.getuid() == 0:
            # Apache started by root gives its workers away.
            for path in (folder, self.files, users):
                shutil.chown(path, "www-data", "www-data")
            for parent in folder.parents:
                if parent != Path("/") and parent.stat().st_uid == os.getuid():
                    parent.chmod(parent.stat().st_mode | 0o055)
            owner = "User www-data\nGroup www-data\n"
        modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs"]
        loaded = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules)
        (folder / "apache.conf").write_text(
            f"ServerRoot {folder}\nServerName 127.0.0.1\nListen 127.0.0.1:{self.port}\nPidFile {folder}/pid\n"
            f"ErrorLog {folder}/error.log\n{owner}{loaded}DavLockDB {folder}/lock\nDocumentRoot {self.files}\n"
            f"AllowEncodedSlashes On\n<Directory {self.files}>\n  Dav On\n  AuthType Basic\n  AuthName dolium\n"
            f"  AuthUserFile {users}\n  Require valid-user\n</Directory>\n"
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/apache2", "-X", "-f", str(self.folder / "apache.conf")]

    def options(self, **more: str) -> dict[str, str]:
        endpoint = f"http://127.0.0.1:{self.port}"
        return {"endpoint": endpoint, "username": "ada", "password": "secret", **more}


class Sftp(Process):
    """OpenSSH with a key."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\n"
            "Subsystem sftp internal-sftp\n"
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "config")]

    def options(self, **more: str) -> dict[str, str]:
        return {
            "endpoint": f"ssh://127.0.0.1:{self.port}",
            "user": getpass.getuser(),
            "key": str(self.folder / "key"),
            "known_hosts_strategy": "accept",
            "root": str(self.files / "raid"),
            **more,
        }
