#!/usr/bin/env bash
# Fetches a real Kafka broker (45 jars, 44 MB) for the foreign tests and the benches, with Maven, into the cache. Does nothing when it is there.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
target="${QUARRY_CACHE:-$HOME/.cache/quarry}/foreign/kafka-4.3.1"
if [ -f "$target/.complete" ]; then exit 0; fi
command -v mvn >/dev/null || { echo "mvn is missing: apt-get install maven" >&2; exit 1; }
command -v java >/dev/null || { echo "java is missing: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
mkdir -p "$target"
cp -f "$here/test/foreign/kafka/pom.xml" "$target/pom.xml"
(cd "$target" && mvn -q -B -f pom.xml dependency:copy-dependencies -DoutputDirectory=libs -DincludeScope=runtime)
# Written last: a download that was cut short is done again.
touch "$target/.complete"
