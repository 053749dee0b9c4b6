#!/bin/sh
# usage: package.sh OUTDIR
# Builds the gem, OUTDIR/runestore-VERSION.gem.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The gem has the licences, which stand above the package.
cp -R "$here/." "$scratch"
cp "$here"/../../LICENSE-* "$scratch"
cd "$scratch"
version=$("${RUBY:-ruby}" -r ./lib/runestore/version -e 'print Runestore::VERSION')
"${GEM:-gem}" build --output "$out/runestore-$version.gem" runestore.gemspec >gem.log 2>&1 || { cat gem.log; exit 1; }
