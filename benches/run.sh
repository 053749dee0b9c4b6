#!/bin/sh
# usage: run.sh BUILDDIR RUNS PART...
# Measures parts of the scoreboard (c, python, growth) in RUNS processes of each, one after the other. The figures of the
# first go to BUILDDIR/bench/run-1, and so on; what was there of these parts is removed. Reads the variables of README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/bench"
build=$(cd "$1" && pwd)
figures=$build/bench
runs=$2
shift 2

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1024 / 1024 }' /proc/meminfo)
disk=$(df --output=fstype "$build" | tail -n 1)
linux=$(uname -r | cut -d. -f1,2)
rust=$(rustc --version | cut -d' ' -f1,2)
echo "$(nproc) processors (${cpu:-$(uname -m)}), $memory of memory, $disk, Linux $linux, $rust" >"$figures/machine.txt"

for part in "$@"; do
    case $part in
        c) rm -f "$figures"/run-*/memory.json "$figures"/run-*/file.json "$figures"/run-*/postgres.json ;;
        *) rm -f "$figures"/run-*/"$part".json ;;
    esac
done
for run in $(seq "$runs"); do
    export FIGURES="$figures/run-$run"
    for part in "$@"; do
        [ "$runs" = 1 ] || printf '\n%s, process %s of %s\n\n' "$part" "$run" "$runs"
        case $part in
            c) "${CARGO:-cargo}" run --release --quiet -p runestore-benches ;;
            growth) "${CARGO:-cargo}" run --release --quiet -p runestore-benches -- growth ;;
            python) sh "$here/python/run.sh" "$build/bench-python" ;;
        esac
    done
done
