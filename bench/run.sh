#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Load figures against direct TLS and other products, in one run, because
# figures of different runs on a shared machine do not compare.
# usage: bench/run.sh BINARY [bench.py options]; see bench.py --help
set -eu
here=$(cd "$(dirname "$0")" && pwd)
SALLYPORT=$(realpath "$1")
shift
export SALLYPORT
exec /usr/bin/python3 "$here/bench.py" "$@"
