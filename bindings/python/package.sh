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
fail() { cat "$build/maturin.log" && exit 1; }
rm -rf "$build/sdist"
cd "$here"
"$build/tools/bin/maturin" sdist --out "$build/sdist" >"$build/maturin.log" 2>&1 || fail
# The wheel is made from what the source distribution has, the licences among that. It is unpacked when it has changed, and
# always in the same place: what cargo has compiled before is not compiled again, and is not in the way of what `make` builds,
# which is the same library with other features.
if ! cmp -s "$build"/sdist/*.tar.gz "$build/source.tar.gz"; then
    rm -rf "$build/source" "$build/source.tar.gz"
    mkdir "$build/source"
    tar -xmf "$build"/sdist/*.tar.gz -C "$build/source" --strip-components=1
    cp "$build"/sdist/*.tar.gz "$build/source.tar.gz"
fi
cd "$build/source"
CARGO_TARGET_DIR=$build/target "$build/tools/bin/maturin" build --release --quiet --out "$out" >"$build/maturin.log" 2>&1 || fail
cp "$build"/sdist/*.tar.gz "$out"
