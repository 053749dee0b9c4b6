#!/bin/sh
# usage: program.sh LANGUAGE
# Prints the program of docs/LANGUAGES.md in that language, by the name behind its fence. `text` is what each prints.
set -eu
here=$(dirname "$0")
sh "$here/blocks.sh" -1 "$here/../../docs/LANGUAGES.md" "$1"
