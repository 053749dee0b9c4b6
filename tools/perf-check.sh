#!/bin/sh
# Counts the instructions of some works with callgrind, and compares them with those of benches/instructions.txt: what grew by
# more than 3 % is named, and the check fails. Where compiler, C library or processor are other ones than there, 10 % are allowed:
# the library has a copy loop for each kind of processor.
#
#   tools/perf-check.sh PROGRAM            compares
#   tools/perf-check.sh PROGRAM --record   writes the file anew: do that in a commit that tells why
set -eu
program=$1
figures=$(dirname "$0")/../benches/instructions.txt
features=$(grep -m 1 '^flags' /proc/cpuinfo | tr ' ' '\n' | grep -xE 'sse4_2|pclmulqdq|avx2|bmi2|erms|fsrm|avx512f' | sort | tr '\n' ' ')
made_with="$(rustc --version), $(getconf GNU_LIBC_VERSION), ${features% }"
log=$(mktemp)
counted=$(mktemp)
trap 'rm -f "$log" "$counted"' EXIT
# An instruction that copies a whole buffer counts as one for each byte, and whether it is taken is a matter of addresses.
export GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=0x7fffffff:glibc.cpu.x86_rep_stosb_threshold=0x7fffffff

"$program" instructions | while read -r engine work function times; do
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$function" \
        "$program" instructions "$engine" "$work" 2>"$log" || { cat "$log" >&2; exit 1; }
    total=$(sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p' "$log")
    [ "${total:-0}" -gt 0 ] || { echo "callgrind counted nothing in $function:" >&2; cat "$log" >&2; exit 1; }
    echo "$engine $work $((total / times))" >>"$counted"
done

if [ "${2:-}" = --record ]; then
    { echo "# Instructions of one event appended, one stream read, one event scanned; tools/perf-check.sh --record."
      echo "# $made_with"; cat "$counted"; } >"$figures"
    cat "$figures"
    exit
fi

allowed=3
grep -qxF "# $made_with" "$figures" || allowed=10
echo "instructions, compared with benches/instructions.txt; at most $allowed % more are allowed"
awk -v allowed="$allowed" '
    /^#/ { next }
    NR == FNR { before[$1 " " $2] = $3; left++; next }
    {
        name = $1 " " $2
        if (!(name in before)) { printf "%-16s %8d  is not in the file\n", name, $3; bad++; next }
        left--
        grown = ($3 / before[name] - 1) * 100
        verdict = grown > allowed ? "GREW" : grown < -allowed ? "shrank: record it" : "ok"
        if (grown > allowed) bad++
        printf "%-16s %8d  was %8d  %+6.1f %%  %s\n", name, $3, before[name], grown, verdict
    }
    END {
        if (left != 0) { print left " works of the file were not counted"; bad++ }
        exit bad > 0
    }' "$figures" "$counted"
