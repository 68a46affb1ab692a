# sourced by the other scripts
LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Jars, classes and data live in a cache, not beside the scripts. A second cluster beside the first: PORT=29000 DIR=/some/dir ./start.sh
CACHE=${QUARRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarry}/hdfs-3.4.1; mkdir -p "$CACHE"
PORT=${PORT:-28000}; DIR=${DIR:-$CACHE}; NN_RPC=$((PORT+20)); NN_HTTP=$((PORT+70))
[ -d "$CACHE/lib" ] || mvn -q -B -f "$LAB/pom.xml" dependency:copy-dependencies -DoutputDirectory="$CACHE/lib" || exit 1
CP="$LAB/conf:$CACHE/classes:$CACHE/lib/*"
JOPTS="--add-opens java.base/java.lang=ALL-UNNAMED --add-opens java.base/java.util=ALL-UNNAMED --add-opens java.base/java.util.concurrent=ALL-UNNAMED --add-opens java.base/java.net=ALL-UNNAMED --add-opens java.base/java.io=ALL-UNNAMED --add-opens java.base/java.nio=ALL-UNNAMED -Dlab.home=$DIR -Dlab.rpc=$NN_RPC -Dlab.http=$NN_HTTP -Djava.net.preferIPv4Stack=true"
export FS_URL=${FS_URL:-hdfs://127.0.0.1:$NN_RPC}
jrun() { java -Xmx${HEAP:-1g} $JOPTS -Dlab.log=${LOG:-WARN} -cp "$CP" "$@"; }
alive() { [ -f "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
median() { sort -g | awk '{a[NR]=$1} END{n=NR; m=(n%2)?a[(n+1)/2]:(a[n/2]+a[n/2+1])/2; printf "%.2f min=%.2f max=%.2f n=%d", m, a[1], a[n], n}'; }
# QUIET=seconds: wait up to that long for the two-core machine to be at least 80 % idle; always report what it was
quiet() {
  local end=$(( $(date +%s) + ${QUIET:-0} )) a b i
  while :; do
    a=($(head -1 /proc/stat)); sleep 1; b=($(head -1 /proc/stat)); local ta=0 tb=0
    for i in ${a[@]:1:8}; do ta=$((ta+i)); done; for i in ${b[@]:1:8}; do tb=$((tb+i)); done
    i=$(( 100 * (b[4] + b[5] - a[4] - a[5]) / (tb - ta) ))
    [ $i -ge 80 ] || [ $(date +%s) -ge $end ] && break
  done
  echo "# cpu idle before the run: $i %, load $(cut -d' ' -f1-3 /proc/loadavg)" >&2
}
