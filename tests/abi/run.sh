#!/bin/sh
# Compares the interface that the header declares with the one that was released:
#
#     tests/abi/run.sh BUILD_DIR            fails where they differ in any way
#     tests/abi/run.sh BUILD_DIR --record   writes tests/abi/runestore.abi anew, after the version was raised
#
# What is compared is what a C compiler makes of the header: functions, parameters, the layout of structs. That the library
# exports just these names, and that the numbers of statuses stay, tests/c checks.
set -eu
LC_ALL=C
export LC_ALL
mkdir -p "$1"
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
PYTHON=${PYTHON:-python3}

compiled() { # HEADER_FOLDER NAME
    "$PYTHON" tests/abi/definitions.py "$1/runestore.h" >"$build/$2.c"
    "$CC" -std=c99 -g -shared -fPIC -fdebug-prefix-map="$build"=. -I"$1" "$build/$2.c" -o "$build/$2.so"
}
# 0: the same; bit 4: something changed; bit 8: and a program that was built before breaks.
compared() { # NAME
    status=0
    abidiff --no-show-locs --no-architecture tests/abi/runestore.abi "$build/$1.so" >"$build/$1.txt" 2>&1 || status=$?
}

compiled include now
if [ "${2:-}" = --record ]; then
    abidw --no-show-locs --no-corpus-path --no-comp-dir-path --no-architecture "$build/now.so" >tests/abi/runestore.abi
    echo "abi: tests/abi/runestore.abi is written anew"
    exit 0
fi

# That the comparison sees what it is there for.
changed() { # NAME SED_SCRIPT WHAT STATUS
    mkdir -p "$build/$1"
    sed "$2" include/runestore.h >"$build/$1/runestore.h"
    ! cmp -s include/runestore.h "$build/$1/runestore.h" || { echo "abi: nothing changes a header so that $3" && exit 1; }
    compiled "$build/$1" "$1"
    compared "$1"
    [ "$status" -eq "$4" ] || { echo "status $status" && cat "$build/$1.txt" && echo "abi: not seen: $3" && exit 1; }
    echo "ok    seen: $3"
}
changed removed '/^int32_t store_interrupt(store_t \*store);$/d' "a function is gone" 12
changed parameter 's/^int32_t store_interrupt(store_t \*store);$/int32_t store_interrupt(uint32_t store);/' "a parameter has another type" 4
changed member 's/^    uint64_t abilities;$/    uint32_t abilities;/' "a member of the table has another size" 4
changed added 's/^int32_t store_interrupt(store_t \*store);$/&\nint32_t store_added(store_t *store);/' "a function is new" 4

compared now
case $((status & 15)) in
0) echo "abi: the interface is the recorded one" ;;
*)
    cat "$build/now.txt"
    echo "abi: the interface differs from tests/abi/runestore.abi. What only adds to it raises the minor version" \
        "(STORE_ABI_VERSION), and is recorded by tests/abi/run.sh BUILD_DIR --record; all else needs a new major version"
    exit 1
    ;;
esac
