#!/bin/sh
# usage: package.sh OUTDIR
# Packs the Elixir package as OUTDIR/runestore-elixir-VERSION.tar.gz: the files that mix.exs names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
files=$(sed -n 's/^ *files: ~w(\(.*\))$/\1/p' "$here/mix.exs")
[ -n "$files" ] || { echo "elixir: mix.exs does not say in one line which files the package has" >&2; exit 1; }
# shellcheck disable=SC2086  # names without blanks
sh "$here/../../packaging/source.sh" "$here" runestore-elixir "$1" $files
