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

from .conftest import STORAGE_DOMAIN, USERS

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
}
SECONDS_MAX = 1800


def allowed() -> list[tuple[str, str]]:
    """File and case of each skip that is allowed."""
    lines = (HERE / "allowed_skips.txt").read_text().splitlines()
    named = [line.split("\t")[0] for line in lines if line.strip() and not line.startswith("#")]
    return [(name.split("::")[0], name.split("::")[1]) for name in named]


def write_settings(server: Server, folder: Path) -> Path:
    """The configuration of the suite."""
    secrets = {login: secret for login, secret, _ in USERS}
    lines = [
        "[func_test]",
        "auth_version = 1",
        f"auth_uri = http://127.0.0.1:{server.http_port}/auth/v1.0",
        "collate = C",
        "service_prefix = SERVICE",
        f"storage_domain = {STORAGE_DOMAIN}",
    ]
    for number, login in (("", "test:tester"), ("2", "test2:tester2"), ("3", "test:tester3"),
                          ("5", "test5:tester5"), ("6", "test:tester6")):
        account, user = login.split(":")
        lines += [f"account{number} = {account}"] if number != "3" else []
        lines += [f"username{number} = {user}", f"password{number} = {secrets[login]}"]
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
@pytest.mark.parametrize("file", FILES)
def test_upstream(file: str, swift: Server, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    said = run(file, write_settings(swift, tmp_path), report)
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
    assert not failed, f"{failed}\n{said[-8000:]}\n{swift.log_tail()}"
    patterns = [case for of, case in allowed() if of == file]
    unasked = [name for name in skipped
               if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert not unasked, f"skipped without leave: {unasked}\n{said[-4000:]}"
    idle = [pattern for pattern in patterns
            if not any(fnmatch.fnmatch(name, pattern) for name in skipped)]
    assert not idle, f"allowed and not skipped: {idle}"
    assert passed >= FILES[file], f"only {passed} of {FILES[file]} cases\n{said[-4000:]}"
