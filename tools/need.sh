#!/bin/sh
# usage: need.sh COMMAND PACKAGE ...
# Makes sure that COMMAND succeeds: where it does not, installs Debian's PACKAGEs if this user may,
# and otherwise says what to install.
set -u
command=$1
shift
if sh -c "$command" >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null
    apt-get install -qq -y --no-install-recommends "$@" >/dev/null
    if sh -c "$command" >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "'$command' does not work here: install Debian's $* (apt-get install $*), or what your system calls them" >&2
exit 1
