#!/bin/sh
# usage: test.sh BUILDDIR LIBRARY_DIR
# Installs the library into a prefix of its own and runs every test of the Go package against what was installed, outside
# the source tree and without the network.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
library=$(cd "$2" && pwd)
unset DESTDIR LIBDIR INCLUDEDIR DOCDIR PREFIX CGO_CFLAGS CGO_LDFLAGS GODEBUG GOEXPERIMENT
go=${GO:-go}

rm -rf "$build/prefix" "$build/runestore" "$build/dist" "$build/program"
PREFIX=$build/prefix sh "$here/../../packaging/install.sh" install "$library"
mkdir -p "$build/runestore" "$build/program"
cp -R "$here/." "$build/runestore"
cd "$build/runestore"

PKG_CONFIG_PATH=$build/prefix/lib/pkgconfig
LD_LIBRARY_PATH=$build/prefix/lib
RUNESTORE_VECTORS=$here/../../tests/vectors
# What go itself keeps goes where the tests are.
GOPATH=$build/path
GOCACHE=$build/cache
GOENV=off
GOPROXY=off
GOTOOLCHAIN=local
GOWORK=off
CGO_ENABLED=1
export PKG_CONFIG_PATH LD_LIBRARY_PATH RUNESTORE_VECTORS GOPATH GOCACHE GOENV GOPROXY GOTOOLCHAIN GOWORK CGO_ENABLED

echo "go: $("$go" version)"
unformatted=$("$("$go" env GOROOT)/bin/gofmt" -l .)
[ -z "$unformatted" ] || { echo "gofmt would change $unformatted"; exit 1; }
"$go" vet ./...
echo "go: tests"
"$go" test -count=1 -v ./... >"$build/tests.log" 2>&1 || { cat "$build/tests.log"; exit 1; }
grep -E '^(vectors|memory): ' "$build/tests.log"
echo "go: $(grep -c '^--- PASS: ' "$build/tests.log") tests and $(grep -c '^ .*--- PASS: ' "$build/tests.log") cases of them passed"
if grep '^ *--- SKIP: ' "$build/tests.log"; then
    [ "${RUNESTORE_TEST_CALLS:-}" = 0 ] || { echo "tests were left out"; exit 1; }
fi

# Memory is measured above: the race detector has its own needs.
echo "go: tests with the race detector and the check of pointers that C is given"
case $("$go" env GOVERSION) in
go1.19* | go1.20*) GODEBUG=cgocheck=2 && export GODEBUG ;;
*) GOEXPERIMENT=cgocheck2 && export GOEXPERIMENT ;;
esac
RUNESTORE_TEST_CALLS=0 "$go" test -count=1 -race ./... >"$build/race.log" 2>&1 || { cat "$build/race.log"; exit 1; }
unset GODEBUG GOEXPERIMENT

# Go's own accesses to what C gave, and C's.
echo "go: tests with AddressSanitizer"
# It knows the compiler by its name.
case $("${CC:-cc}" --version) in *clang*) compiler=clang ;; *) compiler=gcc ;; esac
CC=$compiler RUNESTORE_TEST_CALLS=0 "$go" test -count=1 -asan ./... >"$build/asan.log" 2>&1 || { cat "$build/asan.log"; exit 1; }

# A program that has the package, as it is packed, as a dependency; the same without pkg-config, by the flags.
echo "go: as a dependency"
sh "$here/package.sh" "$build/dist"
tar -xf "$build"/dist/runestore-go-*.tar.gz --one-top-level="$build/dist/runestore" --strip-components=1
cp "$here/example/main.go" "$build/program"
cd "$build/program"
cat >go.mod <<'END'
module program

go 1.19

require runestore v0.0.0

replace runestore => ../dist/runestore
END
"$go" build -o by-pkg-config .
CGO_CFLAGS=-I$build/prefix/include CGO_LDFLAGS=-L$build/prefix/lib PKG_CONFIG=false \
    "$go" build -tags runestore_flags -o by-flags .
cat >expected <<'END'
7 events more; 1 of 6 refused: 0 cents are there, 1000 are wanted
  1 Opened     0
  2 Deposited  5000
  3 Withdrawn  4000
  4 Withdrawn  3000
  5 Withdrawn  2000
  6 Withdrawn  1000
  7 Withdrawn  0
  8 Closed     0
END
for program in by-pkg-config by-flags; do
    readelf -d "$program" | grep -q 'NEEDED.*\[librunestore\.so\.1\]' ||
        { echo "$program does not ask for librunestore.so.1"; exit 1; }
    ./"$program" "$program.runes" >"$program.out"
    diff expected "$program.out"
done
mkdir -p "$build/program/page"
sh "$here/../../tests/languages/check.sh" go "$build/program/page/main.go" \
    sh -c "(cd '$build/program' && '$go' build -o page-program page/main.go) && '$build/program/page-program'"
mkdir -p outcomes
cp "$here/../../tests/languages/outcomes/outcomes.go" outcomes
"$go" build -race -o outcomes-program ./outcomes
sh "$here/../../tests/languages/outcomes.sh" go "$build/program/outcomes-program"
echo "go: all tests passed"
