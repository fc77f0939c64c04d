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


def running(service: Callable[[Path], Process], folder: Path) -> Iterator[Process]:
    """A service in a folder of its own, until the test ends."""
    folder.mkdir()
    process = service(folder)
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
    yield from running(Moto, tmp_path / "moto")


@pytest.fixture
def s3rver(tmp_path: Path) -> Iterator[Process]:
    yield from running(S3rver, tmp_path / "s3rver")


@pytest.fixture
def azurite(tmp_path: Path) -> Iterator[Process]:
    yield from running(Azurite, tmp_path / "azurite")


@pytest.fixture
def webdav(open_path: Path) -> Iterator[Process]:
    yield from running(Webdav, open_path / "webdav")


@pytest.fixture
def sftp(open_path: Path) -> Iterator[Process]:
    yield from running(Sftp, open_path / "sftp")


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
