#!/bin/sh
# usage: package.sh OUTDIR
# Packs the Go package as OUTDIR/runestore-go-VERSION.tar.gz, without its tests.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cd "$here" && find . -maxdepth 1 -name '*.go' ! -name '*_test.go' | sort)
# shellcheck disable=SC2086  # names without blanks
sh "$here/../../packaging/source.sh" "$here" runestore-go "$1" go.mod $sources README.md example/main.go
