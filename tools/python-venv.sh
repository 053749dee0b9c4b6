#!/bin/sh
# usage: python-venv.sh VENV REQUIREMENTS
# Makes VENV a virtual environment with what REQUIREMENTS names and the package runestore built from
# this tree. What is up to date is left alone. Needs Rust, a C compiler, and Python 3.11 or later with
# venv; PYTHON names another than python3.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
venv=$(cd "$1" && pwd)
requirements=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
python=${PYTHON:-python3}
stamp=$venv/complete

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "python-venv: $("$python" --version) is too old, 3.11 or later is needed: PYTHON=... names another" >&2
    exit 1
}

# What the package is made of. Folders count, since their times tell of files that were removed; what
# Python compiles for itself does not.
cd "$root"
changed() {
    find Cargo.toml Cargo.lock build.rs src bindings/python/Cargo.toml bindings/python/pyproject.toml \
        bindings/python/src bindings/python/python/runestore "$requirements" \
        -name __pycache__ -prune -o -newer "$stamp" -print
}

if [ ! -e "$stamp" ] || [ -n "$(changed)" ]; then
    echo "python: building the package and installing what $(basename "$requirements") names"
    [ -x "$venv/bin/pip" ] || { rm -rf "$venv" && "$python" -m venv "$venv"; }
    # The time from before the build: what is edited meanwhile is newer.
    touch "$venv/begun"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" ./bindings/python
    mv "$venv/begun" "$stamp"
fi
