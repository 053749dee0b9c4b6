#!/bin/sh
# usage: source.sh FOLDER NAME OUTDIR FILE...
# Packs FILEs of FOLDER and the licences as OUTDIR/NAME-VERSION.tar.gz, in a folder that is called so: the package of a
# language whose tools take a source tree. The same files make the same archive.
set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(cd "$1" && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
name=$2-$version
mkdir -p "$3"
out=$(cd "$3" && pwd)
shift 3

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/$name"
(cd "$folder" && cp -R --parents "$@" "$scratch/$name")
cp "$root"/LICENSE-* "$scratch/$name"
chmod -R u=rwX,go=rX "$scratch/$name"
tar -C "$scratch" --sort=name --owner=0 --group=0 --numeric-owner --mtime=1980-01-01T00:00Z -cf "$scratch/$name.tar" "$name"
gzip -9n <"$scratch/$name.tar" >"$out/$name.tar.gz"
