#!/usr/bin/env bash
# Write, read and create beside real HDFS 3.4.1 in one run, in turns: bash bench/beside-hdfs.sh [rounds]
# Needs Java 17 and Maven for the anchor (fetched once into the cache) and a built dist/ (npm run build).
# Prints every figure of every round, then the ratio Quarry / HDFS of the medians of each round as minimum, median and maximum.
set -euo pipefail
cd "$(dirname "$0")"
rounds=${1:-3}; size=${SIZE_MB:-512}
# A base port of its own: on a fixed one the figures could be those of an HDFS that another run left behind.
dir=$(mktemp -d); export QUARRY_CLUSTER="$dir/quarry" DIR="$dir/hdfs" PORT=$((20000 + RANDOM % 10000))
quarry() { node ../bin/quarry "$@"; }
cleanup() { quarry cluster stop >/dev/null 2>&1 || true; ./hdfs/stop.sh >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap cleanup EXIT
mkdir -p "$DIR"
FRESH=1 ./hdfs/start.sh >&2
quarry cluster start --ports auto --detach >&2
namenode=$(quarry cluster status --json | node -e 'let t = ""; process.stdin.on("data", (d) => (t += d)).on("end", () => console.log(JSON.parse(t).namenode.grpc))')
# Reads to the end: a bench that has more to say must not lose its reader.
value() { awk -v m="$1" '!found && $1 ~ m {print $2; found = 1}'; }
ratios="$dir/ratios"; : >"$ratios"
compare() { # metric quarry hdfs
  echo "$1 quarry=$2 hdfs=$3"
  awk -v m="$1" -v q="$2" -v h="$3" 'BEGIN { printf "%s %.4f\n", m, q / h }' >>"$ratios"
}
for round in $(seq 1 "$rounds"); do
  echo "# round $round"
  h=$(SIZE_MB=$size N=1 ./hdfs/bench_write.sh | value write); q=$(npx tsx fs.ts --cluster "$QUARRY_CLUSTER" --mode write --size "$size" --runs 1 | value write)
  compare write_mib_s "$q" "$h"
  h=$(SIZE_MB=$size N=1 ./hdfs/bench_read.sh | value read); q=$(npx tsx fs.ts --cluster "$QUARRY_CLUSTER" --mode read --size "$size" --runs 1 | value read)
  compare read_mib_s "$q" "$h"
  h=$(MODE=rpc THREADS=64 FILES=${FILES:-100000} N=1 OPS=create ./hdfs/bench_nn.sh | value create)
  q=$(npx tsx namenode-ops.ts --address "$namenode" --threads 64 --count "${FILES:-100000}" --ops create | value create)
  compare create_ops_s "$q" "$h"
done
sort "$ratios" | awk '{ v[$1] = v[$1] " " $2 } END { for (m in v) print m v[m] }' | while read -r metric list; do
  echo $list | tr ' ' '\n' | sort -g | awk -v m="$metric" '{ a[NR] = $1 } END { printf "ratio_%s min=%.2f median=%.2f max=%.2f n=%d\n", m, a[1], a[int((NR + 1) / 2)], a[NR], NR }'
done
