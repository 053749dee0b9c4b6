#!/bin/sh
# usage: ffi.sh LIBRARY_DIR BUILD_DIR
# Runs the programs of docs/LANGUAGES.md in languages that call the C interface without a package.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
library=$(cd "$1" && pwd)
mkdir -p "$2"
build=$(cd "$2" && pwd)
export LD_LIBRARY_PATH="$library"
sh "$here/check.sh" lua "$build/page.lua" "${LUAJIT:-luajit}" "$build/page.lua"
echo "ok    LuaJIT"
sh "$here/check.sh" php "$build/page.php" "${PHP:-php}" -d ffi.enable=true "$build/page.php"
echo "ok    PHP"
