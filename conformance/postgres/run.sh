#!/usr/bin/env bash
# Runs the catalog's suite against a private PostgreSQL server.
#
# Installs PostgreSQL with apt when it is missing, makes a cluster in a temporary directory as an
# unprivileged user (initdb refuses root), starts it on a free loopback port, runs the tests, stops it.
# Usage: conformance/postgres/run.sh [command…]   (default: the catalog's tests, then S3 over it)
set -euo pipefail
cd "$(dirname "$0")/../.."

find_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

bin=$(find_bin)
if [ -z "$bin" ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
  bin=$(find_bin)
fi

dir=$(mktemp -d)
pid=""
cleanup() {
  # SIGINT is PostgreSQL's fast shutdown. Only the process started here is ever signalled.
  if [ -n "$pid" ] && kill -INT "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT

as_user=()
if [ "$(id -u)" = 0 ]; then
  user=nobody
  id postgres >/dev/null 2>&1 && user=postgres
  chown "$user" "$dir"
  as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
fi

# A port that is free now; never 5432, which may be somebody's real server.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

"${as_user[@]}" "$bin/initdb" -D "$dir/data" -U dolium -A trust -E UTF8 --locale=C.UTF-8 >"$dir/initdb.log"
"${as_user[@]}" "$bin/postgres" -D "$dir/data" -p "$port" -h 127.0.0.1 -k "$dir" \
  >"$dir/server.log" 2>&1 &
pid=$!
for _ in $(seq 100); do
  "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && break
  kill -0 "$pid" 2>/dev/null || { cat "$dir/server.log" >&2; exit 1; }
  sleep 0.1
done

export DOLIUM_TEST_POSTGRES="postgres://dolium@127.0.0.1:$port/postgres"
if [ $# -gt 0 ]; then
  "$@"
else
  scripts/nextest.sh dolium-catalog
  conformance/postgres/s3.sh
fi
