"""Waiting for what a server does in its own time.

Promises: ends; says what was seen last when that never became what was expected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Days end at multiples of their length, and a slow machine needs a while to act on it.
WAIT_SECONDS_MAX = 30.0


def wait_for(what: Callable[[], Any], expected: Any) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while (seen := what()) != expected:
        assert time.monotonic() < deadline, f"{seen} did not become {expected}"
        time.sleep(0.1)
