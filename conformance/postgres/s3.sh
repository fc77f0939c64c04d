#!/usr/bin/env bash
# Serves S3 over a catalog in PostgreSQL and runs the S3 suite against it.
#
# Called by run.sh, which gives the server's address in DOLIUM_TEST_POSTGRES.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
bin=${DOLIUM_BIN:-$root/target/debug/dolium}

dir=$(mktemp -d)
pid=""
cleanup() {
  if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT

cat >"$dir/dolium.toml" <<CONFIG
[catalog]
engine = "postgres"
url = { env = "DOLIUM_TEST_POSTGRES" }

[encryption]
keys = ["suite-key"]

[[provider]]
name = "a"
kind = "directory"
options = { path = "$dir/a" }

[[provider]]
name = "b"
kind = "directory"
options = { path = "$dir/b" }

[[array]]
name = "default"
layout = "mirror:2"
providers = ["a", "b"]
CONFIG

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
s3=$(free_port)
http=$(free_port)
export DOLIUM_ROOT_USER=suite DOLIUM_ROOT_PASSWORD=suite-secret
"$bin" config check "$dir/dolium.toml"
"$bin" serve --config "$dir/dolium.toml" --data-dir "$dir/data" --s3-listen "127.0.0.1:$s3" \
  --http-listen "127.0.0.1:$http" >"$dir/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
  curl -sf "http://127.0.0.1:$http/healthz" >/dev/null && break
  kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
  sleep 0.1
done

export DOLIUM_S3_ENDPOINT="http://127.0.0.1:$s3" DOLIUM_ACCESS_KEY=suite DOLIUM_SECRET_KEY=suite-secret
"$bin" user add second --data-dir "$dir/data" --canonical-id "$(printf 'c%.0s' $(seq 64))" \
  --email second@dolium.test --access-key dolium-second --secret-key second-secret-0123456789 >/dev/null
export DOLIUM_SECOND_ACCESS_KEY=dolium-second DOLIUM_SECOND_SECRET_KEY=second-secret-0123456789
export DOLIUM_SECOND_EMAIL=second@dolium.test DOLIUM_ENCRYPTION_KEY=suite-key
DOLIUM_SECOND_ID=$(printf 'c%.0s' $(seq 64))
export DOLIUM_SECOND_ID
(cd conformance && "$root/.cache/venv/bin/python" -m pytest -q -c pytest.ini s3) || {
  tail -n 50 "$dir/log" >&2
  exit 1
}
"$bin" check --data-dir "$dir/data"
kill -TERM "$pid"
wait "$pid"
pid=""
