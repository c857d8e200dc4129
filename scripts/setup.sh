#!/bin/sh
# Installs the locked dependencies, the pinned Node 24 among them, when they are missing or out of date.
# Runs before demo, test, check, bench and build, so that each of them is one command on a fresh clone.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'installing dependencies (once) ...' >&2
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
fi
