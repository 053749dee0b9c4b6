#!/bin/sh
# usage: update.sh BUILD_DIR
# Learns which packages there are today, for all roots. Called in namespaces of its own.
set -eu
# shellcheck source=tests/fresh/machine.sh
. "$(dirname "$0")/machine.sh"
machine "$1" "$1/update"
chroot "$1/update" apt-get update
