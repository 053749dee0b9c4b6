# How the machine reaches mirrors and registries, for the roots in it. It is read in. What may hold a password is
# only in the root, thus in memory: none of it stays in the build folder.
# shellcheck shell=sh

# What apt is told about proxies, certificates and dates.
apt_options() {
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Check-[A-Za-z-]*|Max-ValidTime|Retries|ForceIPv[46])[: ]' || true
}

# Where apt has its packages of Debian from.
apt_sources() {
    # shellcheck disable=SC2016  # apt's
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' | sed -n 's/ Debian$//p' |
        sort -u
}

# A new root, in memory: tens of thousands of files that nobody waits for on a disk, and that are gone with their namespace.
machine() { # BUILD_DIR ROOT
    mkdir -p "$2"
    mount -t tmpfs -o mode=755 tmpfs "$2"
    tar -xf "$1/base.tar" -C "$2"
    mount -t proc proc "$2/proc"
    mount --bind "$1/archives" "$2/var/cache/apt/archives"
    mount --bind "$1/lists" "$2/var/lib/apt/lists"
    for file in /etc/resolv.conf /etc/hosts; do
        rm -f "$2$file"
        cp -L "$file" "$2$file"
    done
    apt_options >"$2/etc/apt/apt.conf.d/machine"
    apt_sources >"$2/etc/apt/sources.list"
    # Where the machine's traffic goes through a proxy, its authority is among these.
    [ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$2/etc/ssl/certs/ca-certificates.crt"
}

copied() { # FILE ROOT [PATH]
    mkdir -p "$2$(dirname "${3:-$1}")"
    cat "$1" >"$2${3:-$1}"
}

# The clients of the registries, as the machine's user has them: their files, and the variables that name mirrors, proxies and
# certificates, which are left in `clients`.
clients=
registry_clients() { # ROOT HOME
    for file in /etc/pip.conf /etc/xdg/pip/pip.conf /etc/npmrc /usr/etc/npmrc /usr/local/etc/npmrc; do
        [ ! -f "$file" ] || copied "$file" "$1"
    done
    for file in .npmrc .pip/pip.conf .config/pip/pip.conf; do
        [ ! -f "$HOME/$file" ] || copied "$HOME/$file" "$1" "$2/$file"
    done
    # shellcheck disable=SC2013  # names without blanks
    for variable in $(awk 'BEGIN { for (name in ENVIRON) print name }'); do
        case $variable in
        [Hh][Tt][Tt][Pp]_[Pp][Rr][Oo][Xx][Yy] | [Hh][Tt][Tt][Pp][Ss]_[Pp][Rr][Oo][Xx][Yy] | [Nn][Oo]_[Pp][Rr][Oo][Xx][Yy]) ;;
        PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_FIND_LINKS | PIP_NO_INDEX | PIP_CERT | PIP_PROXY | PIP_TRUSTED_HOST) ;;
        PIP_DEFAULT_TIMEOUT | PIP_RETRIES | PIP_CONFIG_FILE | SSL_CERT_FILE | SSL_CERT_DIR | NODE_EXTRA_CA_CERTS) ;;
        [Nn][Pp][Mm]_[Cc][Oo][Nn][Ff][Ii][Gg]_[Rr][Ee][Gg][Ii][Ss][Tt][Rr][Yy]) ;;
        *) continue ;;
        esac
        clients="$clients $variable"
        # A file or folder that a variable names is there too.
        value=$(printenv "$variable")
        case $value in
        /*)
            if [ -e "$1$value" ]; then
                :
            elif [ -f "$value" ]; then
                copied "$value" "$1"
            elif [ -d "$value" ]; then
                mkdir -p "$1$value"
                mount --bind "$value" "$1$value"
                mount -o remount,bind,ro "$1$value"
            fi
            ;;
        esac
    done
}
