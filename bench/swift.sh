#!/usr/bin/env bash
# Measures Dolium beside OpenStack Swift, over Swift's API, with the same load generator, in the same run.
#
#   bench/swift.sh [scenario,scenario…]    results below target/bench/swift; without scenarios:
#                                          put-4k,get-4k (16 clients) and put-64m,get-64m (4 clients)
#   BENCH_SECONDS=n   the most time a scenario takes (20)
#   ROUNDS=n          everything n times, in turns (1)
#   BENCH_BUILT=1     uses what is built; BENCH_PROFILE=debug the debug build, to try the script
#
# Swift is one node: a proxy, an account, a container and an object server from PyPI, each with two workers
# (WORKERS), memcached for its tokens and caches, no background daemons, no rate limits, logs off. Its rings
# hold three replicas on three devices, which are folders of one disk here, without mount_check. It writes each
# object three times, fsyncs the file and its folder for each, and answers when two of three have; what it notes
# in its containers' databases it does not fsync. Dolium runs without a configuration: four folders of the same
# disk, 3 data shards and 1 parity shard, sealed; it answers when shards, catalog and journal are fsynced.
# Needs: cargo, curl, python3 with venv, memcached (apt), and a file system with user.* attributes below TMPDIR.
# Every process that is started is ended by its own id.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
results=${BENCH_RESULTS:-$target/bench/swift}
seconds=${BENCH_SECONDS:-20}
profile=${BENCH_PROFILE:-release}
scenarios=${1:-put-4k,get-4k,put-64m,get-64m}
workers=${WORKERS:-2}
venv=.cache/bench-swift
version=$(sed -n 's/^swift==//p' conformance/swift/requirements.txt)
mkdir -p "$results"
work=$(mktemp -d "${TMPDIR:-/tmp}/dolium-bench.XXXXXX")
pids=()
stop() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    pids=()
}
trap 'stop; rm -rf "$work"' EXIT

command -v memcached >/dev/null || {
    echo "memcached is missing: apt-get install memcached" >&2
    exit 2
}
if [ "$(cat "$venv/version" 2>/dev/null)" != "$version" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "swift==$version"
    echo "$version" >"$venv/version"
fi
if [ -z "${BENCH_BUILT:-}" ]; then
    if [ "$profile" = release ]; then cargo build --release -p dolium -p dolium-bench; else cargo build -p dolium -p dolium-bench; fi
fi
bench=$PWD/$target/$profile/dolium-bench
dolium=$PWD/$target/$profile/dolium

# Waits until a login is answered on a port; sets $token.
sign_in() {
    local port=$1 user=$2 key=$3
    for _ in $(seq 150); do
        token=$(curl -s -D - -o "$work/answer" -H "X-Auth-User: $user" -H "X-Auth-Key: $key" \
            "http://127.0.0.1:$port/auth/v1.0" | tr -d '\r' | awk 'tolower($1) == "x-auth-token:" {print $2}') || true
        if [ -n "$token" ]; then return 0; fi
        sleep 0.2
    done
    echo "nobody can sign in on port $port" >&2
    return 1
}

# measure NAME PORT PATH: the scenarios against the processes in $pids, with $token.
measure() {
    echo "== $1 (load $(cut -d' ' -f1 /proc/loadavg))"
    DOLIUM_BENCH_SWIFT_TOKEN=$token "$bench" load --name "$1" --endpoint "127.0.0.1:$2" --swift-path "$3" \
        --pid "$(IFS=,; echo "${pids[*]}")" --seconds-max "$seconds" --json "$results/$1.json" --scenarios "$scenarios"
    stop
}

run_dolium() {
    DOLIUM_ROOT_USER=bench DOLIUM_ROOT_PASSWORD=bench-secret-of-some-length "$dolium" serve \
        --data-dir "$work/dolium" --s3-listen 127.0.0.1:19020 --http-listen 127.0.0.1:19021 >"$work/dolium.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do
        curl -s -o "$work/answer" http://127.0.0.1:19021/healthz && break
        sleep 0.1
    done
    DOLIUM_SECRET_KEY=bench-secret "$dolium" user add bench.swift --data-dir "$work/dolium" --swift test:bench --role admin \
        >>"$work/dolium.log"
    sign_in 19021 test:bench bench-secret
    measure dolium 19021 /v1/AUTH_test
}

# server KIND PORT MORE: the configuration of one of Swift's servers.
configure() {
    cat >"$work/swift/$1.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
workers = $workers
user = $(id -un)
swift_dir = $work/swift
devices = $work/swift/devices
mount_check = false
log_level = CRITICAL
recon_cache_path = $work/swift/recon
$3
CONF
}

run_swift() {
    local kind port number path=$PWD/$venv/bin
    mkdir -p "$work/swift/recon" "$work/swift/devices"/{d1,d2,d3}
    cat >"$work/swift/swift.conf" <<CONF
[swift-hash]
swift_hash_path_suffix = bench
swift_hash_path_prefix = bench
[storage-policy:0]
name = default
default = yes
CONF
    port=19032
    for kind in account container object; do
        (
            cd "$work/swift"
            "$path/swift-ring-builder" $kind.builder create 8 3 1
            for number in 1 2 3; do
                "$path/swift-ring-builder" $kind.builder add "r1z$number-127.0.0.1:$port/d$number" 100
            done
            "$path/swift-ring-builder" $kind.builder rebalance 1
        ) >"$work/swift/$kind.ring.log"
        configure "$kind" "$port" "[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#$kind"
        port=$((port + 1))
    done
    configure proxy 19031 "[pipeline:main]
pipeline = catch_errors healthcheck cache tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:19036
[filter:tempauth]
use = egg:swift#tempauth
user_test_bench = bench-secret .admin"
    memcached -l 127.0.0.1 -p 19036 -u "$(id -un)" >"$work/swift/memcached.log" 2>&1 &
    pids+=($!)
    for kind in account container object proxy; do
        "$path/swift-$kind-server" "$work/swift/$kind.conf" >"$work/swift/$kind.log" 2>&1 &
        pids+=($!)
    done
    sign_in 19031 test:bench bench-secret || {
        tail -n 20 "$work/swift"/*.log >&2
        return 1
    }
    measure swift 19031 /v1/AUTH_test
}

for round in $(seq "${ROUNDS:-1}"); do
    files=()
    for server in dolium swift; do
        "run_$server"
        rm -rf "${work:?}/$server"
        mv "$results/$server.json" "$results/$server.$round.json"
        files+=("$results/$server.$round.json")
    done
    "$bench" table "${files[@]}" | tee "$results/table.$round.md"
done
