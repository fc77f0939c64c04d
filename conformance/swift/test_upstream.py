"""OpenStack Swift's own functional tests, unmodified, against the real binary.

Promises: a failure fails; so does a skip that `allowed_skips.txt` does not name, and a line there that
no skip needs any more.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.server import Server

from .conftest import STORAGE_DOMAIN, USERS, add_user, swift_server

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLACE = ROOT / ".cache" / "swift"
# The files of the suite, and how many cases of each must pass.
FILES = {
    "tests.py": 214,
    "test_account.py": 26,
    "test_container.py": 29,
    "test_object.py": 27,
    "test_dlo.py": 32,
    "test_protocol.py": 4,
    "test_slo.py": 110,
    "test_tempurl.py": 75,
    "test_staticweb.py": 53,
    "test_symlink.py": 104,
    "test_domain_remap.py": 4,
    "test_versioned_writes.py": 51,
    "test_object_versioning.py": 120,
}
# The same for logins by version 3 of Keystone's protocol.
FILES_BY_KEYSTONE = {
    "tests.py": 216,
    "test_account.py": 18,
    "test_container.py": 21,
    "test_object.py": 24,
    "test_tempurl.py": 71,
    "test_access_control.py": 5,
}
# Swift's tests of its own S3, against the S3 of this server.
FILES_OF_S3 = {
    "s3api/test_acl.py": 8,
    "s3api/test_bucket.py": 32,
    "s3api/test_multi_delete.py": 6,
    "s3api/test_multi_upload.py": 18,
    "s3api/test_object.py": 63,
    "s3api/test_presigned.py": 4,
    "s3api/test_service.py": 4,
    "s3api/test_versioning.py": 2,
}
CASES = [("v1", file, least) for file, least in FILES.items()]
CASES += [("v3", file, least) for file, least in FILES_BY_KEYSTONE.items()]
CASES += [("s3", file, least) for file, least in FILES_OF_S3.items()]
SECONDS_MAX = 1800


def allowed(auth: str, file: str) -> list[str]:
    """The cases of a file that may be skipped."""
    lines = (HERE / "allowed_skips.txt").read_text().splitlines()
    named = [line.split("\t")[0] for line in lines if line.strip() and not line.startswith("#")]
    begins = f"{auth}/{file}::"
    return [name.removeprefix(begins) for name in named if name.startswith(begins)]


def write_settings(server: Server, folder: Path, auth: str, file: str) -> Path:
    """The configuration of the suite."""
    secrets = {login: secret for login, secret, _ in USERS}
    uri = "v3" if auth == "v3" else "auth/v1.0"
    lines = [
        "[func_test]",
        f"auth_version = {'3' if auth == 'v3' else '1'}",
        f"auth_uri = http://127.0.0.1:{server.http_port}/{uri}",
        "collate = C",
        "service_prefix = SERVICE",
        f"storage_domain = {STORAGE_DOMAIN}",
    ]
    users = [("", "test:tester"), ("2", "test2:tester2"), ("3", "test:tester3"),
             ("5", "test5:tester5"), ("6", "test:tester6")]
    if file == "test_access_control.py":
        # Elsewhere it must be a user of another domain, and there is only one.
        add_user(server, "test4:tester4", "testing-testing4", "admin")
        secrets["test4:tester4"] = "testing-testing4"
        users += [("4", "test4:tester4")]
    for number, login in users:
        account, user = login.split(":")
        lines += [f"account{number} = {account}"] if number != "3" or auth == "v3" else []
        lines += [f"username{number} = {user}", f"password{number} = {secrets[login]}"]
        lines += [f"domain{number} = Default"] if auth == "v3" else []
        if auth == "s3":
            lines += [f"s3_access_key{number} = {login}", f"s3_secret_key{number} = {secrets[login]}"]
    lines += [f"s3_storage_url = {server.endpoint}"] if auth == "s3" else []
    file = folder / "test.conf"
    file.write_text("\n".join(lines) + "\n")
    return file


def run(file: str, settings: Path, report: Path) -> str:
    """Runs one file of the suite; gives what it said."""
    env = dict(os.environ, SWIFT_TEST_IN_PROCESS="0", SWIFT_TEST_CONFIG_FILE=str(settings))
    env.pop("PYTHONPATH", None)
    words = [str(PLACE / "venv/bin/python"), "-m", "pytest", "-p", "no:cacheprovider"]
    words += ["--timeout=600", "-q", "--tb=short", f"--junitxml={report}"]
    done = subprocess.run(
        [*words, f"test/functional/{file}"],
        cwd=PLACE / "source",
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.stdout


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize(("auth", "file", "least"), CASES, ids=[f"{auth}/{file}" for auth, file, _ in CASES])
def test_upstream(auth: str, file: str, least: int, tmp_path: Path) -> None:
    # With Keystone the suite wants to be told that owners do not make their accounts.
    more = {"v3": "account_management = false\n", "s3": "[s3]\nsigv2 = true\n[swift]\n"}.get(auth, "")
    swift = swift_server(tmp_path, more)
    try:
        check(swift, auth, file, least, tmp_path)
    finally:
        swift.end()
    assert not swift.panics(), swift.panics()


def check(swift: Server, auth: str, file: str, least: int, tmp_path: Path) -> None:
    """Runs a file of the suite against a server and compares what passed with what should."""
    report = tmp_path / "report.xml"
    said = run(file, write_settings(swift, tmp_path, auth, file), report)
    assert report.is_file(), said[-4000:]
    passed, skipped, failed = 0, [], []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').rsplit('.', 1)[-1]}.{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is not None:
            skipped.append(name)
        else:
            passed += 1
    patterns = allowed(auth, file)
    if auth == "s3":
        # What fails where Swift's S3 is not AWS's is named as well as what is skipped.
        named = [name for name in failed if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
        failed, skipped = [name for name in failed if name not in named], skipped + named
    assert not failed, f"{failed}\n{said[-8000:]}\n{swift.log_tail()}"
    unasked = [name for name in skipped
               if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert not unasked, f"skipped without leave: {unasked}\n{said[-4000:]}"
    idle = [pattern for pattern in patterns
            if not any(fnmatch.fnmatch(name, pattern) for name in skipped)]
    assert not idle, f"allowed and not skipped: {idle}"
    assert passed >= least, f"only {passed} of {least} cases\n{said[-4000:]}"
