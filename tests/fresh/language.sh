#!/bin/sh
# usage: language.sh LANGUAGE PACKAGES_DIR BUILD_DIR
# Follows the page of one language on a new machine; run.sh calls it, in namespaces of its own.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/fresh/machine.sh
. "$here/machine.sh"
language=$1
packages=$2
build=$3/$language
root=$build/root
log=$build/log
begun=$(date +%s)
cd "$here/../.."
heading='' first='' registry='' remove=''
# shellcheck source=tests/fresh/languages/ruby
. "$here/languages/$language"

reported=
fail() {
    reported=yes
    echo "FAIL  $name: $*; $log ends with"
    tail -n 25 "$log" | sed 's/^/      /'
    exit 1
}
# What nobody thought of ends with a line too.
ended() {
    status=$?
    [ $status = 0 ] || [ -n "$reported" ] || echo "FAIL  $name: ended with $status, see $log"
}
trap ended EXIT
trap 'exit 130' INT TERM

# Nothing is mounted below it, unless this was called by hand.
rm -rf --one-file-system "$build"
mkdir -p "$build"
exec 2>"$log"

# ---- what the page says ----------------------------------------------------------------------------------------------

blocks() { sh tests/languages/blocks.sh "$@"; }
# shellcheck disable=SC2086  # it may be nothing
blocks $first "$page" "$fence" "$heading" >"$build/$program" || fail "$page has no program"
blocks "$page" sh "$heading" >"$build/commands" || fail "$page has no commands"
# What is printed stands in the program, behind what prints it or below, or else on the page.
sed -nE 's/^(.* )?(#|\/\/) -> //p' "$build/$program" >"$build/said"
[ -s "$build/said" ] || blocks "$page" text >"$build/said" || fail "$page does not say what is printed"

# First the language and the library, then what the page is about; the last command runs the program.
cd "$build"
awk '/^sudo apt install / { if (others) exit 1; next } { others = 1 }' commands || fail "$page: apt comes after other commands"
grep '^sudo apt install ' commands >install || fail "$page does not say which packages of Debian it needs"
grep -v '^sudo apt install ' commands >follow || fail "$page has no command but apt's"
{
    echo 'exec 3>&1 >&2'
    sed '$d' follow
    echo 'exec >&3 3>&-'
    sed -n '$p' follow
} >follow.sh

# ---- the machine -----------------------------------------------------------------------------------------------------

machine "$3" "$root"
home=/home/user
[ -z "$registry" ] || registry_clients "$root" $home
mkdir "$root$home/ledger"
cp "$packages"/* "$program" "$root$home/ledger"
chroot "$root" chown -R user: $home
cp install follow.sh "$root/run"

with_network() { "$@"; }
without_network() { unshare --net "$@"; }
as_user() { # with_network|without_network COMMAND...: in the folder of the program
    reach=$1
    shift
    set -- /sbin/runuser -u user -- sh -c 'cd ~/ledger && exec "$@"' sh "$@"
    for variable in $clients; do
        set -- "$variable=$(printenv "$variable")" "$@"
    done
    "$reach" chroot "$root" env -i HOME=$home USER=user LOGNAME=user LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin "$@" \
        </dev/null
}
if [ -n "$registry" ]; then network=with_network; else network=without_network; fi
# Files: RubyGems leaves empty folders, and is not ours.
left_at_home() { (cd "$root$home" && find . -path '*runestore*' ! -type d | sort); }

# ---- followed --------------------------------------------------------------------------------------------------------

as_user with_network sh -eux /run/install >&2 || fail "apt could not install what $page names"
found=$(as_user without_network sh -c "$version" | grep -Eo '[0-9]+(\.[0-9]+)+(-[a-z0-9]+)?' | head -n 1)
[ -n "$found" ] || fail "'$version' tells no version"
name="$name $found"
left_at_home >before
as_user "$network" sh -eux /run/follow.sh >printed || fail "a command of $page failed"
diff said printed >&2 || fail "$page says other lines than its program prints"
[ -d "$root$home/ledger/ledger.runes" ] || fail "the program of $page left no store"

# ---- removed ---------------------------------------------------------------------------------------------------------

if [ -n "$remove" ]; then
    # shellcheck disable=SC2086  # a command and its arguments
    as_user without_network $remove >&2 || fail "'$remove' failed"
    left_at_home >after
    grep -vx -F -f before after | grep -v '^\./ledger/ledger\.runes/' >left || true
    [ ! -s left ] || { cat left >&2; fail "left behind by '$remove'"; }
fi
# shellcheck disable=SC2016  # dpkg's
installed=$(chroot "$root" dpkg-query -W -f '${Package}\n' 'librunestore*') || installed=
# shellcheck disable=SC2086  # names without blanks
[ -z "$installed" ] || chroot "$root" dpkg --purge $installed >&2 || fail "the library cannot be removed"
(cd "$root" && find . -xdev -path ".$home" -prune -o -name '*runestore*' -print) >left
chroot "$root" ldconfig -p | grep runestore >>left || true
[ ! -s left ] || { cat left >&2; fail "left behind by the library"; }

echo "ok    $name: $(wc -l <commands) commands of $page, $(wc -l <said) lines printed as it says, removed again;" \
    "$(($(date +%s) - begun)) s"
