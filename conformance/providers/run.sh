#!/usr/bin/env bash
# Runs the provider contract suite against real S3 servers that nobody here wrote:
#   moto    (PyPI, knows If-None-Match on PUT)
#   s3rver  (npm; refuses unknown access keys; ignores If-None-Match, lists in the order of a tree,
#            and answers bytes=0-0 with everything)
# Servers are installed under .cache/ of the repository, listen on free loopback ports and are ended,
# by their process ids, when this script ends.
# Usage: conformance/providers/run.sh [moto] [s3rver]
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
cache=$repo/.cache/conformance
venv=$cache/moto
node=$cache/s3rver
run=$(mktemp -d)
pids=()

finish() {
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$run"
}
trap finish EXIT

say() { printf '== %s\n' "$*"; }

# need COMMAND PACKAGE: installs a Debian package when its command is missing.
need() {
  command -v "$1" >/dev/null && return
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  say "installing $2"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for PORT PID LOG: until the server answers, at most 30 s.
wait_for() {
  for _ in $(seq 150); do
    if python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 1)" 2>/dev/null; then
      return
    fi
    kill -0 "$2" 2>/dev/null || break
    sleep 0.2
  done
  echo "the server did not start:" >&2
  cat "$3" >&2
  return 1
}

start_moto() {
  need python3 python3
  # The venv module exists without ensurepip where python3-venv is not installed.
  python3 -c 'import ensurepip' 2>/dev/null || need /nonexistent python3-venv
  if [ ! -x "$venv/bin/moto_server" ]; then
    say "installing moto under ${venv#"$repo"/}"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]'
  fi
  port=$(free_port)
  "$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$run/moto.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/moto.log"
  # moto asks for no signature: a bucket is one request away.
  python3 -c "
import urllib.request
urllib.request.urlopen(urllib.request.Request('http://127.0.0.1:$port/dolium', method='PUT'))"
}

start_s3rver() {
  need python3 python3
  need node nodejs
  need npm npm
  if [ ! -x "$node/node_modules/.bin/s3rver" ]; then
    say "installing s3rver under ${node#"$repo"/}"
    mkdir -p "$node"
    npm install --silent --no-fund --no-audit --prefix "$node" s3rver@3
  fi
  port=$(free_port)
  mkdir -p "$run/s3rver"
  # Its continuation tokens use a cipher that today's OpenSSL keeps in its legacy provider.
  NODE_OPTIONS=--openssl-legacy-provider \
    "$node/node_modules/.bin/s3rver" --address 127.0.0.1 --port "$port" --directory "$run/s3rver" \
    --configure-bucket dolium --silent >"$run/s3rver.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/s3rver.log"
}

# contract NAME PORT VARIABLE...: runs the suite against a started server.
contract() {
  local name=$1 port=$2 output
  shift 2
  say "contract suite against $name on port $port"
  output=$run/$name.out
  if ! env DOLIUM_TEST_S3_ENDPOINT="http://127.0.0.1:$port" DOLIUM_TEST_S3_BUCKET=dolium \
    DOLIUM_TEST_S3_ACCESS_KEY=S3RVER DOLIUM_TEST_S3_SECRET_KEY=S3RVER RUST_BACKTRACE=0 "$@" \
    cargo test --quiet --locked --workspace --test s3_contract -- --nocapture >"$output" 2>&1; then
    cat "$output" >&2
    return 1
  fi
  # A skipped suite must not look like a passed one: without this line the script fails.
  grep -o 'RAN:.*' "$output"
}

cd "$repo"
[ $# -gt 0 ] || set -- moto s3rver
for server in "$@"; do
  case $server in
    moto)
      start_moto
      contract moto "$port"
      ;;
    s3rver)
      start_s3rver
      contract s3rver "$port" DOLIUM_TEST_S3_CONDITIONAL_PUT=false \
        DOLIUM_TEST_S3_ORDERED_LIST=false \
        DOLIUM_TEST_S3_DENIES=1 DOLIUM_TEST_S3_KNOWN_DEFECTS=the_first_byte_alone
      ;;
    *)
      echo "unknown server $server: use moto or s3rver" >&2
      exit 2
      ;;
  esac
done
say "all passed"
