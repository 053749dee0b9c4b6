#!/bin/sh
# usage: run.sh BUILDDIR LIBRARY_DIR
# How many calls a second each language makes, beside a C program in the same run: each takes its turn ROUNDS times (5), CALLS
# (100,000) calls each; the middle one counts. It takes what the tests of each language have built.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
library=$(cd "$2" && pwd)
calls=${CALLS:-100000}
rounds=${ROUNDS:-5}
export LD_LIBRARY_PATH="$library" RUNESTORE_LIBRARY="$library/librunestore.so" CALLS="$calls"
out=$build/languages
rm -rf "$out"
mkdir -p "$out"

need() { # WHAT TARGET
    [ -e "$1" ] || { echo "$1 is not there: make $2 makes it" >&2; exit 1; }
}
need "$build/python/venv/bin/python" python
need "$build/node/project/node_modules/runestore" node
need "$build/elixir/program/_build/prod" elixir
need "$build/go/program/go.mod" go
need "$build/ruby/gems/gems" ruby
java_jar=$(echo "$build"/java/dist/runestore-*.jar)
need "$java_jar" java
cp "$here/calls.mjs" "$build/node/project/"
"${CC:-cc}" -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -I"$here/../../include" "$here/calls.c" -o "$out/calls" -L"$library" -lrunestore
mkdir -p "$build/go/program/calls"
cp "$here/calls.go" "$build/go/program/calls/"
(
    export PKG_CONFIG_PATH="$build/go/prefix/lib/pkgconfig" GOPATH="$build/go/path" GOCACHE="$build/go/cache" GOENV=off GOPROXY=off
    cd "$build/go/program" && "${GO:-go}" build -o "$out/calls-go" ./calls
)
java_path=$out:$java_jar:${JARS:-/usr/share/java}/jna.jar
"${JAVAC:-javac}" -cp "$java_path" -d "$out" "$here/Calls.java"

turn() { # NAME COMMAND...
    name=$1
    shift
    "$@" >"$out/turn"
    sed "s/^/$name /" "$out/turn" >>"$out/seconds"
}
for _ in $(seq "$rounds"); do
    turn C "$out/calls" "$calls"
    turn Python "$build/python/venv/bin/python" "$here/calls.py" "$calls"
    turn Node.js-sync "${NODE:-node}" "$build/node/project/calls.mjs" "$calls"
    turn Node.js-await "${NODE:-node}" "$build/node/project/calls.mjs" "$calls" async
    turn Go "$out/calls-go" "$calls"
    turn Ruby env GEM_HOME="$build/ruby/gems" "${RUBY:-ruby}" "$here/calls.rb" "$calls"
    turn Java "${JAVA:-java}" -cp "$java_path" Calls "$calls"
    turn Elixir elixir -pa "$build/elixir/program/_build/prod/lib/*/ebin" "$here/calls.exs"
done

echo "$calls calls in memory, one event each; the middle of $rounds turns"
sort -k1,1 -k2,2 -k3,3g "$out/seconds" | awk -v calls="$calls" -v rounds="$rounds" '
    { key = $1 " " $2; if (!(key in count)) names[$1]; count[key]++; if (count[key] == int((rounds + 1) / 2)) rate[key] = calls / $3 }
    END {
        printf "%-16s %12s %8s %12s %8s\n", "", "append/s", "of C", "get_events/s", "of C"
        order = "C Python Node.js-sync Node.js-await Elixir Go Java Ruby"
        total = split(order, each, " ")
        for (i = 1; i <= total; i++) if (each[i] in names) {
            a = rate[each[i] " append"]; g = rate[each[i] " get_events"]
            printf "%-16s %12d %8.2f %12d %8.2f\n", each[i], a, a / rate["C append"], g, g / rate["C get_events"]
        }
    }'
