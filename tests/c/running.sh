# shellcheck shell=sh disable=SC2034  # the readers use the variables
# What tests/c/run.sh and tests/cpp/run.sh share: reading their arguments, what has to be there, running suites and
# counting their cases. It is read in, with `script` naming the reader and "$@" its arguments; it changes to the
# project's folder.

LC_ALL=C
export LC_ALL

if [ $# -ne 2 ]; then
    echo "usage: $script LIBRARY_DIR BUILD_DIR" >&2
    exit 2
fi

mkdir -p "$2" || exit 2
library=$(cd "$1" && pwd) || exit 2
build=$(cd "$2" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2

CC=${CC:-gcc}
CXX=${CXX:-g++}
shared="-pthread -L$library -lrunestore -Wl,-rpath,$library"
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

# Everything is slower there, threads under valgrind most of all, since they take turns.
sanitizer_divisor=4
valgrind_divisor=40
seconds_max=280 # of one suite; the suites' own watchdogs are a little later, and say more

passed_total=0
failed_total=0

# ---- What has to be there -------------------------------------------------------------------------------------------

need() { # TOOL PACKAGE
    command -v "$1" >/dev/null 2>&1 && return
    echo "$script: $1 is missing: install it (Debian, Ubuntu: apt-get install $2)" >&2
    exit 1
}

need "$CC" gcc
need "$CXX" g++
need python3 python3
need valgrind valgrind
need timeout coreutils
for file in librunestore.so librunestore.so.1 librunestore.a; do
    if [ ! -e "$library/$file" ]; then
        echo "$script: $library/$file is missing: cargo build --release makes it" >&2
        exit 1
    fi
done

# shellcheck disable=SC2086  # flags are to be split
if ! echo 'int main(void) { return 0; }' | "$CC" $sanitize -x c -o "$build/probe" - 2>"$build/probe.err"; then
    cat "$build/probe.err" >&2
    echo "$script: $CC has no sanitizers: install libasan and libubsan (Debian, Ubuntu: apt-get install" \
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

# ---- The tools ------------------------------------------------------------------------------------------------------

# Succeeds if the tool reports the leak that leak.c has.
sees_a_leak() {
    "$@"
    [ $? -eq 99 ]
}

asan=ASAN_OPTIONS=detect_leaks=1:exitcode=99

# The cases behind the suites: that the sanitizers reported nothing, and that they would have.
sanitizers_verdict() { # MODE...
    reports=$(for mode in "$@"; do find "$build/$mode" -name '*.log*'; done | wc -l)
    expect "no report" test "$reports" -eq 0
    expect "a leak on purpose is reported" sees_a_leak env "$asan" "$build/$1/leak"
    cases "$1" verdict "AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer: $reports reports"
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

# The same for valgrind.
# shellcheck disable=SC2086
valgrind_verdict() { # LEAK
    programs=$(find "$build/valgrind" -name '*.log' | wc -l)
    errors=$(sum_of "ERROR SUMMARY")
    lost="$(sum_of "definitely lost"), $(sum_of "indirectly lost"), $(sum_of "possibly lost")"
    expect "no error" test "$errors" -eq 0
    # Children of a fork become another program before their summary; what they did wrong stands in the log.
    expect "no error in a forked child" no_error_line
    expect "nothing lost" test "$lost" = "0, 0, 0"
    expect "a leak on purpose is reported" sees_a_leak valgrind $valgrind_options "$1"
    cases valgrind verdict \
        "$(valgrind --version), $programs programs: $errors errors; definitely, indirectly, possibly lost: $lost bytes"
}
