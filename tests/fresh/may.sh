#!/bin/sh
# usage: may.sh
# Fails, and says what to do, where no other Debian can be made and entered.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "fresh: entering another Debian is root's: \`make packages\` as you are, then as root" \
        "\`sh tests/fresh/run.sh build/packages build/fresh\`" >&2
    exit 1
fi
if ! unshare --mount --pid --fork --propagation private sh -c 'mount -t tmpfs tmpfs /mnt && chroot / true' 2>/dev/null; then
    echo "fresh: root may not mount or chroot here, as in a container without privileges: run this on a machine, virtual or not," \
        "or in a container that has CAP_SYS_ADMIN" >&2
    exit 1
fi
exec "$(dirname "$0")/../../tools/need.sh" "mmdebstrap --version" mmdebstrap
