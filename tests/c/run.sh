#!/bin/sh
# Builds and runs the tests of runestore.h against a built library:
#
#     tests/c/run.sh LIBRARY_DIR BUILD_DIR
#
# LIBRARY_DIR holds librunestore.so, librunestore.so.1 and librunestore.a; BUILD_DIR gets everything that is made here.
# Each suite runs as it is, under gcc's sanitizers, and under valgrind; how much less is repeated there is set in
# running.sh, and the counts are printed. RUNESTORE_TEST_SEED=N repeats a run with its random numbers.
#
# One line a suite; then what a failed one printed. The last line counts test cases.

set -u
script=tests/c/run.sh
# shellcheck source=tests/c/running.sh
. "$(dirname "$0")/running.sh"

warnings="-Wall -Wextra -Wpedantic -Werror"
c99="-std=c99 $warnings -D_POSIX_C_SOURCE=200809L -g -Iinclude -Itests/c -I$build"

suites="abi outputs misuse handles pages vectors limits hostile header_examples
        threads_append threads_conditions threads_wait threads_stop threads_close fork growth engine"

need nm binutils
need readelf binutils
rm -rf "$build/plain" "$build/sanitizers" "$build/valgrind" "$build/header" "$build/static"
mkdir -p "$build/plain" "$build/sanitizers" "$build/valgrind" "$build/header" "$build/static" || exit 2

# ---- Building -------------------------------------------------------------------------------------------------------

sources_of() {
    case $1 in
    header_examples | readme) echo "$build/$1.c" ;;
    engine) echo "tests/c/engine.c examples/engines/jsonl.c" ;;
    *) echo "tests/c/$1.c" ;;
    esac
}

# shellcheck disable=SC2086
build_all() { # MODE FLAGS
    for suite in $suites five_lines readme leak; do
        if ! "$CC" $c99 $2 $(sources_of "$suite") -o "$build/$1/$suite" $shared 2>"$build/$1/$suite.err"; then
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
    expect "five_lines" prints_adas_event env "$asan" "$build/sanitizers/five_lines"
    expect "readme" prints_adas_event env "$asan" "$build/sanitizers/readme"
    sanitizers_verdict sanitizers
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
    valgrind_verdict "$build/plain/leak"
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
