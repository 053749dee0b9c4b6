#!/bin/sh
# usage: program.sh LANGUAGE
# Prints the program of docs/LANGUAGES.md in that language, by the name behind its fence. `text` is what each prints.
set -eu
page=$(dirname "$0")/../../docs/LANGUAGES.md
program=$(awk -v fence="\`\`\`$1" '$0 == "```" { inside = 0 } inside { print } $0 == fence { inside = !seen++ }' "$page")
[ -n "$program" ] || { echo "docs/LANGUAGES.md has no program in $1" >&2; exit 1; }
printf '%s\n' "$program"
