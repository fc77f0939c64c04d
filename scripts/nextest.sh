#!/usr/bin/env bash
# Runs the tests of all crates, with cargo-nextest where it is there and plain cargo otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --locked "$@"
else
  cargo test --workspace --locked "$@"
fi
