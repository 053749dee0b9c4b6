#!/bin/sh
# usage: packages.sh DEB_DIR BUILD_DIR LANGUAGE...
# Puts what users install into BUILD_DIR/packages: the Debian packages that are in DEB_DIR, and the package of each LANGUAGE
# that has one: bindings/LANGUAGE/package.sh makes it. `make packages` calls it.
set -eu
debs=$(cd "$1" && pwd)
mkdir -p "$2"
build=$(cd "$2" && pwd)
shift 2
cd "$(dirname "$0")/.."
# What an earlier version or another choice of languages left there would be taken for this one's.
rm -rf "$build/packages"
mkdir "$build/packages"
cp "$debs"/librunestore*.deb "$build/packages"
for language in "$@"; do
    [ -f "tests/fresh/languages/$language" ] || { echo "packages: no language is '$language'; tests/fresh/languages has them" >&2; exit 2; }
done
for language in "$@"; do
    maker=bindings/$language/package.sh
    [ ! -f "$maker" ] || sh "$maker" "$build/packages" "$build/$language"
done
find "$build/packages" -type f ! -name '*.deb' -printf 'made %f, %s bytes\n' | sort
