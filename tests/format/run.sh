#!/bin/sh
# The reader in Python, which knows nothing but docs/FORMAT.md, against Runestore:
#
#     tests/format/run.sh LIBRARY_DIR BUILD_DIR
#
# It decodes every golden store, every scenario as the library in LIBRARY_DIR writes it today, and finds every bit that is flipped
# in one. Stores go to BUILD_DIR. One line a store; the last line counts them. PYTHON=… picks an interpreter.

set -u
LC_ALL=C.UTF-8
export LC_ALL
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

PYTHON=${PYTHON:-python3}
if [ $# -ne 2 ]; then
    echo "usage: tests/format/run.sh LIBRARY_DIR BUILD_DIR" >&2
    exit 2
fi
library=$1/librunestore.so
build=$2
format=$(dirname "$0")
golden=$format/../golden
[ -f "$library" ] || {
    echo "format: there is no $library: run make" >&2
    exit 2
}
rm -rf "$build"
mkdir -p "$build" || exit 2

passed=0
failed=0
line() { # NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
    fi
}

# STORE EVENTS: the reader finds exactly these events, and nothing wrong.
decodes() {
    "$PYTHON" "$format/reader.py" "$1" >"$build/decoded" && cmp "$build/decoded" "$2"
}

# STORE SUMMARY: and all else is as it was written down.
summed() {
    "$PYTHON" "$format/reader.py" --summary "$1" >"$build/summary" &&
        "$PYTHON" -c 'import json, sys; sys.exit(json.load(open(sys.argv[1])) != json.load(open(sys.argv[2])))' \
            "$build/summary" "$2"
}

for events in "$golden"/v*/*.ndjson; do
    store=${events%.ndjson}
    name=${store#"$golden"/}
    decodes "$store" "$events" && summed "$store" "$store.json"
    line "golden $name" $?
done

scenarios=$("$PYTHON" -c 'import sys; sys.path.insert(0, sys.argv[1]); import scenarios; print(*scenarios.SCENARIOS)' \
    "$format") || exit 2
for scenario in $scenarios; do
    # Some end by killing themselves, and a shell has something to say about it.
    { "$PYTHON" "$format/scenarios.py" "$library" "$scenario" "$build/$scenario" >"$build/$scenario.ndjson"; } \
        2>"$build/$scenario.err"
    decodes "$build/$scenario" "$build/$scenario.ndjson"
    line "written today: $scenario" $?
done

"$PYTHON" "$format/damage.py" "$golden/v1/epochs" "$golden/v1/segments" "$build/damaged"
line "flipped bits are found" $?

echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
