#!/bin/sh
# On a Debian with nothing but a language and the installed library, does what the language's page tells a reader to do:
#
#     tests/fresh/run.sh PACKAGES_DIR BUILD_DIR [LANGUAGE...]
#
# PACKAGES_DIR is what `make packages` has made. A LANGUAGE is a file of tests/fresh/languages, which says
#
#     name      how people call it
#     version   a command that prints its version
#     page      where the commands (```sh blocks) and the program stand; all of them, or those below `heading`
#     fence     the name behind the fence of the program's blocks, which are one program; `first=-1` takes the first alone
#     program   the file that the commands expect the program in
#     registry  set where the commands need one of packages; without it they have no network once apt has run
#     remove    a command that takes away what the language's own tools have installed
#
# One line a language; what was run and what it said stays in BUILD_DIR/LANGUAGE/log. The minimal Debian is made once, from
# the machine's own mirror; downloaded packages are kept beside it. Each language's machine is in memory: 0.3 to 1 GB.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
packages=$(cd "$1" && pwd)
mkdir -p "$2"
build=$(cd "$2" && pwd)
shift 2
# shellcheck disable=SC2046  # names without blanks
[ $# -gt 0 ] || set -- $(ls "$here/languages")
for language in "$@"; do
    [ -f "$here/languages/$language" ] || { echo "fresh: no language is '$language'; tests/fresh/languages has them" >&2; exit 2; }
done
sh "$here/may.sh"
trap 'exit 130' INT TERM

# In namespaces of its own: however it ends, its mounts and processes end with it.
alone() { unshare --mount --pid --fork --kill-child --propagation private "$@"; }

# ---- the minimal Debian ----------------------------------------------------------------------------------------------

# The Debian that the packages were made on, from where this machine has its own.
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck source=tests/fresh/machine.sh
. "$here/machine.sh"
sources=$(apt_sources)
[ -n "$sources" ] || { echo "fresh: apt knows no packages of Debian here: apt-get update, on a Debian" >&2; exit 1; }
base=$build/base.tar
recipe=$({ printf '%s\n' "$sources"; cat "$here/base.sh"; } | sha256sum)
if [ "$recipe" != "$(cat "$base.recipe" 2>/dev/null)" ]; then
    begun=$(date +%s)
    rm -f "$base.recipe"
    printf '%s\n' "$sources" | alone sh "$here/base.sh" "$codename" "$base" >"$build/base.log" 2>&1 || {
        cat "$build/base.log"
        echo "FAIL  a minimal Debian $codename cannot be made"
        exit 1
    }
    printf '%s\n' "$recipe" >"$base.recipe"
    echo "fresh: made a minimal Debian $codename in $(($(date +%s) - begun)) s"
fi
mkdir -p "$build/archives" "$build/lists"
alone sh "$here/update.sh" "$build" >"$build/update.log" 2>&1 || { cat "$build/update.log"; echo "FAIL  apt-get update"; exit 1; }

# ---- each language ---------------------------------------------------------------------------------------------------

failed=
for language in "$@"; do
    alone sh "$here/language.sh" "$language" "$packages" "$build" || failed="$failed $language"
done
[ -z "$failed" ] || { echo "fresh: failed:$failed"; exit 1; }
echo "fresh: $# languages passed"
