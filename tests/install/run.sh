#!/bin/sh
# Installs the library and builds programs against what was installed, outside the source tree:
#
#     tests/install/run.sh LIBRARY_DIR BUILD_DIR
#
# In C and in C++, linked against the shared and the static library, through pkg-config and through CMake; from a tree that
# was moved; as a package's tree under DESTDIR. One line a check; the last one counts them.
set -eu
# shellcheck source=tests/install/checking.sh
. "$(dirname "$0")/checking.sh"
unset DESTDIR LIBDIR INCLUDEDIR DOCDIR PREFIX

# Not below the source tree, so that nothing is found there by chance.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix

PREFIX=$prefix sh packaging/install.sh install "$library"
cp tests/install/program.c tests/install/program.cpp tests/install/CMakeLists.txt "$scratch"
cd "$scratch"

# ---- what is there --------------------------------------------------------------------------------------------------

expected="include/runestore.h
include/runestore.hpp
include/runestore/cursor.hpp
include/runestore/values.hpp
lib/cmake/Runestore/RunestoreConfig.cmake
lib/cmake/Runestore/RunestoreConfigVersion.cmake
lib/librunestore.a
lib/librunestore.so
lib/librunestore.so.1
lib/librunestore.so.1.0
lib/pkgconfig/runestore.pc
share/doc/runestore/LICENSE-APACHE
share/doc/runestore/LICENSE-MIT
share/doc/runestore/NOTICE-THIRD-PARTY.txt"
found=$(cd "$prefix" && find . ! -type d | sed 's|^\./||' | sort)
[ "$found" = "$expected" ] || fail "other files were installed: $found"
ok "the files that are to be there"

exported=$(nm -D --defined-only "$prefix/lib/librunestore.so" | awk '{print $3}' | sort)
[ "$exported" = "$(cat "$source/tests/abi/symbols.txt")" ] || fail "the stripped library exports other names"
ok "the stripped library exports what the header declares"

! grep -rq "$source\|@[A-Z_]*@" "$prefix/lib/pkgconfig" "$prefix/lib/cmake" || fail "a file names the source tree, or holds a blank"
ok "no file names the source tree"

# ---- pkg-config -----------------------------------------------------------------------------------------------------

PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/Cargo.toml" | head -n 1)
[ "$(pkg-config --modversion runestore)" = "$version" ] || fail "pkg-config tells another version"
# shellcheck disable=SC2046  # flags are to be split
{
    $CC -std=c99 -Wall -Wextra -Werror program.c -o c-shared $(pkg-config --cflags --libs runestore)
    $CXX -std=c++17 -Wall -Wextra -Werror program.cpp -o cpp-shared $(pkg-config --cflags --libs runestore)
}
for program in c-shared cpp-shared; do
    readelf -d $program | grep -q 'NEEDED.*\[librunestore\.so\.1\]' || fail "$program does not ask for librunestore.so.1"
    LD_LIBRARY_PATH=$prefix/lib ./$program
    ok "$program, pkg-config"
done

# Flags as one text, since a shell of its own splits them.
with_library=$(pkg-config --cflags --libs runestore)
export LD_LIBRARY_PATH="$prefix/lib"
sh "$source/tests/languages/check.sh" c "$scratch/page.c" \
    sh -c "$CC -std=c99 -Wall -Wextra -Wpedantic -Werror '$scratch/page.c' -o page $with_library && ./page"
ok "the program of docs/LANGUAGES.md, C"
sh "$source/tests/languages/check.sh" cpp "$scratch/page.cpp" \
    sh -c "$CXX -std=c++17 -Wall -Wextra -Werror '$scratch/page.cpp' -o page $with_library && ./page"
ok "the program of docs/LANGUAGES.md, C++"
sh "$source/tests/languages/compare.sh" outcomes \
    sh -c "$CC -std=c99 -Wall -Wextra -Wpedantic -Werror '$source/tests/languages/outcomes/outcomes.c' -o outcomes -pthread $with_library && ./outcomes"
ok "closing, threads and cancelling as docs/LANGUAGES.md says, C"
sh "$source/tests/languages/compare.sh" outcomes \
    sh -c "$CXX -std=c++17 -Wall -Wextra -Werror '$source/tests/languages/outcomes/outcomes.cpp' -o outcomes -pthread $with_library && ./outcomes"
ok "closing, threads and cancelling as docs/LANGUAGES.md says, C++"
unset LD_LIBRARY_PATH

# Where both are installed the static one is asked for by its file's name.
# shellcheck disable=SC2046
$CC -std=c99 program.c -o c-either $(pkg-config --static --cflags --libs runestore | sed s/-lrunestore/-l:librunestore.a/)
! readelf -d c-either | grep -q 'NEEDED.*librunestore' || fail "c-either asks for a shared library"
./c-either
ok "c-either, the static library beside the shared one"

# Who has only the static library asks for it by --static.
static=$scratch/static
PREFIX=$static sh "$source/packaging/install.sh" install "$library"
rm "$static"/lib/librunestore.so*
# shellcheck disable=SC2046
{
    PKG_CONFIG_PATH=$static/lib/pkgconfig
    $CC -std=c99 program.c -o c-static $(pkg-config --static --cflags --libs runestore)
    $CXX -std=c++17 program.cpp -o cpp-static $(pkg-config --static --cflags --libs runestore)
}
for program in c-static cpp-static; do
    ! readelf -d $program | grep -q 'NEEDED.*librunestore' || fail "$program asks for a shared library"
    ./$program
    ok "$program, pkg-config --static"
done

# ---- CMake ----------------------------------------------------------------------------------------------------------

with_cmake() { # PREFIX LABEL
    rm -rf cmake
    cmake -S . -B cmake -DCMAKE_PREFIX_PATH="$1" -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" >cmake.log 2>&1 ||
        { cat cmake.log && fail "cmake, $2"; }
    cmake --build cmake >cmake.log 2>&1 || { cat cmake.log && fail "cmake --build, $2"; }
    (cd cmake && ctest --output-on-failure) >cmake.log 2>&1 || { cat cmake.log && fail "ctest, $2"; }
    grep -q '100% tests passed, 0 tests failed out of 4' cmake.log || fail "not four programs ran"
    readelf -d cmake/c | grep -q 'NEEDED.*\[librunestore\.so\.1\]' || fail "cmake/c does not ask for librunestore.so.1"
    ! readelf -d cmake/c_static | grep -q 'NEEDED.*librunestore' || fail "cmake/c_static asks for a shared library"
    ok "four programs, CMake, $2"
}
with_cmake "$prefix" "as installed"
mv "$prefix" "$scratch/elsewhere"
with_cmake "$scratch/elsewhere" "moved"

# ---- as a package is made -------------------------------------------------------------------------------------------

stage=$scratch/stage
libdir=/usr/lib/$($CC -dumpmachine)
export PREFIX=/usr LIBDIR="$libdir" DESTDIR="$stage"
sh "$source/packaging/install.sh" install "$library"
[ -f "$stage$libdir/librunestore.so.1.0" ] || fail "LIBDIR and DESTDIR are not kept"
grep -qx "libdir=$libdir" "$stage$libdir/pkgconfig/runestore.pc" || fail "the .pc names another libdir"
! grep -rq "$scratch" "$stage$libdir/pkgconfig" "$stage$libdir/cmake" || fail "a file names DESTDIR"
unset PREFIX LIBDIR DESTDIR
with_cmake "$stage/usr" "from a library folder of an architecture"
PREFIX=/usr LIBDIR=$libdir DESTDIR="$stage" sh "$source/packaging/install.sh" uninstall
left=$(find "$stage" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
ok "nothing is left when it is removed"

for refused in relative "/with a space" '/with&and' '/with|bar' '/with$dollar' "/with
line"; do
    if PREFIX=$refused DESTDIR=$stage sh "$source/packaging/install.sh" install "$library" 2>"$build/refused"; then
        fail "'$refused' was taken for PREFIX"
    fi
    grep -qF "'$(echo "$refused" | head -n 1)" "$build/refused" || fail "the refusal does not name '$refused'"
done
[ -z "$(find "$stage" ! -type d)" ] || fail "a refused install left something"
ok "a PREFIX that is relative or would be misread is refused"

echo "install: $checks checks passed"
