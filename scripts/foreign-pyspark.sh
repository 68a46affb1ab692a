#!/usr/bin/env bash
# The real PySpark client for test/foreign/pyspark, in a virtual environment of its own. Prints its Python. Installs once.
# QUARRY_FOREIGN_DIR names another place for it.
set -euo pipefail
directory="${QUARRY_FOREIGN_DIR:-${QUARRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarry}/foreign}"
environment="$directory/pyspark-4.0.1"
if [ ! -f "$environment/.complete" ]; then
  echo "installing pyspark-client 4.0.1 into $environment" >&2
  mkdir -p "$directory"
  rm -rf "$environment"
  python3 -m venv "$environment"
  # pandas 3 is not supported by PySpark 4.
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    'pyspark-client==4.0.1' 'pandas<3' pyarrow grpcio grpcio-status googleapis-common-protos >&2
  touch "$environment/.complete"
fi
echo "$environment/bin/python"
