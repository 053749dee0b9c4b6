#!/bin/sh
# usage: python.sh BUILDDIR [PROGRAM [ARGUMENT...]]
# The demo from Python: gets the data into BUILDDIR as the demo in C does, makes a virtual environment
# there with the package built from this tree, and runs flights.py, or another PROGRAM of this folder
# with BUILDDIR and the ARGUMENTs. What is up to date is not done again. Needs Rust, a C compiler, and Python 3.11 or later with venv; PYTHON names another than python3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
program=${2:-flights.py}
shift $(($# < 2 ? $# : 2))

# Not "venv": fetch.py may have made that one, for a pip.
sh "$here/../../tools/python-venv.sh" "$build/python" "$here/requirements.txt"
python=$build/python/bin/python
"$python" "$here/fetch.py" "$build"
"$python" "$here/convert.py" "$build"
exec "$python" "$here/$program" "$build" "$@"
