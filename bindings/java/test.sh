#!/bin/sh
# usage: test.sh BUILDDIR LIBRARY_DIR
# Installs the library into a prefix of its own, builds the jar and its reference, and runs every test and the example against what
# was installed, outside the source tree. JARS is where Debian keeps jna.jar and JUnit's.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
library=$(cd "$2" && pwd)
java=${JAVA:-java}
javac=${JAVAC:-javac}
javadoc=${JAVADOC:-javadoc}
jars=${JARS:-/usr/share/java}
unset DESTDIR LIBDIR INCLUDEDIR DOCDIR PREFIX CLASSPATH JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS JDK_JAVAC_OPTIONS

rm -rf "$build/prefix" "$build/source" "$build/dist" "$build/tests" "$build/doc" "$build/reports" "$build/page"
PREFIX=$build/prefix sh "$root/packaging/install.sh" install "$library"
mkdir -p "$build/source" "$build/tests" "$build/page"
cp -R "$here/." "$build/source"
cd "$build/source"

version=$(sed -n 's/^ *<version>\(.*\)<\/version>$/\1/p' pom.xml | head -n 1)
grep -qx "version = \"$version\"" "$root/Cargo.toml" || { echo "pom.xml has another version than Cargo.toml"; exit 1; }
sh "$here/package.sh" "$build/dist"
"$javadoc" -quiet -Xdoclint:all -Werror --release 17 -cp "$jars/jna.jar" -d "$build/doc" src/main/java/runestore/*.java

# A library that has nothing but another major version of the interface.
echo 'unsigned store_abi_version(void) { return 2u << 16 | 3u; }' >"$build/other.c"
"${CC:-cc}" -shared -fPIC -o "$build/libother.so" "$build/other.c"

class_path=$build/dist/runestore-$version.jar:$jars/jna.jar
with_tests=$build/tests:$class_path
for name in junit-platform-console junit-platform-reporting junit-platform-launcher junit-platform-engine junit-platform-commons \
    junit-jupiter-api junit-jupiter-engine opentest4j apiguardian-api picocli; do
    with_tests=$with_tests:$jars/$name.jar
done
# JUnit's jars name others that Debian does not have.
"$javac" -Xlint:all,-path -Werror --release 17 -cp "$with_tests" -d "$build/tests" src/test/java/runestore/*.java

RUNESTORE_TEST_OTHER_MAJOR=$build/libother.so
RUNESTORE_TEST_SOURCE=$build/source
RUNESTORE_VECTORS=$root/tests/vectors
RUNESTORE_LIBRARY=$build/prefix/lib/librunestore.so.1
export RUNESTORE_TEST_OTHER_MAJOR RUNESTORE_TEST_SOURCE RUNESTORE_VECTORS RUNESTORE_LIBRARY
echo "java: $("$java" -version 2>&1 | sed -n 2p), runestore $version"
"$java" -cp "$with_tests" org.junit.platform.console.ConsoleLauncher --disable-banner --disable-ansi-colors --details=tree \
    --scan-classpath "$build/tests" --fail-if-no-tests --reports-dir "$build/reports" >"$build/tests.log" 2>&1 || { cat "$build/tests.log"; exit 1; }
grep -E '^(vectors|memory), ' "$build/tests.log"
grep -q '^\[ *0 tests skipped *\]$' "$build/tests.log" || { echo "tests were left out"; exit 1; }
sed -n 's/^\[ *\([0-9]* tests successful\) *\]$/java: \1/p' "$build/tests.log"

sh "$root/tests/languages/check.sh" java "$build/page/Program.java" "$java" -cp "$class_path" "$build/page/Program.java"
sh "$root/tests/languages/outcomes.sh" java "$java" -cp "$class_path" "$root/tests/languages/outcomes/outcomes.java"
# Maven is asked where it is there: it needs the network for the rest.
if command -v mvn >/dev/null 2>&1; then
    mvn --batch-mode --offline --quiet --file "$build/source/pom.xml" validate
    echo "java: Maven reads pom.xml"
fi
echo "java: all tests passed"
