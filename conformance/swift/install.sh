#!/usr/bin/env bash
# Gets OpenStack Swift's functional tests, which are in its source package, and what they import.
#
# They are run as they are, from outside; nothing of them becomes part of this repository.
# Promises: idempotent; touches nothing outside .cache.
set -euo pipefail
cd "$(dirname "$0")/../.."

place=.cache/swift
stamp=$place/installed
if cmp -s conformance/swift/requirements.txt "$stamp"; then
  exit 0
fi
printf '== installing OpenStack Swift and its tests under %s\n' "$place"
rm -rf "$place"
mkdir -p "$place"
version=$(sed -n 's/^swift==//p' conformance/swift/requirements.txt)
.cache/venv/bin/python -m venv "$place/venv"
pip() { "$place/venv/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install -r conformance/swift/requirements.txt
pip download "swift==$version" --no-binary swift --no-deps -d "$place"
tar -xzf "$place/swift-$version.tar.gz" -C "$place"
mv "$place/swift-$version" "$place/source"
cp conformance/swift/requirements.txt "$stamp"
