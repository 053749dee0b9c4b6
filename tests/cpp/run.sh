#!/bin/sh
# Builds and runs the tests of runestore.hpp against a built library:
#
#     tests/cpp/run.sh LIBRARY_DIR BUILD_DIR
#
# LIBRARY_DIR holds librunestore.so, librunestore.so.1 and librunestore.a; BUILD_DIR gets everything that is made here.
# Each suite runs with exceptions and, in the modes called -noexc, without: at C++17, C++20 and, where the compiler has
# it, C++23; under gcc's sanitizers; and under valgrind. How much less is repeated there is set in tests/c/running.sh.
#
# One line a suite; then what a failed one printed. The last line counts test cases.

set -u
script=tests/cpp/run.sh
# shellcheck source=tests/c/running.sh
. "$(dirname "$0")/../c/running.sh"

warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
includes="-Iinclude -Itests/c -Itests/cpp"
headers="include/runestore.hpp include/runestore/values.hpp include/runestore/cursor.hpp"
no_exceptions="-fno-exceptions -fno-rtti"

suites="calls texts errors moves durations ranges threads abi units examples"
# With exceptions only: an engine that throws, and programs, as their readers would build them.
throwing_suites=engine
programs="ledger readme"

standards="17 20"
echo 'int main() {}' >"$build/probe.cpp"
"$CXX" -std=c++23 -fsyntax-only "$build/probe.cpp" 2>/dev/null && standards="$standards 23"

for mode in c++17 c++20 c++23 sanitizers san valgrind header; do
    rm -rf "${build:?}/$mode" "$build/$mode-noexc"
    mkdir -p "$build/$mode" "$build/$mode-noexc" || exit 2
done

# ---- Building -------------------------------------------------------------------------------------------------------

if ! python3 tests/cpp/header_examples.py "$build/examples.cpp" $headers; then
    line header examples 0 1 0 "the examples of the headers could not be taken out"
    exit 1
fi
sed -n '/^```cpp$/,/^```$/p' README.md | sed '/^```/d' >"$build/readme.cpp"
[ -s "$build/readme.cpp" ] || programs=ledger

source_of() {
    case $1 in
    examples | readme) echo "$build/$1.cpp" ;;
    ledger) echo examples/ledger/ledger.cpp ;;
    *) echo "tests/cpp/$1.cpp" ;;
    esac
}

# The files that units.cpp is linked with have their own mode, whatever the suite's is. The sanitizer's check of virtual
# tables needs RTTI in all of a program: of two tables, the linker may take the one from the file that has none.
# shellcheck disable=SC2086
build_units() { # MODE FLAGS
    "$CXX" $2 -fexceptions -frtti -fno-sanitize=vptr -c tests/cpp/units_throwing.cpp -o "$build/$1/units_throwing.o" &&
        "$CXX" $2 -c tests/cpp/units_returning.cpp -o "$build/$1/units_returning.o"
}

# shellcheck disable=SC2086
build_suite() { # MODE SUITE FLAGS
    flags="$3 $warnings -g $includes"
    objects=
    if [ "$2" = units ]; then
        build_units "$1" "$flags" || return
        objects="$build/$1/units_throwing.o $build/$1/units_returning.o"
    fi
    [ "$2" != engine ] || objects=examples/engines/bounded.cpp
    "$CXX" $flags "$(source_of "$2")" $objects -o "$build/$1/$2" $shared
}

build_all() { # MODE FLAGS SUITE...
    mode=$1 flags_of_mode=$2
    shift 2
    for suite in "$@"; do
        if ! build_suite "$mode" "$suite" "$flags_of_mode" 2>"$build/$mode/$suite.err"; then
            line "$mode" "$suite" 0 1 0 "it does not compile"
            sed -n '1,40s/^/    /p' "$build/$mode/$suite.err"
            rm -f "$build/$mode/$suite"
        fi
    done
}

# ---- The headers ----------------------------------------------------------------------------------------------------

# What the headers define beyond what they include.
leaked_macros() {
    { sed -n '/^#include </p' $headers && echo '#include <runestore.h>'; } | sort -u >"$build/header/without.cpp"
    { cat "$build/header/without.cpp" && echo '#include <runestore.hpp>'; } >"$build/header/with.cpp"
    for file in without with; do
        "$CXX" -std=c++17 -Iinclude -dM -E "$build/header/$file.cpp" | sort >"$build/header/$file.macros" || return
    done
    comm -13 "$build/header/without.macros" "$build/header/with.macros" | grep -v '^#define RUNESTORE_'
}

# Programs that are built with -Weffc++ get no warnings from the headers but of the post-increments, which give what an
# input iterator of views has to. Only gcc has them. The warnings, if there are others.
effective_warnings() {
    for mode in "" "$no_exceptions"; do
        # shellcheck disable=SC2086
        "$CXX" -std=c++17 $mode -Weffc++ -Iinclude -fsyntax-only "$build/header/with.cpp" 2>&1 |
            grep -e 'warning: ' -e 'error: ' | grep -v 'warning: postfix '
    done
}

# shellcheck disable=SC2086
check_headers() {
    compilers=
    for compiler in "$CXX" clang++; do
        command -v "$compiler" >/dev/null 2>&1 || continue
        compilers="$compilers $compiler"
        for header in $headers; do
            echo "#include \"$(pwd)/$header\"" >"$build/header/alone.cpp"
            for standard in $standards; do
                for mode in "" "$no_exceptions" -DRUNESTORE_NO_EXCEPTIONS; do
                    expect "$compiler -std=c++$standard $mode: $header" "$compiler" -std=c++$standard $warnings $mode \
                        -fsyntax-only "$build/header/alone.cpp"
                done
            done
        done
    done
    expect "no macro leaks but RUNESTORE_*" test -z "$(leaked_macros)"
    expect "no member is left out (-Weffc++)" test -z "$(effective_warnings)"
    cases header alone "C++ $standards, with and without exceptions, by$compilers"
}

# ---- The ways to run ------------------------------------------------------------------------------------------------

# Succeeds if the program ends well and its last line says so.
ends_well() { # LINE COMMAND...
    last_line=$1
    shift
    "$@" >"$build/program.out" || return
    tail -n 1 "$build/program.out" | grep -F "$last_line" || { cat "$build/program.out" && false; }
}

run_programs() { # MODE BUILT COMMAND_PREFIX...
    mode=$1 built=$2
    shift 2
    for program in $programs; do
        case $program in
        ledger) expect ledger ends_well "no cent was lost" "$@" "$build/$built/ledger" ;;
        readme) expect readme ends_well '"data":{"owner":"Ada"}' "$@" "$build/$built/readme" ;;
        esac
    done
    cases "$mode" programs "$programs"
}

run_plain() {
    for standard in $standards; do
        # Valgrind runs those of C++17; the others are there for the compiler's sake.
        optimise=-O0
        [ "$standard" = 17 ] && optimise=-O2
        for mode in "c++$standard" "c++$standard-noexc"; do
            flags="-std=c++$standard $optimise"
            of_mode="$suites $throwing_suites"
            case $mode in *-noexc) flags="$flags $no_exceptions" of_mode=$suites ;; esac
            # shellcheck disable=SC2086
            build_all "$mode" "$flags" $of_mode
            for suite in $of_mode; do
                [ -x "$build/$mode/$suite" ] && run "$mode" "$suite" "$build/$mode/$suite"
            done
        done
    done
    # shellcheck disable=SC2086
    build_all c++17 "-std=c++17 -O2" $programs
    run_programs c++17 c++17
}

# shellcheck disable=SC2086
run_sanitizers() {
    build_all sanitizers "-std=c++17 -O1 $sanitize" $suites $throwing_suites $programs
    build_all san-noexc "-std=c++17 -O1 $sanitize $no_exceptions" $suites
    "$CC" -g $sanitize -Iinclude tests/c/leak.c -o "$build/sanitizers/leak" $shared
    export RUNESTORE_TEST_DIVISOR=$sanitizer_divisor
    for mode in sanitizers san-noexc; do
        for suite in $suites $throwing_suites; do
            [ -x "$build/$mode/$suite" ] || continue
            run "$mode" "$suite" env "$asan:log_path=$build/$mode/$suite.log" "$build/$mode/$suite"
        done
    done
    unset RUNESTORE_TEST_DIVISOR
    run_programs sanitizers sanitizers env "$asan"
    sanitizers_verdict sanitizers san-noexc
}

# shellcheck disable=SC2086
run_valgrind() {
    "$CC" -g -Iinclude tests/c/leak.c -o "$build/c++17/leak" $shared
    export RUNESTORE_TEST_DIVISOR=$valgrind_divisor
    for built in c++17 c++17-noexc; do
        for suite in $suites $throwing_suites; do
            [ -x "$build/$built/$suite" ] || continue
            name=$suite${built#c++17}
            run valgrind "$name" valgrind $valgrind_options --log-file="$build/valgrind/$name.log" \
                "$build/$built/$suite"
        done
    done
    unset RUNESTORE_TEST_DIVISOR
    run_programs valgrind c++17 valgrind $valgrind_options --log-file="$build/valgrind/%p.log"
    valgrind_verdict "$build/c++17/leak"
}

check_headers
run_plain
run_sanitizers
run_valgrind

echo "$passed_total passed, $failed_total failed"
[ "$failed_total" -eq 0 ]
