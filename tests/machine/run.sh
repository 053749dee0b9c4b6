#!/bin/sh
# Tests of the file engine on a real machine: killed processes, failing system calls, full disks, other processes.
#
#     tests/machine/run.sh LIBRARY_DIR BUILD_DIR [SUITE ...]
#
# LIBRARY_DIR holds librunestore.so and librunestore.so.1; BUILD_DIR gets everything that is made here, and keeps the
# stores of what failed. ROUNDS=200 says how often a writer is killed, EVENTS=1000000 how many events are followed,
# RUNESTORE_TEST_SEED=N repeats the choices of a run.
#
# One line a suite; then what a failed one printed. The last line counts test cases.

set -u
LC_ALL=C
export LC_ALL
script=tests/machine/run.sh
if [ $# -lt 2 ]; then
    echo "usage: $script LIBRARY_DIR BUILD_DIR [SUITE ...]" >&2
    exit 2
fi
mkdir -p "$2" || exit 2
RUNESTORE_LIB_DIR=$(cd "$1" && pwd) || exit 2
RUNESTORE_BUILD_DIR=$(cd "$2" && pwd) || exit 2
export RUNESTORE_LIB_DIR RUNESTORE_BUILD_DIR
shift 2
suites=${*:-selftest kill processes faults space modes}
cd "$(dirname "$0")/../.." || exit 2
build=$RUNESTORE_BUILD_DIR

tools/need.sh "${CC:-cc} --version" gcc libc6-dev || exit 1
tools/need.sh "${PYTHON:-python3} -c 'import sys; assert sys.version_info >= (3, 11)'" python3 || exit 1
tools/need.sh "strace --version" strace || exit 1
tools/need.sh "PATH=\$PATH:/sbin:/usr/sbin mkfs.ext4 -V" e2fsprogs || exit 1
tools/need.sh "mount --version" mount || exit 1
PATH=$PATH:/sbin:/usr/sbin
for file in librunestore.so librunestore.so.1; do
    if [ ! -e "$RUNESTORE_LIB_DIR/$file" ]; then
        echo "$script: $RUNESTORE_LIB_DIR/$file is missing: cargo build --release makes it" >&2
        exit 1
    fi
done

"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -O2 -g -Iinclude \
    tests/machine/writer.c -o "$build/writer" -pthread -L"$RUNESTORE_LIB_DIR" -lrunestore \
    -Wl,-rpath,"$RUNESTORE_LIB_DIR" || exit 1

passed_total=0 failed_total=0 skipped_total=0
for suite in $suites; do
    output=$build/$suite.out
    begun=$(date +%s)
    timeout -k 10 1800 "${PYTHON:-python3}" -B "tests/machine/$suite.py" >"$output" 2>&1 </dev/null
    code=$?
    result=$(sed -n 's/^result: //p' "$output" | tail -n 1)
    passed=$(echo "$result" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    failed=$(echo "$result" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
    skipped=$(echo "$result" | sed -n 's/.* \([0-9]*\) skipped$/\1/p')
    : "${passed:=0}" "${failed:=0}" "${skipped:=0}"
    # A suite that crashed or hung has no result: that is a failure as well.
    if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
        echo "exit status $code" >>"$output"
    fi
    verdict=ok
    [ "$failed" -eq 0 ] || verdict=FAILED
    printf 'machine     %-19s %4d passed %3d failed %3d skipped  %-6s %4s s\n' \
        "$suite" "$passed" "$failed" "$skipped" "$verdict" $(($(date +%s) - begun))
    sed -n 's/^note: /    /p' "$output"
    [ "$failed" -eq 0 ] || grep -v -e '^result: ' -e '^note: ' "$output" | sed -n '1,60s/^/    /p'
    passed_total=$((passed_total + passed))
    failed_total=$((failed_total + failed))
    skipped_total=$((skipped_total + skipped))
done

[ "$skipped_total" -eq 0 ] || echo "$skipped_total skipped: see above for what this machine does not allow"
echo "$passed_total passed, $failed_total failed"
[ "$failed_total" -eq 0 ]
