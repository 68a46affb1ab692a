#!/bin/sh
# A Python without any packages installed.
exec "$CLIENT_PYTHON" -S "$@"
