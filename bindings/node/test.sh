#!/bin/sh
# usage: test.sh BUILDDIR LIBRARY_DIR
# Packs the npm package, installs it into a fresh project outside the source tree, and runs every test of it against what
# was installed, over the library in LIBRARY_DIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
library=$(cd "$2" && pwd)/librunestore.so
[ -f "$library" ] || { echo "$library is not there: build it first (make)" >&2; exit 1; }
node=${NODE:-node}
npm=${NPM:-npm}
# npm says what is new in the world at each call otherwise; no package here has a script to run.
quiet="--no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error"
rm -rf "$build/source" "$build/project" "$build/dist"
mkdir -p "$build/source" "$build/project/test" "$build/dist"

# What is committed, without what a developer has installed beside it.
(cd "$here" && tar -cf - --exclude=node_modules --exclude='*.tgz' .) | tar -xf - -C "$build/source"
if grep -q '"resolved"' "$here/package-lock.json"; then
    echo "package-lock.json names a registry: npm install with the .npmrc beside it writes one that does not" >&2
    exit 1
fi
cd "$build/source"
# The lock file holds: what it names is installed, or this fails.
# shellcheck disable=SC2086
"$npm" ci $quiet
NPM=$npm sh "$here/package.sh" "$build/dist"
tarball=$(ls "$build"/dist/*.tgz)
tar -tzf "$tarball" | sort >"$build/dist/files"
for file in index.js index.mjs index.d.ts index.d.mts lib/native.js README.md example.mjs LICENSE-MIT LICENSE-APACHE; do
    grep -qx "package/$file" "$build/dist/files" || { echo "the package lacks $file"; exit 1; }
done
if grep -E 'package/(test|node_modules)' "$build/dist/files"; then echo "the package has what only its tests need"; exit 1; fi

# The project has the package and, of the locked versions, what the tests compile types with.
cd "$build/project"
version_of() { "$node" -p "require('$build/source/node_modules/$1/package.json').version"; }
cat >package.json <<END
{ "name": "project", "version": "1.0.0", "private": true }
END
cp "$here/.npmrc" .
# shellcheck disable=SC2086
"$npm" install $quiet "$tarball" "typescript@$(version_of typescript)" "@types/node@$(version_of @types/node)"
cp "$here"/test/* test/

# A library that has nothing but another major version of the interface.
echo 'unsigned store_abi_version(void) { return 2u << 16 | 3u; }' >"$build/other.c"
"${CC:-cc}" -shared -fPIC -o "$build/libother.so" "$build/other.c"

export RUNESTORE_LIBRARY="$library" RUNESTORE_SOURCE="$root" RUNESTORE_TEST_OTHER_MAJOR="$build/libother.so"
"$node" -e "const { libraryVersion } = require('runestore'); console.log('node: runestore', libraryVersion(), 'installed from', '$(basename "$tarball")')"
# One file after the other: how long things take is looked at.
for file in test/*.test.mjs; do
    "$node" --test --test-reporter="${REPORTER:-spec}" "$file"
done
sh "$root/tests/languages/check.sh" js "$build/project/page.mjs" "$node" "$build/project/page.mjs"
cp "$root/tests/languages/outcomes/outcomes.mjs" .
sh "$root/tests/languages/outcomes.sh" node "$node" "$build/project/outcomes.mjs"
echo "node: all tests passed"
