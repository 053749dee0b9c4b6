#!/bin/sh
# usage: check.sh NOTICES
# Whether the notices name what is linked into the library or into Python's module, each crate at the version that it is linked at.
set -eu
LC_ALL=C
export LC_ALL
cargo=${CARGO:-cargo}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed -n 's/^\([a-z0-9_-]* [0-9][^ ]*\): .*/\1/p' "$1" | sort >"$folder/named"
for target in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu; do
    for package in runestore runestore-python; do
        "$cargo" tree --locked --quiet --package "$package" --edges normal --target "$target" --prefix none --format '{p}'
    done
done >"$folder/tree"
# What has a path is our own, but for macros, which are marked.
sed -n 's/^\([^ ]*\) v\([^ ]*\)\( (proc-macro)\)\{0,1\}\( (\*)\)\{0,1\}$/\1 \2/p' "$folder/tree" | sort -u >"$folder/linked"
diff "$folder/named" "$folder/linked" || {
    echo "$1 does not name what is linked ('>' is missing, '<' is too much): make notices" >&2
    exit 1
}
echo "notices: $(wc -l <"$folder/linked") crates, each named with its licence"
