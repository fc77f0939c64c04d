#!/usr/bin/env bash
# Runs tests with cargo-nextest where it is there and with plain cargo otherwise.
# Usage: scripts/nextest.sh [argument…]   (default: --workspace)
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- --workspace
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked "$@"
else
  cargo test --locked "$@"
fi
