#!/bin/sh
# usage: run.sh BUILDDIR
# The scoreboard from Python, in a virtual environment of its own in BUILDDIR, where the stores that last are too.
# EVENTS=100000 ROUNDS=3 in the environment makes it run less, KEPT=disk or KEPT=memory one half of it. Needs Rust, a C
# compiler, and Python 3.11 or later with venv; PYTHON names another than python3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)

sh "$here/../../tools/python-venv.sh" "$build/venv" "$here/requirements.txt"
exec "$build/venv/bin/python" "$here/bench.py" "$build"
