#!/bin/bash
# single-client write throughput: SIZE_MB=512 REPL=3 BLOCK_MB=128 N=3 ; FS_URL=hdfs://... or webhdfs://... (any endpoint)
. "$(dirname "$0")/env.sh"
[ "$CACHE/classes/lab/Bench.class" -nt "$LAB/java/lab/Bench.java" ] || javac -d "$CACHE/classes" -cp "$CACHE/lib/*" "$LAB/java/lab/Bench.java" || exit 1
quiet
echo "${FS_URL%%:*}_write_r${REPL:-3} $(LOG=ERROR jrun lab.Bench "$FS_URL" write ${SIZE_MB:-512} ${REPL:-3} ${BLOCK_MB:-128} ${N:-3} | median) MiB/s"
