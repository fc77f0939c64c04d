#!/usr/bin/env bash
# Runs the public suite ceph/s3-tests, from a checkout of yours, against the real binary.
#
# Usage: conformance/ceph.sh CHECKOUT [tier…]
#   tiers  core sse sigv2 clock (all by default); what they hold is said in docs/s3-compatibility.md
# Environment
#   DOLIUM_BIN   the binary; default target/debug/dolium
# The suite is not part of this repository and of no package registry, so it does not run in CI. It gets
# a virtual environment of its own inside the checkout; the checkout itself is not changed.
set -euo pipefail
cd "$(dirname "$0")/.."
checkout=$(realpath "${1:?say where ceph/s3-tests is}")
shift
[ $# -gt 0 ] || set -- core sse sigv2 clock
DOLIUM_BIN=$(realpath "${DOLIUM_BIN:-target/debug/dolium}")
export DOLIUM_BIN
venv=$checkout/.dolium-venv
if [ ! -x "$venv/bin/pytest" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r "$checkout/requirements.txt" pytest-timeout
fi

work=$(mktemp -d)
pid=""
trap '[ -z "$pid" ] || kill "$pid"; wait; rm -rf "$work"' EXIT
port=18970
key=01234567-89ab-cdef-0123-456789abcdef
{
  printf '[s3]\nregion = "dolium-1"\nsigv2 = true\n[lifecycle]\nday_seconds = 2\n[encryption]\nkeys = ["%s", "testkey-1", "testkey-2"]\n' "$key"
  for n in 1 2 3 4; do
    printf '[[provider]]\nname = "p%s"\nkind = "directory"\noptions = { path = "%s/p%s" }\n' "$n" "$work" "$n"
  done
  printf '[[array]]\nname = "default"\nlayout = "erasure:3+1"\nproviders = ["p1", "p2", "p3", "p4"]\n'
} >"$work/dolium.toml"
export DOLIUM_ROOT_USER=administrator DOLIUM_ROOT_PASSWORD=administrator-of-the-suite
"$DOLIUM_BIN" serve --config "$work/dolium.toml" --data-dir "$work/data" \
  --s3-listen "127.0.0.1:$port" --http-listen "127.0.0.1:$((port + 1))" >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
  curl --silent --fail --output /dev/null "http://127.0.0.1:$((port + 1))/healthz" && break
  sleep 0.1
done

# user NAME ID-LETTER: an ordinary user with ids that the suite is told.
user() {
  local id
  id=$(printf "$2%.0s" $(seq 64))
  "$DOLIUM_BIN" user add "$1" --data-dir "$work/data" --canonical-id "$id" --display-name "User $1" \
    --email "$1@example.com" --access-key "KEY0000000000000$1" --secret-key "secret-of-the-suite-for-$1" >/dev/null
  printf 'access_key = KEY0000000000000%s\nsecret_key = secret-of-the-suite-for-%s\n' "$1" "$1"
  printf 'user_id = %s\ndisplay_name = User %s\nemail = %s@example.com\n' "$id" "$1" "$1"
}
main=$(user main a)
alt=$(user altr b)
cat >"$work/s3tests.conf" <<CONF
[DEFAULT]
host = 127.0.0.1
port = $port
is_secure = False
ssl_verify = False
[fixtures]
bucket prefix = suite-{random}-
[s3 main]
$main
api_name = dolium-1
kms_keyid = $key
lc_debug_interval = 2
[s3 alt]
$alt
[s3 tenant]
$alt
tenant = none
[iam]
$alt
[iam root]
$alt
[iam alt root]
$alt
CONF
export S3TEST_CONF=$work/s3tests.conf AWS_MAX_ATTEMPTS=1

elsewhere="fails_on_aws or bucket_logging or bucket_logging_cleanup or fails_without_logging_rollover or \
cloud_transition or cloud_restore or target_by_bucket or s3select or sns or lifecycle_transition or iam_account or \
iam_cross_account or iam_role or iam_tenant or iam_user or user_policy or role_policy or group or group_policy or \
session_policy or test_of_sts or webidentity_test or abac_test or s3website or s3website_routing_rules or \
s3website_redirect_location or appendobject or storage_class"
encryption="encryption or sse_s3 or bucket_encryption"
for tier in "$@"; do
  case $tier in
    core) marks="not ($elsewhere) and not ($encryption) and not auth_aws2 and not lifecycle_expiration" ;;
    sse) marks="($encryption) and not ($elsewhere)" ;;
    sigv2) marks="auth_aws2 and not ($elsewhere)" ;;
    clock) marks="lifecycle_expiration and not ($elsewhere)" ;;
    *) echo "unknown tier $tier" >&2 && exit 2 ;;
  esac
  printf '== %s\n' "$tier"
  (cd "$checkout" && "$venv/bin/python" -m pytest -q -p no:cacheprovider --timeout 180 --tb=no -m "$marks" \
    s3tests/functional/test_s3.py s3tests/functional/test_headers.py) || true
done
