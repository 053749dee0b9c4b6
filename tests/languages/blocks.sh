#!/bin/sh
# usage: blocks.sh [-1] PAGE FENCE [HEADING]
# Prints the blocks of PAGE that have FENCE as the name behind their fence, one after the other; with -1 the first one alone,
# with HEADING those directly below it.
set -eu
first=0
if [ "$1" = -1 ]; then
    first=1
    shift
fi
blocks=$(awk -v first=$first -v fence="\`\`\`$2" -v heading="${3:-}" '
    BEGIN { below = heading == "" }
    $0 == "```" { inside = other = 0; next }
    inside { print; next }
    /^```/ { inside = $0 == fence && below && !(first && seen++); other = !inside; next }
    !other && heading != "" && /^#+ / { below = substr($0, index($0, " ") + 1) == heading }' "$1")
[ -n "$blocks" ] || { echo "$1 has no block $2${3:+ below $3}" >&2; exit 1; }
printf '%s\n' "$blocks"
