"""The fixtures of this suite are those of the harness."""

from harness.fixtures import (  # noqa: F401
    bucket,
    pytest_runtest_makereport,
    rng,
    s3,
    shared_server,
    start,
    tools,
)
