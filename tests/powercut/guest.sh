#!/bin/sh
# The first process of the virtual machine. Its root is the host's, read-only; $share, from the kernel's command line,
# is the one folder of the host's that it may write. What it does stands in $share/job:
#
#     round      the disk of before is mounted, so that its journal is replayed; a writer opens the store, which
#                recovers it, and appends until the power goes: from outside, or by dm-flakey ($cut)
#     record     as a round, on dm-log-writes: every write and every flush goes into a log of its own as well
#     inspect    each of the disks is mounted and its store dumped
#
# Answers go to the host over a serial line, which keeps nothing back: a line that the host has was said.
# shellcheck disable=SC2154  # share is from the kernel's command line, the rest from the job
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
answers=/dev/ttyS0

say() { echo "$*" >$answers; }
stop() {
    say "stopped $*"
    sync
    echo o >/proc/sysrq-trigger
    sleep 60
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /mnt
mkdir /mnt/share /mnt/disk
mount -t hostfs none /mnt/share -o "$share" || stop "the host's folder cannot be mounted"
stty raw -echo <$answers
# shellcheck disable=SC1091
. /mnt/share/job
mkdir -p /mnt/base/lib
ln -s /usr/lib/uml/modules /mnt/base/lib/modules
for module in dm-mod dm-flakey dm-log-writes; do
    modprobe -d /mnt/base $module || stop "no module $module"
done

# There is no udev here that would make the nodes, or that could be waited for.
map() { # NAME TABLE
    dmsetup --noudevsync --noudevrules create "$1" --table "$2" || stop "dmsetup cannot map $2"
    dmsetup --noudevsync mknodes
}

sectors() { blockdev --getsz "$1"; }

dump() { # NAME
    "$writer" dump "$config" >"/mnt/share/$1" 2>"/mnt/share/$1.err"
    # The host reads it from outside, and this machine may be killed a moment later.
    sync "/mnt/share/$1" "/mnt/share/$1.err"
    say "dumped $1"
}

# From here on the disk loses what is written to it ($1 is drop_writes), or fails it (error_writes). What the writer says
# behind this line rests on a disk that has gone.
# Nothing is written out for the switch: --noflush --nolockfs, or the cut would be a tidy one.
go_dark() {
    size=$(sectors /dev/ubda)
    say "cut"
    dmsetup --noudevsync suspend --noflush --nolockfs disk || stop "dmsetup suspend"
    dmsetup --noudevsync load disk --table "0 $size flakey /dev/ubda 0 0 3600 1 $1" || stop "dmsetup load"
    dmsetup --noudevsync resume disk || stop "dmsetup resume"
    say "dark"
}

case $job in
round)
    map disk "0 $(sectors /dev/ubda) linear /dev/ubda 0"
    mount -t ext4 /dev/mapper/disk /mnt/disk || stop "the file system cannot be mounted"
    say mounted
    # shellcheck disable=SC2086
    "$writer" append "$config" $settings >$answers 2>/mnt/share/writer.err &
    case $cut in
    kill) ;;
    *)
        sleep "$after"
        go_dark "$cut"
        ;;
    esac
    sleep 3600
    ;;
record)
    # One log for both: the file system, and behind it the acknowledgements, each a block that is written through. So
    # every state of this disk says itself what had been acknowledged by then.
    map logged "0 $(sectors /dev/ubda) log-writes /dev/ubda /dev/ubdb"
    map disk "0 $store_sectors linear /dev/mapper/logged 0"
    map acks "0 $(($(sectors /dev/ubda) - store_sectors)) linear /dev/mapper/logged $store_sectors"
    mount -t ext4 /dev/mapper/disk /mnt/disk || stop "the file system cannot be mounted"
    # shellcheck disable=SC2086
    "$writer" append "$config" $settings 2>/mnt/share/writer.err |
        dd of=/dev/mapper/acks bs=512 conv=sync oflag=direct,dsync status=none
    umount /mnt/disk
    dmsetup --noudevsync remove disk
    dmsetup --noudevsync remove acks
    # Ends the log: what it holds is counted in its first block.
    dmsetup --noudevsync remove logged
    sync
    stop well
    ;;
inspect)
    for disk in $disks; do
        mount -t ext4 "/dev/$disk" /mnt/disk || stop "$disk cannot be mounted: $(dmesg | tail -n 2 | tr '\n' ' ')"
        if [ -d /mnt/disk/store ]; then
            dump "dump-$disk"
            # Recovering once more has to give the same.
            dump "again-$disk"
        else
            say "nothing dump-$disk"
        fi
        umount /mnt/disk
    done
    stop well
    ;;
esac
