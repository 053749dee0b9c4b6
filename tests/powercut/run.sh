#!/bin/sh
# Power cuts under a store, in a virtual machine (user-mode-linux), on ext4:
#
#     tests/powercut/run.sh LIBRARY_DIR BUILD_DIR [ROUNDS [STATES]]
#
# ROUNDS=20 cuts of a running machine, then STATES=32 states of a disk whose every write was recorded. BUILD_DIR gets the
# disks, and keeps those on which something was wrong. README.md says what it proves. RUNESTORE_TEST_SEED=N repeats the
# choices of a run.

set -u
LC_ALL=C
export LC_ALL
script=tests/powercut/run.sh
if [ $# -lt 2 ]; then
    echo "usage: $script LIBRARY_DIR BUILD_DIR [ROUNDS [STATES]]" >&2
    exit 2
fi
mkdir -p "$2" || exit 2
RUNESTORE_LIB_DIR=$(cd "$1" && pwd) || exit 2
RUNESTORE_BUILD_DIR=$(cd "$2" && pwd) || exit 2
export RUNESTORE_LIB_DIR RUNESTORE_BUILD_DIR
rounds=${3:-20} states=${4:-32}
cd "$(dirname "$0")/../.." || exit 2
PATH=$PATH:/sbin:/usr/sbin
case $RUNESTORE_BUILD_DIR$PWD in
*[\ ,]*)
    echo "$script: the virtual machine cannot be told a path with a space or a comma" >&2
    exit 2
    ;;
esac

tools/need.sh "${CC:-cc} --version" gcc libc6-dev || exit 1
tools/need.sh "${PYTHON:-python3} -c 'import sys; assert sys.version_info >= (3, 11)'" python3 || exit 1
tools/need.sh "linux.uml --version" user-mode-linux || exit 1
tools/need.sh "/sbin/modprobe --version" kmod || exit 1
tools/need.sh "/sbin/dmsetup --help" dmsetup || exit 1
tools/need.sh "/sbin/mkfs.ext4 -V" e2fsprogs || exit 1

"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -O2 -g -Iinclude \
    tests/machine/writer.c -o "$RUNESTORE_BUILD_DIR/writer" -pthread -L"$RUNESTORE_LIB_DIR" -lrunestore \
    -Wl,-rpath,"$RUNESTORE_LIB_DIR" || exit 1

begun=$(date +%s) passed=0 failed=0
for part in "running $rounds" "recorded $states"; do
    output=$RUNESTORE_BUILD_DIR/${part% *}.out
    "${PYTHON:-python3}" -B "tests/powercut/${part% *}.py" "${part#* }" >"$output" 2>&1 </dev/null
    code=$?
    sed -e '/^result: /d' -e 's/^note: //' "$output"
    result=$(sed -n 's/^result: //p' "$output")
    ok=$(echo "$result" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    bad=$(echo "$result" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
    # A part that crashed has no result: that is a failure as well.
    [ "$code" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
    passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-0}))
done
echo "it took $(($(date +%s) - begun)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
