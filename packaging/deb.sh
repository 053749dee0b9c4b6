#!/bin/sh
# usage: deb.sh LIBRARY_DIR BUILD_DIR
# Makes Debian packages of what was built in LIBRARY_DIR: librunestore1, which programs need, and librunestore-dev, which
# building them needs. They are put into BUILD_DIR; `make deb` calls it. Needs dpkg-dev.
set -eu
LC_ALL=C
export LC_ALL
mkdir -p "$2"
library=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."

multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
architecture=$(dpkg-architecture -qDEB_HOST_ARCH)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
lib=usr/lib/$multiarch
description="embeddable event store"
about=" Events go in as atomic batches and come back filtered by type, domain, instance,
 tags and time, in one gapless order. The store is in memory, in files, or in a
 PostgreSQL database."

rm -rf "$build/stage" "$build/librunestore1" "$build/librunestore-dev" "$build"/*.deb
PREFIX=/usr LIBDIR=/$lib INCLUDEDIR=/usr/include DOCDIR=/usr/share/doc/runestore DESTDIR=$build/stage sh packaging/install.sh install "$library" >/dev/null

# ---- what is in which ------------------------------------------------------------------------------------------------

moved() { # PACKAGE PATH...
    package=$1
    shift
    for path in "$@"; do
        install -d "$build/$package/$(dirname "$path")"
        mv "$build/stage/$path" "$build/$package/$path"
    done
}
cd "$build/stage"
moved librunestore1 "$lib"/librunestore.so.*
moved librunestore-dev "$lib/librunestore.so" "$lib/librunestore.a" "$lib/pkgconfig" "$lib/cmake" usr/include
# They stand in each package's copyright file.
rm -r usr/share/doc/runestore
left=$(find . ! -type d)
[ -z "$left" ] || { echo "deb: no package has $left" >&2 && exit 1; }
cd "$OLDPWD"

for package in librunestore1 librunestore-dev; do
    documents=$build/$package/usr/share/doc/$package
    install -d "$documents" "$build/$package/DEBIAN"
    {
        echo "Runestore is licensed under the MIT licence or the Apache License 2.0, at your choice. The text of the second is in"
        echo "/usr/share/common-licenses/Apache-2.0 too."
        echo
        cat LICENSE-MIT
        echo
        cat LICENSE-APACHE
        echo
        cat NOTICE-THIRD-PARTY.txt
    } >"$documents/copyright"
    gzip -9n <CHANGELOG.md >"$documents/changelog.gz"
    chmod 644 "$documents"/*
done

# ---- what they need, and what others learn of them -------------------------------------------------------------------

# dpkg-shlibdeps looks for a source package around it.
install -d "$build/source/debian"
printf 'Source: runestore\n\nPackage: librunestore1\nArchitecture: any\n' >"$build/source/debian/control"
needed=$(cd "$build/source" && dpkg-shlibdeps -O -e"$build/librunestore1/$(cd "$build/librunestore1" && echo "$lib"/librunestore.so.1.*)" 2>/dev/null |
    sed -n 's/^shlibs:Depends=//p')
[ -n "$needed" ] || { echo "deb: dpkg-shlibdeps does not say what the library needs" >&2 && exit 1; }

control() { # PACKAGE SECTION DEPENDS SUMMARY_SUFFIX MORE
    size=$(du -sk --exclude=DEBIAN "$build/$1" | cut -f1)
    cat >"$build/$1/DEBIAN/control" <<CONTROL
Package: $1
Source: runestore
Version: $version
Architecture: $architecture
Multi-Arch: same
Maintainer: The Runestore developers
Section: $2
Priority: optional
Installed-Size: $size
Depends: $3
Description: $description$4
$about
 .
$5
CONTROL
}
control librunestore1 libs "$needed" "" " This package has the shared library."
control librunestore-dev libdevel "librunestore1 (= $version)" " (development files)" \
    " This package has the headers for C and C++, the static library, and what pkg-config
 and CMake look for."
echo "librunestore 1 librunestore1 (>= $version)" >"$build/librunestore1/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$build/librunestore1/DEBIAN/triggers"

for package in librunestore1 librunestore-dev; do
    (cd "$build/$package" && find usr -type f -exec md5sum {} + | sort -k 2 >DEBIAN/md5sums)
    dpkg-deb --root-owner-group --build "$build/$package" "$build/${package}_${version}_$architecture.deb" >/dev/null
    echo "made ${package}_${version}_$architecture.deb, $(stat -c %s "$build/${package}_${version}_$architecture.deb") bytes"
done
