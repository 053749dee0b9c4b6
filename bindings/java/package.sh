#!/bin/sh
# usage: package.sh OUTDIR
# Compiles the package into OUTDIR/runestore-VERSION.jar. JARS is where Debian keeps jna.jar.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
version=$(sed -n 's/^ *<version>\(.*\)<\/version>$/\1/p' "$here/pom.xml" | head -n 1)
mkdir -p "$scratch/classes/META-INF"
"${JAVAC:-javac}" -Xlint:all -Werror --release 17 -cp "${JARS:-/usr/share/java}/jna.jar" -d "$scratch/classes" \
    "$here"/src/main/java/runestore/*.java
cp "$here"/../../LICENSE-* "$scratch/classes/META-INF"
printf 'Automatic-Module-Name: runestore\nImplementation-Version: %s\n' "$version" >"$scratch/manifest"
# The same classes make the same jar.
"${JAR:-jar}" --create --file "$out/runestore-$version.jar" --date 1980-01-01T00:00:02Z --manifest "$scratch/manifest" -C "$scratch/classes" .
