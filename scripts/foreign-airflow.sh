#!/usr/bin/env bash
# A real Airflow for test/foreign/airflow, in a virtual environment of its own (700 MB, 3 to 14 minutes). Prints its bin folder. Installs once.
set -euo pipefail
environment="${QUARRY_FOREIGN_DIR:-${QUARRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarry}/foreign}/airflow-3.1.8"
usable() { AIRFLOW_HOME="$environment/home" "$environment/bin/python" -c 'import airflow.providers.apache.hdfs, airflow.providers.apache.spark, airflow.providers.smtp, pyspark' 2>/dev/null; }
if [ ! -f "$environment/.complete" ]; then
  if ! { [ -x "$environment/bin/airflow" ] && usable; }; then
    # The hdfs provider brings requests-kerberos, and that gssapi, which is compiled.
    if ! command -v krb5-config >/dev/null; then
      if [ "$(id -u)" = 0 ]; then
        echo "installing libkrb5-dev" >&2
        apt-get install -y -qq --no-install-recommends libkrb5-dev >&2
      else
        echo "krb5-config is missing: apt-get install libkrb5-dev" >&2
        exit 1
      fi
    fi
    echo "installing Airflow 3.1.8 into $environment" >&2
    mkdir -p "$(dirname "$environment")"
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check 'apache-airflow==3.1.8' \
      apache-airflow-providers-standard apache-airflow-providers-smtp apache-airflow-providers-apache-spark \
      apache-airflow-providers-apache-hdfs >&2
    usable || { echo "Airflow in $environment does not load its providers: remove the folder and try again" >&2; exit 1; }
  fi
  # Written last: an installation that was cut short is done again.
  touch "$environment/.complete"
fi
echo "$environment/bin"
