#!/bin/sh
# usage: package.sh OUTDIR
# Packs the npm package, OUTDIR/runestore-VERSION.tgz.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# What is committed, without what a developer has installed beside it; the licences stand above the package.
(cd "$here" && tar -cf - --exclude=node_modules --exclude='*.tgz' .) | tar -xf - -C "$scratch"
cp "$here"/../../LICENSE-* "$scratch"
cd "$scratch"
"${NPM:-npm}" pack --no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error --pack-destination "$out" >/dev/null
