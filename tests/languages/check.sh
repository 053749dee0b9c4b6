#!/bin/sh
# usage: check.sh LANGUAGE FILE COMMAND...
# Writes the program of docs/LANGUAGES.md in that language to FILE, runs COMMAND in an empty folder of its own, and compares
# what it prints with what the page says.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
language=$1
sh "$here/program.sh" "$language" >"$2"
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && "$@") >"$folder.out" 2>&1 || { cat "$folder.out"; rm -f "$folder.out"; echo "docs/LANGUAGES.md: the program in $language fails" >&2; exit 1; }
printed=$(cat "$folder.out")
rm -f "$folder.out"
said=$(sh "$here/program.sh" text)
[ "$printed" = "$said" ] || { echo "docs/LANGUAGES.md: the program in $language prints: $printed" >&2; exit 1; }
