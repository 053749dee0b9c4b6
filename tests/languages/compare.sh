#!/bin/sh
# usage: compare.sh FENCE COMMAND...
# Runs COMMAND in an empty folder of its own, and compares what it prints with the block of docs/LANGUAGES.md behind that fence.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
fence=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder" "$folder.out" "$folder.said"' EXIT
(cd "$folder" && "$@") >"$folder.out" 2>&1 || { cat "$folder.out"; echo "$* fails" >&2; exit 1; }
sh "$here/program.sh" "$fence" >"$folder.said"
diff "$folder.said" "$folder.out" || { echo "docs/LANGUAGES.md says '<' of $*, which prints '>'" >&2; exit 1; }
