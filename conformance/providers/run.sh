#!/usr/bin/env bash
# Runs the provider contract suite against real services, one of each kind and more:
#   moto     S3 (PyPI; knows If-None-Match on PUT)
#   s3rver   S3 (npm; refuses unknown access keys; ignores If-None-Match, lists in the order of a tree,
#            and answers bytes=0-0 with everything)
#   dolium   S3 and Swift (TempAuth and Keystone v3): this build itself
#   azurite  Azure Blob (npm)
#   webdav   Apache with mod_dav (Debian)
#   sftp     OpenSSH (Debian)
# Google Cloud Storage has no emulator with the uploads that clients make; its S3-compatible interface is the kind s3.
# Servers are installed under .cache/ of the repository or by apt, listen on free loopback ports and are ended,
# by their process ids, when this script ends.
# Usage: conformance/providers/run.sh [server…]
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
cache=$repo/.cache/conformance
venv=$cache/moto
node=$cache/node
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

# need COMMAND PACKAGE…: installs Debian packages when a command is missing.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  say "installing $*"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
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

# npm_install PACKAGE COMMAND: a package of npm below the cache.
npm_install() {
  need node nodejs
  need npm npm
  [ -x "$node/node_modules/.bin/$2" ] && return
  say "installing $1 under ${node#"$repo"/}"
  mkdir -p "$node"
  npm install --silent --no-fund --no-audit --prefix "$node" "$1"
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
  contract moto s3 "$(s3_options "$port" any)"
}

# s3_options PORT KEY [MORE]: options of an S3 bucket whose secret is the key's name.
s3_options() {
  printf '{"endpoint": "http://127.0.0.1:%s", "bucket": "dolium", "access_key_id": "%s", "secret_access_key": "%s"%s}' \
    "$1" "$2" "$2" "${3:+, $3}"
}

s3rver() {
  npm_install s3rver@3 s3rver
  port=$(free_port)
  mkdir -p "$run/s3rver"
  # Its continuation tokens use a cipher that today's OpenSSL keeps in its legacy provider.
  NODE_OPTIONS=--openssl-legacy-provider \
    "$node/node_modules/.bin/s3rver" --address 127.0.0.1 --port "$port" --directory "$run/s3rver" \
    --configure-bucket dolium --silent >"$run/s3rver.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/s3rver.log"
  contract s3rver s3 "$(s3_options "$port" S3RVER '"conditional_put": "false", "ordered_list": "false"')" \
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
  contract dolium-s3 s3 "$(s3_options "$s3" "$key" | sed 's/"access_key_id": "[^"]*"/"access_key_id": "home:ada"/')" \
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
  npm_install azurite@3 azurite-blob
  port=$(free_port)
  mkdir -p "$run/azurite"
  "$node/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 --blobPort "$port" --location "$run/azurite" \
    --skipApiVersionCheck --disableTelemetry --silent >"$run/azurite.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/azurite.log"
  # The account and key that every Azurite has; they are no secret.
  local account=devstoreaccount1
  local key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==
  python3 "$repo/conformance/providers/azure_container.py" "http://127.0.0.1:$port/$account" "$account" "$key" dolium
  contract azurite azblob \
    "{\"endpoint\": \"http://127.0.0.1:$port/$account\", \"container\": \"dolium\", \"account_name\": \"$account\", \"account_key\": \"$key\"}" \
    DOLIUM_TEST_WRONG='{"account_key": "d3Jvbmc="}'
}

webdav() {
  [ -x /usr/sbin/apache2 ] || need /nonexistent apache2-bin
  need htpasswd apache2-utils
  port=$(free_port)
  mkdir -p "$run/webdav/files"
  htpasswd -cbB "$run/webdav/users" ada secret 2>/dev/null
  # Apache started by root gives its workers away.
  chmod 755 "$run"
  local owner=
  if [ "$(id -u)" = 0 ]; then
    chown -R www-data:www-data "$run/webdav"
    owner=$'User www-data\nGroup www-data'
  fi
  cat >"$run/webdav/apache.conf" <<CONF
ServerRoot $run/webdav
ServerName 127.0.0.1
Listen 127.0.0.1:$port
PidFile $run/webdav/pid
ErrorLog $run/webdav/error.log
$owner
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
DavLockDB $run/webdav/lock
DocumentRoot $run/webdav/files
<Directory $run/webdav/files>
  Dav On
  AuthType Basic
  AuthName dolium
  AuthUserFile $run/webdav/users
  Require valid-user
</Directory>
CONF
  /usr/sbin/apache2 -X -f "$run/webdav/apache.conf" >"$run/webdav.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/webdav.log"
  contract webdav webdav "{\"endpoint\": \"http://127.0.0.1:$port\", \"username\": \"ada\", \"password\": \"secret\"}" \
    DOLIUM_TEST_WRONG='{"password": "wrong"}'
}

sftp() {
  [ -x /usr/sbin/sshd ] || need /nonexistent openssh-server
  need ssh openssh-client
  port=$(free_port)
  local home=$run/sftp
  mkdir -p "$home/files" /run/sshd 2>/dev/null || mkdir -p "$home/files"
  ssh-keygen -q -t ed25519 -N '' -f "$home/host"
  ssh-keygen -q -t ed25519 -N '' -f "$home/key"
  cp "$home/key.pub" "$home/authorized"
  cat >"$home/config" <<CONF
Port $port
ListenAddress 127.0.0.1
HostKey $home/host
PidFile none
AuthorizedKeysFile $home/authorized
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
Subsystem sftp internal-sftp
CONF
  /usr/sbin/sshd -D -e -f "$home/config" >"$run/sftp.log" 2>&1 &
  pids+=($!)
  wait_for "$port" "$!" "$run/sftp.log"
  contract sftp sftp \
    "{\"endpoint\": \"ssh://127.0.0.1:$port\", \"user\": \"$(id -un)\", \"key\": \"$home/key\", \"known_hosts_strategy\": \"accept\", \"root\": \"$home/files\"}"
}

cd "$repo"
need python3 python3
need curl curl
[ $# -gt 0 ] || set -- moto s3rver dolium azurite webdav sftp
for server in "$@"; do
  case $server in
    moto | s3rver | dolium | azurite | webdav | sftp)
      "$server"
      ;;
    *)
      echo "unknown server $server: use moto, s3rver, dolium, azurite, webdav or sftp" >&2
      exit 2
      ;;
  esac
done
say "all passed"
