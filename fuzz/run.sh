#!/bin/sh
# Fuzzes the library through its C functions:
#
#     fuzz/run.sh [SECONDS]    each target for so long, 60 if nothing is given
#     fuzz/run.sh build        only builds the targets
#
# With AddressSanitizer where a nightly toolchain with it is installed, else (or with SANITIZER=none) without, on stable.
# TARGETS="calls" picks targets, TOOLS=DIR is where cargo-fuzz is kept. What is made lies in build/fuzz: findings, the
# corpora that grow from run to run, logs. One line a target; the last line counts them. README.md says what is asserted,
# and what to do when something is found.

set -u
LC_ALL=C
export LC_ALL

CARGO_FUZZ_VERSION=0.13.2
input_seconds_max=20
input_bytes_max=4096
memory_mb_max=2048
# One allocation, where an input is a few KiB of files: nothing that they say makes it larger.
files_malloc_mb_max=16

seconds=${1:-60}
case $seconds in
build) ;;
'' | *[!0-9]* | 0)
    echo "usage: fuzz/run.sh [SECONDS | build]" >&2
    exit 2
    ;;
esac

cd "$(dirname "$0")/.." || exit 2
root=$(pwd)
build=$root/build/fuzz
TOOLS=${TOOLS:-$root/build/tools}
TARGETS=${TARGETS:-"events reads calls segment index directory"}
mkdir -p "$build/logs" || exit 2

# ---- What has to be there -------------------------------------------------------------------------------------------

tools/need.sh "${CXX:-c++} --version" g++ || exit 1
tools/need.sh "python3 --version" python3 || exit 1

# AddressSanitizer is part of nightly toolchains only, and not of every one.
toolchain=
sanitizer=none
told="no sanitizer, stable"
[ "${SANITIZER:-address}" = address ] &&
    sysroot=$(rustc +nightly --print sysroot 2>/dev/null) &&
    ls "$sysroot"/lib/rustlib/*/lib/librustc-nightly_rt.asan.a >/dev/null 2>&1 &&
    toolchain=+nightly sanitizer=address told="AddressSanitizer, nightly"
if [ -z "$toolchain" ] && rustc +stable --version >/dev/null 2>&1; then
    toolchain=+stable
fi

# Does nothing where this version is there already.
cargo install cargo-fuzz --version $CARGO_FUZZ_VERSION --locked --root "$TOOLS" --quiet || exit 1
PATH=$TOOLS/bin:$PATH
export PATH

# ---- Build ----------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2086 # Without a toolchain there is no argument.
cargo $toolchain fuzz build --sanitizer $sanitizer --target-dir "$build/target-$sanitizer" >"$build/logs/build.log" 2>&1 || {
    cat "$build/logs/build.log" >&2
    echo "fuzz: the targets do not build" >&2
    exit 1
}
# shellcheck disable=SC2086
host=$(rustc $toolchain -vV | sed -n 's/^host: //p')
programs=$build/target-$sanitizer/$host/release
if [ "$seconds" = build ]; then
    echo "fuzz: the targets are in $programs ($told)"
    exit 0
fi
python3 fuzz/seeds.py "$build/seeds" || exit 1

# ---- Run ------------------------------------------------------------------------------------------------------------

grouped() { # NUMBER
    echo "$1" | sed -e :a -e 's/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/' -e ta
}

# The stores in files are made for each input, in memory where the machine has a file system there.
memory=/dev/shm
[ -d $memory ] && [ -w $memory ] || memory=$build
TMPDIR=$(mktemp -d --tmpdir="$memory") || exit 2
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' INT TERM

passed=0
failed=0
for target in $TARGETS; do
    log=$build/logs/$target.log
    findings=$build/findings/$target
    corpus=$build/corpus/$target
    mkdir -p "$findings" "$corpus" "$build/seeds/$target" || exit 2
    set -- "-max_total_time=$seconds" "-max_len=$input_bytes_max" "-timeout=$input_seconds_max" \
        "-rss_limit_mb=$memory_mb_max" "-artifact_prefix=$findings/" -print_final_stats=1
    case $target in
    # Its inputs reach so many features that weighing them takes longer than the calls.
    calls) set -- "$@" -entropic=0 ;;
    segment | index | directory) set -- "$@" -entropic=0 "-malloc_limit_mb=$files_malloc_mb_max" ;;
    *) set -- "$@" "-dict=$root/fuzz/dictionaries/$target.dict" ;;
    esac
    # New inputs go into the first folder; the seeds are only read. Short traces of allocations are a fifth faster.
    ASAN_OPTIONS=${ASAN_OPTIONS:-malloc_context_size=5} \
        "$programs/$target" "$corpus" "$build/seeds/$target" "$@" >"$log" 2>&1
    status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    executions=${executions:-0}
    if [ $status -eq 0 ] && [ "$executions" -gt 0 ]; then
        passed=$((passed + 1))
        echo "fuzz $target: $(grouped "$executions") executions in $seconds s," \
            "coverage $(grouped "${coverage:-0}"), nothing found ($told)"
        continue
    fi
    failed=$((failed + 1))
    echo "fuzz $target: FAILED after $(grouped "$executions") executions ($told)"
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ -n "$input" ]; then
        echo "  the input:  $input"
        echo "  once more:  $programs/$target $input"
    fi
    echo "  what it says, in $log:"
    grep -m 1 -A 6 -E 'panicked at|ERROR: (AddressSanitizer|libFuzzer)' "$log" | cut -c 1-2000 | sed 's/^/    /'
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
