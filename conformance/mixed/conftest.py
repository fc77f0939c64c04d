"""The fixtures of this suite are those of the harness, and five services of five kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.fixtures import pytest_runtest_makereport, rng, start  # noqa: F401
from harness.services import Service, five_kinds


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[Service]]:
    """Running services, their containers made; they end with the test."""
    # Apache's workers are another user.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    made = five_kinds(tmp_path / "services")
    try:
        for service in made:
            service.start()
        yield made
    finally:
        for service in made:
            service.end()
