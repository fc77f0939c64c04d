#!/usr/bin/env bash
# Runs tests with cargo-nextest where it is there and with plain cargo otherwise.
# Usage: scripts/nextest.sh [package]   (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."

# One package's tests are chosen from the whole workspace's: built alone, its dependencies would have
# other features and be built again.
if cargo nextest --version >/dev/null 2>&1; then
  if [ $# -gt 0 ]; then
    cargo nextest run --locked --workspace -E "package($1)"
  else
    cargo nextest run --locked --workspace
  fi
else
  if [ $# -gt 0 ]; then
    cargo test --locked -p "$1"
  else
    cargo test --locked --workspace
  fi
fi
