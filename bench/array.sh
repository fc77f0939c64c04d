#!/usr/bin/env bash
# Measures an array of five members beside rclone's union with crypt; see bench/arrays.py.
#
#   bench/array.sh [--part directories|frozen|repair|requests]… [--mib N] [--small N] [--rounds N]
#
#   DOLIUM_BIN=FILE   the binary to measure; without it the release build is made and used
# Needs: cargo without DOLIUM_BIN; what conformance/install.sh installs; Apache (apt).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${DOLIUM_BIN:-}" ]; then
    cargo build --release --locked -p dolium
    DOLIUM_BIN=${CARGO_TARGET_DIR:-target}/release/dolium
fi
DOLIUM_BIN=$(realpath "$DOLIUM_BIN")
export DOLIUM_BIN
conformance/install.sh
conformance/providers/serve.sh --install webdav
exec .cache/venv/bin/python bench/arrays.py "$@"
