#!/usr/bin/env bash
# Runs the provider contract suite against real services, one of each kind and more:
# moto, s3rver, azurite, gcs, webdav and sftp as serve.sh has them, and
#   dolium   S3 and Swift (TempAuth and Keystone v3): this build itself
# Servers listen on free loopback ports and are ended, by their process ids, when this script ends.
# Usage: conformance/providers/run.sh [server…]
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
here=$repo/conformance/providers
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

# begin SERVER: starts one and waits for it; its port is in $port, its options in $options.
begin() {
  "$here/serve.sh" --install "$1"
  port=$(free_port)
  # Apache's workers are not the user that made this folder.
  chmod 755 "$run"
  "$here/serve.sh" "$1" "$run/$1" "$port" >"$run/$1.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/$1.log"
  options=$(cat "$run/$1/options.json")
}

# contract NAME KIND OPTIONS [VARIABLE…]: runs the suite against a started server.
contract() {
  local name=$1 kind=$2 options=$3 output
  shift 3
  say "contract suite against $name"
  output=$run/$name.out
  if ! env DOLIUM_TEST_PROVIDER="$kind" DOLIUM_TEST_OPTIONS="$options" RUST_BACKTRACE=0 "$@" \
    cargo test --quiet --locked --workspace --test service_contract -- --nocapture >"$output" 2>&1; then
    cat "$output" >&2
    return 1
  fi
  # A skipped suite must not look like a passed one: without this line the script fails.
  grep -o 'RAN:.*' "$output"
}

moto() {
  begin moto
  # moto asks for no signature: a bucket is one request away.
  python3 -c "
import urllib.request
urllib.request.urlopen(urllib.request.Request('http://127.0.0.1:$port/dolium', method='PUT'))"
  contract moto s3 "$options"
}

s3rver() {
  begin s3rver
  contract s3rver s3 "$options" \
    DOLIUM_TEST_KNOWN_DEFECTS=the_first_byte_alone DOLIUM_TEST_WRONG='{"access_key_id": "unknown"}'
}

dolium() {
  local s3 http key=contract-key-0123456789
  s3=$(free_port)
  http=$(free_port)
  local bin=${DOLIUM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug/dolium}
  DOLIUM_ROOT_USER=$key DOLIUM_ROOT_PASSWORD=$key "$bin" serve --data-dir "$run/dolium" \
    --s3-listen "127.0.0.1:$s3" --http-listen "127.0.0.1:$http" >"$run/dolium.log" 2>&1 &
  pids+=($!)
  wait_for "$http" "$!" "$run/dolium.log"
  "$bin" user add ada --swift home:ada --secret-key "$key" --data-dir "$run/dolium" >/dev/null
  local auth="http://127.0.0.1:$http" token url
  curl -sf -D "$run/headers" -H "X-Auth-User: home:ada" -H "X-Auth-Key: $key" "$auth/auth/v1.0"
  token=$(tr -d '\r' <"$run/headers" | sed -n 's/^x-auth-token: //Ip')
  url=$(tr -d '\r' <"$run/headers" | sed -n 's/^x-storage-url: //Ip')
  curl -sf -X PUT -H "X-Auth-Token: $token" "$url/dolium"
  # The container is the bucket of that name.
  contract dolium-s3 s3 \
    "{\"endpoint\": \"http://127.0.0.1:$s3\", \"bucket\": \"dolium\", \"access_key_id\": \"home:ada\", \"secret_access_key\": \"$key\"}" \
    DOLIUM_TEST_WRONG='{"secret_access_key": "wrong"}'
  contract dolium-swift-v1 swift \
    "{\"auth\": \"$auth/auth/v1.0\", \"user\": \"home:ada\", \"key\": \"$key\", \"container\": \"dolium\"}" \
    DOLIUM_TEST_WRONG='{"key": "wrong"}'
  contract dolium-swift-token swift \
    "{\"endpoint\": \"$url\", \"token\": \"$token\", \"container\": \"dolium\"}" DOLIUM_TEST_WRONG='{"token": "wrong"}'
  contract dolium-swift-v3 swift \
    "{\"auth\": \"$auth/v3\", \"user\": \"ada\", \"project\": \"home\", \"key\": \"$key\", \"container\": \"dolium\"}" \
    DOLIUM_TEST_WRONG='{"key": "wrong"}'
}

azurite() {
  begin azurite
  python3 "$here/azure_container.py" "$run/azurite/options.json"
  contract azurite azblob "$options" DOLIUM_TEST_WRONG='{"account_key": "d3Jvbmc="}'
}

# As with Google, but for the condition, which its emulator knows of simple uploads only; then without it.
gcs() {
  begin gcs
  contract gcs gcs "$options" DOLIUM_TEST_KNOWN_DEFECTS=a_name_is_put_once,of_many_puts_one_wins
  contract gcs-unconditional gcs "${options%\}}, \"conditional_put\": \"false\"}"
}

webdav() {
  begin webdav
  contract webdav webdav "$options" DOLIUM_TEST_WRONG='{"password": "wrong"}'
}

sftp() {
  begin sftp
  contract sftp sftp "$options"
}

cd "$repo"
"$here/serve.sh" --install
[ $# -gt 0 ] || set -- moto s3rver dolium azurite gcs webdav sftp
for server in "$@"; do
  case $server in
    moto | s3rver | dolium | azurite | gcs | webdav | sftp)
      "$server"
      ;;
    *)
      echo "unknown server $server: use moto, s3rver, dolium, azurite, gcs, webdav or sftp" >&2
      exit 2
      ;;
  esac
done
say "all passed"
