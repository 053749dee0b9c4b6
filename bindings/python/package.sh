#!/bin/sh
# usage: package.sh OUTDIR BUILDDIR
# Builds the wheel and the source distribution into OUTDIR. The tools that build are kept in BUILDDIR/tools, and
# what was compiled in BUILDDIR/target.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" "$2"
out=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
if ! cmp -s "$here/requirements-dev.txt" "$build/tools/requirements-dev.txt"; then
    rm -rf "$build/tools"
    "${PYTHON:-python3}" -m venv "$build/tools"
    "$build/tools/bin/pip" install -q --disable-pip-version-check -r "$here/requirements-dev.txt"
    cp "$here/requirements-dev.txt" "$build/tools/"
fi
cd "$here"
# The wheel is not made from the source distribution, which would compile all of it anew each time; and where cargo has nothing
# else, since the library with other features would take the place of what `make` has built.
CARGO_TARGET_DIR=$build/target
export CARGO_TARGET_DIR
{
    "$build/tools/bin/maturin" sdist --out "$out" &&
        "$build/tools/bin/maturin" build --release --quiet --out "$out"
} >"$build/maturin.log" 2>&1 || { cat "$build/maturin.log"; exit 1; }
