#!/usr/bin/env bash
# Runs tests with cargo-nextest where it is there and with plain cargo otherwise.
# Usage: scripts/nextest.sh [package]   (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."

# ISA-L is the oracle of the erasure codec's tests. Where Debian's package cannot be had they do without.
if ! ldconfig -p 2>/dev/null | grep -q libisal.so.2 && command -v apt-get >/dev/null; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update -qq || true
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libisal2 >/dev/null || true
fi
if ldconfig -p 2>/dev/null | grep -q libisal.so.2; then
  export DOLIUM_ISAL=required
fi

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
