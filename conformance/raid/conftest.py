"""The fixtures of the harness, and services of others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.fixtures import pytest_runtest_makereport, rng, start  # noqa: F401

from .array import Array
from .services import Azurite, Moto, Process, S3rver, Sftp, Webdav
from .wire import Wire


def running(process: Process) -> Iterator[Process]:
    process.start()
    yield process
    process.stop()


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that other users may pass, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="dolium-raid-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Process]:
    folder = tmp_path / "moto"
    folder.mkdir()
    yield from running(Moto(folder))


@pytest.fixture
def s3rver(tmp_path: Path) -> Iterator[Process]:
    folder = tmp_path / "s3rver"
    folder.mkdir()
    yield from running(S3rver(folder))


@pytest.fixture
def azurite(tmp_path: Path) -> Iterator[Process]:
    folder = tmp_path / "azurite"
    folder.mkdir()
    yield from running(Azurite(folder))


@pytest.fixture
def webdav(open_path: Path) -> Iterator[Process]:
    folder = open_path / "webdav"
    folder.mkdir()
    yield from running(Webdav(folder))


@pytest.fixture
def sftp(open_path: Path) -> Iterator[Process]:
    folder = open_path / "sftp"
    folder.mkdir()
    yield from running(Sftp(folder))


@pytest.fixture
def wire() -> Iterator[Callable[[int], Wire]]:
    """Makes wires: `wire(port)`."""
    made: list[Wire] = []

    def make(to: int) -> Wire:
        made.append(Wire(to))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def disks(tmp_path: Path) -> Array:
    """A mirror of two directories."""
    array = Array(tmp_path, "disks")
    for name in ("a", "b"):
        array.directory(name, tmp_path / name)
    return array
