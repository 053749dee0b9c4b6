#!/bin/sh
# usage: base.sh CODENAME ARCHIVE, with apt's sources as input
# Makes a minimal Debian, with what every machine of a user has: a user, sudo, and the certificates of the authorities. Called
# in namespaces of its own.
set -eu
umask 022
# shellcheck source=tests/fresh/machine.sh
. "$(dirname "$0")/machine.sh"
scratch=$(mktemp -d)
trap 'umount "$scratch"; rmdir "$scratch"' EXIT
trap 'exit 130' INT TERM
mount -t tmpfs tmpfs "$scratch"
apt_options >"$scratch/options"

cat >"$scratch/hook" <<'HOOK'
set -eu
# They may name a password: each machine gets them anew, in memory.
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*
chroot "$1" useradd --create-home --shell /bin/bash user
echo 'user ALL=(ALL) NOPASSWD: ALL' >"$1/etc/sudoers.d/user"
# As if the user said yes. What is only recommended is left out, so that a page has to name all that it needs.
cat >"$1/etc/apt/apt.conf.d/fresh" <<'CONF'
APT::Get::Assume-Yes "1";
APT::Install-Recommends "0";
Binary::apt::APT::Keep-Downloaded-Packages "1";
CONF
echo 'debconf debconf/frontend select Noninteractive' | chroot "$1" debconf-set-selections
echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/fresh"
# No service is to start in here: it would be one of the machine around.
printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
HOOK
TMPDIR=$scratch mmdebstrap --mode=root --variant=minbase --format=tar --include=ca-certificates,sudo --aptopt="$scratch/options" \
    --customize-hook="sh '$scratch/hook' \"\$1\"" "$1" "$2.new" -
mv "$2.new" "$2"
