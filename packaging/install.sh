#!/bin/sh
# usage: install.sh install LIBRARY_DIR
#        install.sh uninstall
# Installs what was built there for C and C++: the shared library without its symbols' names, the static one, the headers,
# what pkg-config and CMake look for, and the licences; or removes that. `make install` calls it; the variables are those that
# packagers know:
#
#     PREFIX       /usr/local
#     LIBDIR       PREFIX/lib
#     INCLUDEDIR   PREFIX/include
#     DOCDIR       PREFIX/share/doc/runestore
#     DESTDIR      empty: where the whole tree is put instead of /
#     STRIP        strip; empty keeps the names
set -eu
cd "$(dirname "$0")/.."

action=$1
PREFIX=${PREFIX:-/usr/local}
LIBDIR=${LIBDIR:-$PREFIX/lib}
INCLUDEDIR=${INCLUDEDIR:-$PREFIX/include}
DOCDIR=${DOCDIR:-$PREFIX/share/doc/runestore}
DESTDIR=${DESTDIR:-}
STRIP=${STRIP-strip}
for folder in "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$DOCDIR"; do
    case $folder in
    *[!A-Za-z0-9/._+~@:,=-]*)
        echo "install: '$folder' holds a character that pkg-config or CMake would misread: choose PREFIX, LIBDIR, INCLUDEDIR" \
            "and DOCDIR of letters, digits and / . _ + ~ @ : , = -" >&2
        exit 2
        ;;
    /*) ;;
    *)
        echo "install: PREFIX, LIBDIR, INCLUDEDIR and DOCDIR are absolute, but here is '$folder'" >&2
        exit 2
        ;;
    esac
done

# The library's version, and that of the interface, which names the files: programs look for its major version.
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
interface=$(sed -n 's/^#define STORE_ABI_VERSION \([0-9]*\)$/\1/p' include/runestore.h)
soname=librunestore.so.$((interface >> 16))
shared=$soname.$((interface & 65535))
# What the static library needs of the system, as `cargo rustc -- --print native-static-libs` says.
static_libs="-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc"
include_from_lib=$(realpath -m --relative-to="$LIBDIR" "$INCLUDEDIR")

lib=$DESTDIR$LIBDIR
include=$DESTDIR$INCLUDEDIR
documents=$DESTDIR$DOCDIR
if [ "$action" = uninstall ]; then
    rm -f "$lib/$shared" "$lib/$soname" "$lib/librunestore.so" "$lib/librunestore.a" "$lib/pkgconfig/runestore.pc" \
        "$include/runestore.h" "$include/runestore.hpp" \
        "$documents/LICENSE-APACHE" "$documents/LICENSE-MIT" "$documents/NOTICE-THIRD-PARTY.txt"
    rm -rf "$lib/cmake/Runestore" "$include/runestore"
    # It may be a folder for others too.
    rmdir "$documents" 2>/dev/null || :
    echo "removed Runestore $version from $DESTDIR$PREFIX"
    exit 0
fi
built=$2
install -d "$lib/pkgconfig" "$lib/cmake/Runestore" "$include/runestore" "$documents"
install -m 755 "$built/librunestore.so" "$lib/$shared"
ln -sf "$shared" "$lib/$soname"
ln -sf "$soname" "$lib/librunestore.so"
install -m 644 "$built/librunestore.a" "$lib/librunestore.a"
if [ -n "$STRIP" ]; then
    "$STRIP" --strip-unneeded "$lib/$shared"
    "$STRIP" --strip-debug "$lib/librunestore.a"
fi
install -m 644 include/*.h include/*.hpp "$include"
install -m 644 include/runestore/*.hpp "$include/runestore"
# What is linked asks that its notices go where it goes.
install -m 644 LICENSE-APACHE LICENSE-MIT NOTICE-THIRD-PARTY.txt "$documents"

filled() { # TEMPLATE TARGET
    sed -e "s|@PREFIX@|$PREFIX|g; s|@LIBDIR@|$LIBDIR|g; s|@INCLUDEDIR@|$INCLUDEDIR|g; s|@VERSION@|$version|g" \
        -e "s|@STATIC_LIBS@|$static_libs|g; s|@SHARED@|$shared|g; s|@SONAME@|$soname|g" \
        -e "s|@INCLUDE_FROM_LIB@|$include_from_lib|g" "packaging/$1.in" >"$2/$1"
    chmod 644 "$2/$1"
}
filled runestore.pc "$lib/pkgconfig"
filled RunestoreConfig.cmake "$lib/cmake/Runestore"
filled RunestoreConfigVersion.cmake "$lib/cmake/Runestore"
echo "installed Runestore $version in $DESTDIR$PREFIX: $shared, $(stat -c %s "$lib/$shared") bytes"
