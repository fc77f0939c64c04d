#!/usr/bin/env bash
# Runs the black-box suites against the real binary.
#
# Usage: conformance/run.sh [suite…]
#   suites  s3 swift pithos clients resilience membership mixed crash recovery memory notify raid (the default),
#           several (over a PostgreSQL of its own), postgres providers (they drive cargo, not the binary)
# Environment
#   DOLIUM_BIN           the binary; default target/debug/dolium, built when it is missing
#   DOLIUM_CRASH_ROUNDS  rounds of the crash suite, default 100
#   DOLIUM_SEVERAL_ROUNDS  kills in the suite of several servers, default 20
#   DOLIUM_SEED          replays the random choices of the crash and resilience suites
#   DOLIUM_PYTEST_ARGS   more arguments for pytest
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

conformance/install.sh

if [ -z "${DOLIUM_BIN:-}" ]; then
  DOLIUM_BIN=${CARGO_TARGET_DIR:-$root/target}/debug/dolium
  cargo build --quiet -p dolium
fi
DOLIUM_BIN=$(realpath "$DOLIUM_BIN")
export DOLIUM_BIN
export PATH="$root/.cache/venv/bin:$PATH"

[ $# -gt 0 ] || set -- s3 swift pithos clients resilience membership mixed crash recovery memory notify raid

failed=()
for suite in "$@"; do
  printf '== %s\n' "$suite"
  started=$SECONDS
  case $suite in
    postgres | providers)
      "conformance/$suite/run.sh" || failed+=("$suite")
      ;;
    s3)
      # That suite takes a server by its environment, so that it can be pointed at any other.
      (cd conformance && python -m harness.serve_for python -m pytest -q \
        -c pytest.ini ${DOLIUM_PYTEST_ARGS:-} s3) || failed+=(s3)
      ;;
    swift)
      conformance/swift/install.sh
      (cd conformance && python -m pytest -q -c pytest.ini ${DOLIUM_PYTEST_ARGS:-} swift) ||
        failed+=(swift)
      ;;
    raid)
      conformance/raid/install.sh
      (cd conformance && python -m pytest -q -c pytest.ini ${DOLIUM_PYTEST_ARGS:-} raid) ||
        failed+=(raid)
      ;;
    several)
      conformance/postgres/run.sh bash -c "cd conformance && python -m pytest -q -c pytest.ini \
        ${DOLIUM_PYTEST_ARGS:-} several" || failed+=(several)
      ;;
    pithos | clients | resilience | membership | mixed | crash | recovery | memory | notify)
      (cd conformance && python -m pytest -q -c pytest.ini ${DOLIUM_PYTEST_ARGS:-} "$suite") ||
        failed+=("$suite")
      ;;
    *)
      echo "unknown suite $suite" >&2
      exit 2
      ;;
  esac
  printf '== %s took %d s\n' "$suite" $((SECONDS - started))
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]}" >&2
  exit 1
fi
echo "== all suites passed"
