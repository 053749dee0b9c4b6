#!/bin/sh
# usage: check.sh LANGUAGE FILE COMMAND...
# Writes the program of docs/LANGUAGES.md in that language to FILE, and looks whether COMMAND prints what the page says.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/program.sh" "$1" >"$2"
shift 2
sh "$here/compare.sh" text "$@"
