#!/bin/sh
# Builds and runs the C and C++ tests against a built library:
#
#     tests/c/run.sh LIBRARY_DIR BUILD_DIR
#
# LIBRARY_DIR holds librunestore.so, librunestore.so.1 and librunestore.a; BUILD_DIR gets everything that is made here.
# Each suite runs as it is, under gcc's sanitizers, and under valgrind; how much less is repeated there is set below,
# and the counts are printed. RUNESTORE_TEST_SEED=N repeats a run with its random numbers.
#
# One line a suite; then what a failed one printed. The last line counts test cases.

set -u
LC_ALL=C
export LC_ALL

if [ $# -ne 2 ]; then
    echo "usage: tests/c/run.sh LIBRARY_DIR BUILD_DIR" >&2
    exit 2
fi

mkdir -p "$2" || exit 2
library=$(cd "$1" && pwd) || exit 2
build=$(cd "$2" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2

CC=${CC:-gcc}
CXX=${CXX:-g++}
warnings="-Wall -Wextra -Wpedantic -Werror"
c99="-std=c99 $warnings -D_POSIX_C_SOURCE=200809L -g -Iinclude -Itests/c -I$build"
shared="-pthread -L$library -lrunestore -Wl,-rpath,$library"
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

suites="abi outputs misuse handles pages vectors limits hostile header_examples
        threads_append threads_conditions threads_wait threads_stop threads_close fork"

# Everything is slower there, threads under valgrind most of all, since they take turns.
sanitizer_divisor=4
valgrind_divisor=40
seconds_max=280 # of one suite; the suites' own watchdogs are a little later, and say more

passed_total=0
failed_total=0

# ---- What has to be there -------------------------------------------------------------------------------------------

need() { # TOOL PACKAGE
    command -v "$1" >/dev/null 2>&1 && return
    echo "tests/c/run.sh: $1 is missing: install it (Debian, Ubuntu: apt-get install $2)" >&2
    exit 1
}

need "$CC" gcc
need "$CXX" g++
need python3 python3
need valgrind valgrind
need nm binutils
need readelf binutils
need timeout coreutils
for file in librunestore.so librunestore.so.1 librunestore.a; do
    if [ ! -e "$library/$file" ]; then
        echo "tests/c/run.sh: $1/$file is missing: cargo build --release makes it" >&2
        exit 1
    fi
done
rm -rf "$build/plain" "$build/sanitizers" "$build/valgrind" "$build/header" "$build/static"
mkdir -p "$build/plain" "$build/sanitizers" "$build/valgrind" "$build/header" "$build/static" || exit 2

# shellcheck disable=SC2086  # flags are to be split
if ! echo 'int main(void) { return 0; }' | "$CC" $sanitize -x c -o "$build/probe" - 2>"$build/probe.err"; then
    cat "$build/probe.err" >&2
    echo "tests/c/run.sh: $CC has no sanitizers: install libasan and libubsan (Debian, Ubuntu: apt-get install" \
        "libgcc-N-dev, with the N of your gcc; Fedora: dnf install libasan libubsan)" >&2
    exit 1
fi

# ---- Results --------------------------------------------------------------------------------------------------------

line() { # MODE SUITE PASSED FAILED SECONDS NOTE
    verdict=ok
    [ "$4" -eq 0 ] || verdict=FAILED
    printf '%-11s %-19s %4d passed %3d failed  %-6s %3s s  %s\n' "$1" "$2" "$3" "$4" "$verdict" "$5" "$6"
    passed_total=$((passed_total + $3))
    failed_total=$((failed_total + $4))
}

# What a suite printed, but for what its line shows.
show() {
    grep -v -e '^result: ' -e '^note: ' "$1" | sed -n '1,60s/^/    /p'
}

run() { # MODE SUITE COMMAND...
    mode=$1 suite=$2
    shift 2
    output=$build/$mode/$suite.out
    begun=$(date +%s)
    timeout "$seconds_max" "$@" >"$output" 2>&1 </dev/null
    code=$?
    result=$(sed -n 's/^result: //p' "$output" | tail -n 1)
    passed=$(echo "$result" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    failed=$(echo "$result" | sed -n 's/.* \([0-9]*\) failed$/\1/p')
    [ -n "$passed" ] || passed=0
    [ -n "$failed" ] || failed=0
    # It crashed, hung, or the tool around it found something: that is a failure as well.
    if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
        echo "exit status $code$([ "$code" -eq 124 ] && echo ": it ran for more than $seconds_max s")" >>"$output"
    fi
    if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
        echo "no test was run" >>"$output"
    fi
    notes=$(awk 'sub(/^note: /, "") { printf "%s%s", separator, $0; separator = "; " }' "$output")
    line "$mode" "$suite" "$passed" "$failed" $(($(date +%s) - begun)) "$notes"
    if [ "$failed" -gt 0 ]; then
        show "$output"
        for log in "$build/$mode/$suite".log*; do
            [ -e "$log" ] && ! grep -q 'ERROR SUMMARY: 0 errors' "$log" && sed -n '1,80s/^/    /p' "$log"
        done
    fi
}

# A test case that is one command; its output is shown if it fails.
case_passed=0
case_failed=0
case_output=
expect() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$build/case.out" 2>&1 </dev/null; then
        case_passed=$((case_passed + 1))
    else
        case_failed=$((case_failed + 1))
        case_output="$case_output
    FAILED $what
$(sed -n '1,20s/^/      /p' "$build/case.out")"
    fi
}

cases() { # MODE SUITE NOTE
    line "$1" "$2" "$case_passed" "$case_failed" 0 "$3"
    [ -z "$case_output" ] || echo "$case_output" | sed 1d
    case_passed=0 case_failed=0 case_output=
}

# ---- Building -------------------------------------------------------------------------------------------------------

source_of() {
    case $1 in
    header_examples | readme) echo "$build/$1.c" ;;
    *) echo "tests/c/$1.c" ;;
    esac
}

# shellcheck disable=SC2086
build_all() { # MODE FLAGS
    for suite in $suites five_lines readme leak; do
        if ! "$CC" $c99 $2 "$(source_of "$suite")" -o "$build/$1/$suite" $shared 2>"$build/$1/$suite.err"; then
            line "$1" "$suite" 0 1 0 "it does not compile"
            sed -n '1,40s/^/    /p' "$build/$1/$suite.err"
            rm -f "$build/$1/$suite"
        fi
    done
}

if ! python3 tests/c/vectors.py tests/vectors "$build/vectors.inc"; then
    line plain vectors.py 0 1 0 "tests/vectors could not be turned into a table"
    exit 1
fi
sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$build/readme.c"
if ! python3 tests/c/header_examples.py include/runestore.h "$build/header_examples.c"; then
    line plain header_examples.py 0 1 0 "the examples of include/runestore.h could not be taken out"
    exit 1
fi

# ---- The header and the library -------------------------------------------------------------------------------------

# shellcheck disable=SC2086
check_header() {
    echo '#include <runestore.h>' >"$build/header/alone.c"
    cp "$build/header/alone.c" "$build/header/alone.cpp"
    compilers=
    for compiler in "$CC" clang; do
        command -v "$compiler" >/dev/null 2>&1 || continue
        compilers="$compilers $compiler"
        for standard in c99 c11 c17; do
            expect "$compiler -std=$standard" "$compiler" -std=$standard $warnings -Wstrict-prototypes -Iinclude \
                -fsyntax-only "$build/header/alone.c"
        done
    done
    for compiler in "$CXX" clang++; do
        command -v "$compiler" >/dev/null 2>&1 || continue
        compilers="$compilers $compiler"
        for standard in c++11 c++17 c++20; do
            expect "$compiler -std=$standard" "$compiler" -std=$standard $warnings -Iinclude \
                -fsyntax-only "$build/header/alone.cpp"
        done
    done
    cases plain header "C99, C11, C17, C++11, C++17, C++20 by$compilers"
}

exported() {
    nm -D --defined-only "$library/librunestore.so" | sed 's/.* //' | sort | diff -u tests/abi/symbols.txt -
}

soname() {
    readelf -d "$library/librunestore.so" | grep -F 'Library soname: [librunestore.so.1]'
}

# A program has to find the library by its soname, not by the name that it was linked with.
needed() {
    readelf -d "$build/plain/five_lines" | grep -F 'NEEDED' | grep -F '[librunestore.so.1]'
}

check_library() {
    expect "the exported symbols are those of tests/abi/symbols.txt" exported
    expect "the soname is librunestore.so.1" soname
    expect "a program needs librunestore.so.1" needed
    cases plain symbols "$(grep -c . tests/abi/symbols.txt) exported"
}

prints_adas_event() { # COMMAND...
    "$@" >"$build/adas_event.out" || return
    grep -q '^\[{"sequence_number":1,.*"data":{"owner":"Ada"},"metadata":{}}\]$' "$build/adas_event.out"
}

# shellcheck disable=SC2086
check_static() {
    if "$CC" $c99 -O2 tests/c/abi.c -o "$build/static/abi" "$library/librunestore.a" -lpthread -ldl -lm \
        2>"$build/static/abi.err" && ! readelf -d "$build/static/abi" | grep -q librunestore; then
        run static abi "$build/static/abi"
    else
        line static abi 0 1 0 "it could not be linked with librunestore.a alone"
        sed 's/^/    /' "$build/static/abi.err"
    fi
}

# shellcheck disable=SC2086
check_cpp() {
    if "$CXX" -std=c++17 $warnings -O2 -g -Iinclude tests/cpp/header.cpp -o "$build/plain/cpp_header" $shared \
        2>"$build/plain/cpp_header.err"; then
        run plain cpp_header "$build/plain/cpp_header"
    else
        line plain cpp_header 0 1 0 "it does not compile as C++17"
        sed 's/^/    /' "$build/plain/cpp_header.err"
    fi
}

# ---- The three ways to run ------------------------------------------------------------------------------------------

run_plain() {
    build_all plain -O2
    for suite in $suites; do
        [ -x "$build/plain/$suite" ] && run plain "$suite" "$build/plain/$suite"
    done
    expect "five_lines" prints_adas_event "$build/plain/five_lines"
    expect "readme" prints_adas_event "$build/plain/readme"
    cases plain five_lines "a first program, and the one of README.md, without a warning"
}

# Succeeds if the tool reports the leak that leak.c has.
sees_a_leak() {
    "$@"
    [ $? -eq 99 ]
}

asan=ASAN_OPTIONS=detect_leaks=1:exitcode=99

# shellcheck disable=SC2086
run_sanitizers() {
    build_all sanitizers "-O1 $sanitize"
    export RUNESTORE_TEST_DIVISOR=$sanitizer_divisor
    # Reports go to a file, since one suite watches what is printed.
    for suite in $suites; do
        [ -x "$build/sanitizers/$suite" ] || continue
        run sanitizers "$suite" env "$asan:log_path=$build/sanitizers/$suite.log" "$build/sanitizers/$suite"
    done
    unset RUNESTORE_TEST_DIVISOR
    reports=$(find "$build/sanitizers" -name '*.log*' | wc -l)
    expect "no report" test "$reports" -eq 0
    expect "five_lines" prints_adas_event env "$asan" "$build/sanitizers/five_lines"
    expect "readme" prints_adas_event env "$asan" "$build/sanitizers/readme"
    expect "a leak on purpose is reported" sees_a_leak env "$asan" "$build/sanitizers/leak"
    cases sanitizers verdict "AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer: $reports reports"
}

# A buffer points 16 bytes into its block, so one that is lost in sight would count as "possibly lost" only.
valgrind_options="--error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible
                  --errors-for-leak-kinds=definite,indirect,possible --fair-sched=yes"

# What valgrind counted behind these words, over all programs.
sum_of() { # WORDS
    sed -n "s/.*$1: \([0-9,]*\) .*/\1/p" "$build"/valgrind/*.log | tr -d , | awk '{ sum += $1 } END { print sum + 0 }'
}

no_error_line() {
    ! grep -E 'Invalid (read|write|free)|ninitialised|Mismatched free|overlap|unrecognised|Process terminating' \
        "$build"/valgrind/*.log
}

# shellcheck disable=SC2086
run_valgrind() {
    export RUNESTORE_TEST_DIVISOR=$valgrind_divisor
    for suite in $suites five_lines readme; do
        [ -x "$build/plain/$suite" ] || continue
        log=$build/valgrind/$suite.log
        if [ "$suite" = five_lines ] || [ "$suite" = readme ]; then
            expect "$suite" prints_adas_event valgrind $valgrind_options --log-file="$log" "$build/plain/$suite"
        else
            run valgrind "$suite" valgrind $valgrind_options --log-file="$log" "$build/plain/$suite"
        fi
    done
    unset RUNESTORE_TEST_DIVISOR
    programs=$(find "$build/valgrind" -name '*.log' | wc -l)
    errors=$(sum_of "ERROR SUMMARY")
    lost="$(sum_of "definitely lost"), $(sum_of "indirectly lost"), $(sum_of "possibly lost")"
    expect "no error" test "$errors" -eq 0
    # Children of a fork become another program before their summary; what they did wrong stands in the log.
    expect "no error in a forked child" no_error_line
    expect "nothing lost" test "$lost" = "0, 0, 0"
    expect "a leak on purpose is reported" sees_a_leak valgrind $valgrind_options "$build/plain/leak"
    cases valgrind verdict \
        "$(valgrind --version), $programs programs: $errors errors; definitely, indirectly, possibly lost: $lost bytes"
}

check_header
run_plain
check_library
check_cpp
check_static
run_sanitizers
run_valgrind

echo "$passed_total passed, $failed_total failed"
[ "$failed_total" -eq 0 ]
