#!/bin/bash
# NNThroughputBenchmark: namenode operations per second.
#   MODE=rpc (default: over Hadoop RPC against $FS_URL) | inproc (own namenode in the same JVM, no RPC)
#   FILES=20000 THREADS=16 N=3 OPS="create mkdirs open fileStatus rename delete"
. "$(dirname "$0")/env.sh"
MODE=${MODE:-rpc}; FILES=${FILES:-20000}; T=${THREADS:-16}; N=${N:-3}

if [ $MODE = inproc ]; then
  C="$DIR/run/nnb"; mkdir -p "$C/conf"; cp "$LAB/conf/log4j.properties" "$C/conf/"
  printf '<configuration><property><name>fs.defaultFS</name><value>file:///</value></property><property><name>hadoop.tmp.dir</name><value>%s</value></property></configuration>' "$C/data" >"$C/conf/core-site.xml"
  printf '<configuration><property><name>dfs.namenode.fs-limits.min-block-size</name><value>16</value></property><property><name>dfs.namenode.rpc-bind-host</name><value>127.0.0.1</value></property><property><name>dfs.namenode.http-bind-host</name><value>127.0.0.1</value></property></configuration>' >"$C/conf/hdfs-site.xml"
  CP="$C/conf:$CACHE/lib/*"
else FSARG="-fs $FS_URL"; fi
quiet
run() { # op args...
  [ $MODE = inproc ] && { rm -rf "$C/data"; HEAP=2g jrun -Dx=1 org.apache.hadoop.hdfs.server.namenode.NameNode -format -force -nonInteractive >"$DIR/logs/nnb-format.log" 2>&1; }
  HEAP=2g LOG=INFO jrun org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark $FSARG -op "$@" >"$DIR/logs/nnb-$1.log" 2>&1
  sed -n 's/.*Ops per sec: *\([0-9.]*\).*/\1/p' "$DIR/logs/nnb-$1.log" | tail -1
}
for op in ${OPS:-create mkdirs open fileStatus rename delete}; do
  case $op in
    mkdirs) arg="-dirs $FILES -dirsPerDir 64";;
    *) arg="-files $FILES -filesPerDir 64";;
  esac
  r=$(for k in $(seq 1 $N); do run $op -threads $T $arg; done)
  echo "nn_${MODE}_$op $(echo "$r" | median) ops/s"
done
