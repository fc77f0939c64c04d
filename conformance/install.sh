#!/usr/bin/env bash
# Installs what the black-box suites need; does nothing when all of it is there.
#
# Debian packages (rclone, restic, s3cmd, s3fs, duplicity, curl, PostgreSQL, Node.js, NATS, RabbitMQ) come by apt,
# directly as root or through sudo. Python packages, among them the AWS CLI, go into .cache/venv of the repository.
# Promises: idempotent; touches nothing outside apt and .cache.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
# need COMMAND PACKAGE: notes a Debian package whose command is not there.
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need curl curl
need rclone rclone
need restic restic
need s3cmd s3cmd
need s3fs s3fs
need duplicity duplicity
# duplicity only recommends what its backend needs, and apt is told to leave out what is recommended.
/usr/bin/python3 -c 'import boto3' 2>/dev/null || missing+=(python3-boto3)
need node nodejs
need npm npm
need nats-server nats-server
need rabbitmq-server rabbitmq-server
need python3 python3
ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || missing+=(postgresql)

# A Python that can make virtual environments: the first of these that has ensurepip and TLS.
python=""
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import ensurepip, ssl, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

venv=.cache/venv
stamp=$venv/installed
if ! cmp -s conformance/requirements.txt "$stamp"; then
  say "installing Python packages under $venv"
  "${python:-/usr/bin/python3}" -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r conformance/requirements.txt
  cp conformance/requirements.txt "$stamp"
fi
