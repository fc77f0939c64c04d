#!/usr/bin/env bash
# Measures Dolium and a peer with the same scenarios, one after the other, in the same run.
#
#   bench/run.sh [scenario,scenario…]      results below target/bench/results
#
# The peer is s3s-fs: the same S3 layer over plain files, without fsync, redundancy or encryption,
# so it shows what a plain disk behind the same protocol costs here. With S3RVER=1 s3rver (Node) runs too.
# GARAGE names a binary of Garage, built from its source with `cargo build --release`: it runs twice, with
# its default durability and with fsync of data and metadata. ROUNDS=n does everything n times, in turns.
# Needs: cargo, curl; npm for s3rver. Every process that is started is ended by its own id.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
results=${BENCH_RESULTS:-$target/bench/results}
seconds=${BENCH_SECONDS:-20}
s3s_fs_version=0.14.1
export AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench-secret-of-some-length
scenarios=${1:+--scenarios "$1"}
mkdir -p "$results"
work=$(mktemp -d "${TMPDIR:-/tmp}/dolium-bench.XXXXXX")
pid=
stop() {
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    pid=
}
trap 'stop; rm -rf "$work"' EXIT

# Waits until something answers HTTP on a port.
answers() {
    for _ in $(seq 100); do
        if curl -s -o "$work/answer" "http://127.0.0.1:$1/"; then return 0; fi
        sleep 0.1
    done
    echo "nothing answers on port $1" >&2
    return 1
}

# measure NAME PORT: all scenarios against the server whose id is in $pid.
measure() {
    answers "$2"
    echo "== $1 (load $(cut -d' ' -f1 /proc/loadavg))"
    # shellcheck disable=SC2086
    "$target/release/dolium-bench" load --name "$1" --endpoint "127.0.0.1:$2" --pid "$pid" \
        --seconds-max "$seconds" --json "$results/$1.json" $scenarios
    stop
}

# Together: each alone would resolve other features and compile half the dependencies again.
[ -n "${BENCH_BUILT:-}" ] || cargo build --release -p dolium -p dolium-bench
if [ -z "${NO_S3S_FS:-}" ] && [ ! -x .cache/bin/s3s-fs ]; then
    cargo install --root .cache --locked --features binary --version "$s3s_fs_version" s3s-fs
fi

# A virtual machine's memory is slow when it is touched for the first time; no server should pay for it.
if [ -z "${BENCH_COLD:-}" ]; then
    size=$(awk '/^MemAvailable/ {print int($2 * 0.8)}' /proc/meminfo)
    head -c "${size}K" /dev/zero | tail -c "${size}K" >/dev/null
fi

dolium() {
    DOLIUM_ROOT_USER=$AWS_ACCESS_KEY_ID DOLIUM_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY \
        "$target/release/dolium" serve --data-dir "$work/dolium" \
        --s3-listen 127.0.0.1:19000 --http-listen 127.0.0.1:19001 >"$work/dolium.log" 2>&1 &
    pid=$!
    measure dolium 19000
}

s3s_fs() {
    mkdir "$work/s3s-fs"
    RUST_LOG=error .cache/bin/s3s-fs --host 127.0.0.1 --port 19002 --access-key "$AWS_ACCESS_KEY_ID" \
        --secret-key "$AWS_SECRET_ACCESS_KEY" "$work/s3s-fs" >"$work/s3s-fs.log" 2>&1 &
    pid=$!
    measure s3s-fs 19002
}

s3rver() {
    [ -d .cache/npm/node_modules/s3rver ] || npm install --prefix .cache/npm --no-audit --no-fund s3rver@3
    mkdir "$work/s3rver"
    cat >"$work/s3rver.js" <<'JS'
const base = process.argv[2];
const S3rver = require(base + '/node_modules/s3rver');
const { DUMMY_ACCOUNT } = require(base + '/node_modules/s3rver/lib/models/account');
DUMMY_ACCOUNT.createKeyPair(process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SECRET_ACCESS_KEY);
new S3rver({ address: '127.0.0.1', port: 19003, silent: true, directory: process.argv[3] }).run();
JS
    node "$work/s3rver.js" "$PWD/.cache/npm" "$work/s3rver" >"$work/s3rver.log" 2>&1 &
    pid=$!
    measure s3rver 19003
}

# garage NAME FSYNC: one node, its default engine, one copy.
garage() {
    local dir=$work/$1 log=$work/$1.log key
    mkdir "$dir"
    cat >"$dir/garage.toml" <<TOML
metadata_dir = "$dir/meta"
data_dir = "$dir/data"
metadata_fsync = $2
data_fsync = $2
replication_factor = 1
rpc_bind_addr = "127.0.0.1:19005"
rpc_public_addr = "127.0.0.1:19005"
rpc_secret = "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
[s3_api]
s3_region = "us-east-1"
api_bind_addr = "127.0.0.1:19004"
TOML
    export GARAGE_CONFIG_FILE=$dir/garage.toml
    RUST_LOG=error "$GARAGE" server >"$log" 2>&1 &
    pid=$!
    answers 19004
    "$GARAGE" layout assign -z here -c 100G "$("$GARAGE" node id -q | cut -d@ -f1)" >>"$log" 2>&1
    "$GARAGE" layout apply --version 1 >>"$log" 2>&1
    key=$("$GARAGE" key create bench 2>>"$log")
    "$GARAGE" key allow --create-bucket bench >>"$log" 2>&1
    AWS_ACCESS_KEY_ID=$(awk '/^Key ID/ {print $3}' <<<"$key") \
        AWS_SECRET_ACCESS_KEY=$(awk '/^Secret key/ {print $3}' <<<"$key") measure "$1" 19004
}

servers=(dolium)
[ -n "${NO_S3S_FS:-}" ] || servers+=(s3s-fs)
[ -z "${S3RVER:-}" ] || servers+=(s3rver)
[ -z "${GARAGE:-}" ] || servers+=(garage garage-fsync)
for round in $(seq "${ROUNDS:-1}"); do
    files=()
    for server in "${servers[@]}"; do
        case $server in
            dolium) dolium ;;
            s3s-fs) s3s_fs ;;
            s3rver) s3rver ;;
            garage) garage garage false ;;
            garage-fsync) garage garage-fsync true ;;
        esac
        rm -rf "${work:?}/$server"
        mv "$results/$server.json" "$results/$server.$round.json"
        files+=("$results/$server.$round.json")
    done
    "$target/release/dolium-bench" table "${files[@]}" | tee "$results/table.$round.md"
done
