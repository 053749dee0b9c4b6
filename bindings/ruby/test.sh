#!/bin/sh
# usage: test.sh BUILDDIR LIBRARY_DIR
# Installs the library into a prefix of its own, builds the gem and installs it beside, and runs every test and the example
# against what was installed, outside the source tree.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
library=$(cd "$2" && pwd)
ruby=${RUBY:-ruby}
gem=${GEM:-gem}
unset DESTDIR LIBDIR INCLUDEDIR DOCDIR PREFIX RUBYLIB RUBYOPT BUNDLE_GEMFILE GEM_PATH

rm -rf "$build/prefix" "$build/dist" "$build/gems" "$build/tests"
PREFIX=$build/prefix sh "$root/packaging/install.sh" install "$library"
mkdir -p "$build/gems" "$build/tests"
cp "$here"/test/*.rb "$build/tests"

RUBY=$ruby GEM=$gem sh "$here/package.sh" "$build/dist"
GEM_HOME=$build/gems
export GEM_HOME
"$gem" install --local --no-document "$build"/dist/runestore-*.gem >"$build/gem.log" 2>&1 || { cat "$build/gem.log"; exit 1; }
"$gem" contents runestore >"$build/files"
if grep -E '/(test|test\.sh)$|_test\.rb$' "$build/files"; then echo "the gem has what only its tests need"; exit 1; fi

# A library that has nothing but another major version of the interface.
echo 'unsigned store_abi_version(void) { return 2u << 16 | 3u; }' >"$build/other.c"
"${CC:-cc}" -shared -fPIC -o "$build/libother.so" "$build/other.c"

RUNESTORE_TEST_OTHER_MAJOR=$build/libother.so
RUNESTORE_VECTORS=$root/tests/vectors
RUNESTORE_LIBRARY=$build/prefix/lib/librunestore.so.1
export RUNESTORE_TEST_OTHER_MAJOR RUNESTORE_VECTORS RUNESTORE_LIBRARY
cd "$build/tests"
# Where the loader finds it, without the variable.
(
    unset RUNESTORE_LIBRARY
    LD_LIBRARY_PATH=$build/prefix/lib "$ruby" -w -rrunestore -e 'puts "ruby: runestore #{Runestore.library_version}, gem #{Runestore::VERSION}"'
)
for file in ./*_test.rb; do
    echo "ruby: $file"
    "$ruby" -w "$file"
done
sh "$root/tests/languages/check.sh" ruby "$build/page.rb" "$ruby" -w -rrunestore "$build/page.rb"
sh "$root/tests/languages/outcomes.sh" ruby "$ruby" -w "$root/tests/languages/outcomes/outcomes.rb"
echo "ruby: all tests passed"
