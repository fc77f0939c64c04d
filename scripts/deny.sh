#!/usr/bin/env bash
# Checks licences, bans and sources of all dependencies, where cargo-deny is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "cargo-deny is not installed: licences and bans are not checked (cargo install cargo-deny)"
  exit 0
fi
cargo deny --offline check bans licenses sources
