#!/bin/sh
# Makes the Debian packages, installs them, builds and runs a program with them, and removes them:
#
#     tests/deb/run.sh LIBRARY_DIR BUILD_DIR
#
# Installing is for root; for others the packages are only made and looked at, and the last line says so.
set -eu
# shellcheck source=tests/install/checking.sh
. "$(dirname "$0")/../install/checking.sh"
sh packaging/deb.sh "$library" "$build"
cd "$build"
runtime=$(echo librunestore1_*.deb)
development=$(echo librunestore-dev_*.deb)
dpkg-deb --field "$runtime" Depends | grep -q 'libc6 (>= ' || fail "librunestore1 does not say which libc6 it needs"
dpkg-deb --contents "$runtime" | grep -q ' root/root .*librunestore\.so\.1 -> librunestore\.so\.1\.' || fail "librunestore1 has no soname, or not root's"
! dpkg-deb --contents "$runtime" | grep -q '\.a$\|\.h$' || fail "librunestore1 has what only building needs"
for package in "$runtime" "$development"; do
    copyright=$(dpkg-deb --fsys-tarfile "$package" | tar -xO "./usr/share/doc/${package%%_*}/copyright")
    for part in LICENSE-MIT LICENSE-APACHE NOTICE-THIRD-PARTY.txt; do
        case $copyright in
        *"$(cat "$source/$part")"*) ;;
        *) fail "the copyright file of $package has not what is in $part" ;;
        esac
    done
done
ok "what is in the packages"

if [ "$(id -u)" != 0 ]; then
    echo "deb: $checks check passed; installing is for root, and was left out"
    exit 0
fi
if dpkg-query -W -f '${Status}' librunestore1 librunestore-dev 2>/dev/null | grep -q '^install ok installed'; then
    fail "Runestore's packages are installed here already: they are not this test's to remove"
fi

# ---- installed, used ---------------------------------------------------------------------------------------------------

removed() { dpkg --purge librunestore-dev librunestore1 >/dev/null 2>&1; }
scratch=$(mktemp -d)
trap 'removed || true; rm -rf "$scratch"' EXIT
dpkg --install "./$runtime" "./$development" >dpkg.log 2>&1 || { cat dpkg.log && fail "dpkg --install"; }
cp "$source/tests/install/program.c" "$source/tests/install/program.cpp" "$scratch"
cd "$scratch"
# No folder is named, since the compiler and the loader know them.
unset PKG_CONFIG_PATH LD_LIBRARY_PATH
# shellcheck disable=SC2046
$CC -std=c99 program.c -o c $(pkg-config --cflags --libs runestore)
$CXX -std=c++17 program.cpp -o cpp -lrunestore
./c && ./cpp
ok "programs in C and C++ are built and run"

mkdir debian && printf 'Source: program\n\nPackage: program\nArchitecture: any\n' >debian/control
dpkg-shlibdeps -O ./c 2>/dev/null | grep -q 'librunestore1 (>= ' || fail "a package of that program would not need librunestore1"
ok "a package of that program needs librunestore1"

dpkg --verify librunestore1 librunestore-dev | grep . && fail "the installed files are not those of the packages"
ok "the installed files are those of the packages"

# ---- removed -----------------------------------------------------------------------------------------------------------

removed || fail "they cannot be removed"
left=$(find /usr/lib /usr/include /usr/share /etc /var/lib/dpkg/info -path "$source" -prune -o -name '*runestore*' -print)
[ -z "$left" ] || fail "left behind: $left"
! ./c 2>/dev/null || fail "the program finds a library still"
ok "nothing is left when they are removed"
echo "deb: $checks checks passed"
