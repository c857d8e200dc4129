#!/bin/sh
# Installs the locked dependencies, the pinned Node 24 among them, and builds the console, when they are missing or
# out of date.
# Runs before demo, test, check, bench and build, so that each of them is one command on a fresh clone.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'installing dependencies (once) ...' >&2
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
fi
built=dist/console/index.html
if [ ! -f "$built" ] || [ -n "$(find src/console src/api src/core package-lock.json -newer "$built" ! -name '*.test.ts' | head -n 1)" ]; then
  PATH="$PWD/node_modules/.bin:$PATH" node scripts/console.ts >&2
fi
