#!/usr/bin/env bash
# Makes a clone ready: packages, generated types, dist/. With --test also what the tests need from elsewhere. Does only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { echo "== $*" >&2; }

node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.error("Quarry needs Node 20.19 or newer, this is " + process.version); process.exit(1); }'

# npm writes the hidden lock file last, so one older than package-lock.json means packages that are missing or out of date.
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  step "installing packages (about 400 MB unpacked)"
  # Not `npm ci`: it refuses when a registry lacks the optional binaries of a platform that is not this one.
  npm install --no-save --no-fund --no-audit --loglevel=error
  touch node_modules/.package-lock.json
fi

newest=$(find bin cli client cluster common datanode driver executor log namenode pipeline proto scripts services sinks web workflow package.json tsconfig.json tsconfig.build.json \
  -path proto/gen -prune -o -type f -newer dist/.built -print -quit 2>/dev/null || echo changed)
if [ ! -f dist/.built ] || [ -n "$newest" ]; then
  step "building"
  npm run --silent generate
  rm -rf dist
  npm run --silent build
  touch dist/.built
fi

if [ "${1:-}" = --test ]; then
  step "for the tests: real PySpark, Kafka, Redis, MariaDB and a browser, and the year of sales"
  bash scripts/foreign-pyspark.sh
  bash scripts/foreign-kafka.sh
  bash scripts/foreign-services.sh
  bash scripts/fetch-sales-year.sh >/dev/null
fi
