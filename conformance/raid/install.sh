#!/usr/bin/env bash
# Installs the servers that the suite of `dolium raid` keeps objects at: Apache and OpenSSH by apt, moto, s3rver and
# Azurite below .cache/conformance. Does nothing when all of it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
[ -x /usr/sbin/apache2 ] || missing+=(apache2-bin)
command -v htpasswd >/dev/null || missing+=(apache2-utils)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
command -v ssh >/dev/null || missing+=(openssh-client)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  echo "== installing ${missing[*]}"
  sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

venv=.cache/conformance/moto
if [ ! -x "$venv/bin/moto_server" ]; then
  echo "== installing moto under $venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]'
fi

node=.cache/conformance/node
for package in s3rver@3:s3rver azurite@3:azurite-blob; do
  if [ ! -x "$node/node_modules/.bin/${package#*:}" ]; then
    echo "== installing ${package%:*} under $node"
    mkdir -p "$node"
    npm install --silent --no-fund --no-audit --prefix "$node" "${package%:*}"
  fi
done
