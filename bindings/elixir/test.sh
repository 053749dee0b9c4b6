#!/bin/sh
# usage: test.sh BUILDDIR LIBRARY_DIR
# Installs the library into a prefix of its own and runs every test of the Elixir package against what was installed,
# outside the source tree.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
library=$(cd "$2" && pwd)
unset DESTDIR LIBDIR INCLUDEDIR DOCDIR PREFIX RUNESTORE_INCLUDE RUNESTORE_LIB

rm -rf "$build/prefix" "$build/project" "$build/sanitized"
PREFIX=$build/prefix sh "$here/../../packaging/install.sh" install "$library"
mkdir -p "$build/project"
cp -R "$here/." "$build/project"
rm -rf "$build/project/_build" "$build/project/deps"
cd "$build/project"

PKG_CONFIG_PATH=$build/prefix/lib/pkgconfig
MIX_ENV=test
RUNESTORE_VECTORS=$here/../../tests/vectors
# What mix itself keeps goes where the tests are.
MIX_HOME=$build/mix
export PKG_CONFIG_PATH MIX_ENV RUNESTORE_VECTORS MIX_HOME

echo "elixir: formatting"
mix format --check-formatted
echo "elixir: compiling"
mix compile --warnings-as-errors
readelf -d _build/test/lib/runestore/priv/runestore_nif.so | grep -q 'NEEDED.*\[librunestore\.so\.1\]' ||
    { echo "the NIF does not ask for librunestore.so.1"; exit 1; }
exported=$(nm -D --defined-only _build/test/lib/runestore/priv/runestore_nif.so | awk '{print $3}')
[ "$exported" = nif_init ] || { echo "the NIF exports more than its entry: $exported"; exit 1; }
echo "elixir: tests"
mix test --warnings-as-errors

# The same with a NIF that looks at every access, and at what is not freed in the end. How much memory is taken was measured above:
# here what was freed is held back.
echo "elixir: tests with AddressSanitizer and UndefinedBehaviorSanitizer"
asan=$("${CC:-cc}" -print-file-name=libasan.so)
[ -e "$asan" ] || { echo "${CC:-cc} has no libasan.so: CC=gcc" >&2; exit 1; }
# Erlang's own.
cat >"$build/erlang.supp" <<'END'
leak:sys_thread_init_signal_stack
leak:/bin/inet_gethost
leak:/bin/dyn_erl
END
(
    MIX_BUILD_PATH=$build/sanitized
    CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    LD_PRELOAD="$asan $("${CC:-cc}" -print-file-name=libubsan.so)"
    LSAN_OPTIONS=suppressions=$build/erlang.supp:print_suppressions=0
    export MIX_BUILD_PATH CFLAGS LD_PRELOAD LSAN_OPTIONS
    # The compiler, which loads the NIF, runs programs that free nothing in the end.
    ASAN_OPTIONS=detect_leaks=0 mix compile --warnings-as-errors >"$build/sanitized.log" 2>&1 || { cat "$build/sanitized.log"; exit 1; }
    # shellcheck disable=SC2046  # one name each
    mix test $(ls test/*_test.exs | grep -v memory)
)

# The same without pkg-config, by the variables.
(
    unset PKG_CONFIG_PATH
    RUNESTORE_INCLUDE=$build/prefix/include RUNESTORE_LIB=$build/prefix/lib PKG_CONFIG=false OUT=$build/by-variables \
        make --no-print-directory >/dev/null
)
test -s "$build/by-variables/runestore_nif.so"
# A program that has the package, as it is packed, as a dependency, as a release would run it.
echo "elixir: as a dependency"
rm -rf "$build/program" "$build/dist"
sh "$here/package.sh" "$build/dist"
tar -xf "$build"/dist/runestore-elixir-*.tar.gz --one-top-level="$build/dist/runestore" --strip-components=1
mkdir -p "$build/program/lib"
cat >"$build/program/mix.exs" <<'END'
defmodule Program.MixProject do
  use Mix.Project
  def project, do: [app: :program, version: "0.0.1", deps: [{:runestore, path: "../dist/runestore"}]]
end
END
cat >"$build/program/lib/program.ex" <<'END'
defmodule Program do
  def run do
    store = Runestore.open!()
    [event] = Runestore.append!(store, %{type: "Opened", domain: "account", instance_id: "a-1"})
    IO.puts("position #{event.sequence_number}")
  end
end
END
(
    cd "$build/program"
    MIX_ENV=prod mix compile --warnings-as-errors >"$build/program.log" 2>&1 || { cat "$build/program.log"; exit 1; }
    [ "$(MIX_ENV=prod mix run -e 'Program.run()')" = "position 1" ]
)
languages=$here/../../tests/languages
with_runestore() { # SCRIPT FILE ARGUMENT SCRIPT_OF_ELIXIR
    sh "$languages/$1" "$2" ${3:+"$3"} \
        elixir -pa "$build/program/_build/prod/lib/*/ebin" -e 'Application.ensure_all_started(:runestore)' -r "$4"
}
with_runestore check.sh elixir "$build/program/page.exs" "$build/program/page.exs"
with_runestore outcomes.sh elixir "" "$languages/outcomes/outcomes.exs"
echo "elixir: all tests passed"
