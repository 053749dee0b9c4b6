"""The disks that the machines see, and what is looked for on them behind a power cut."""

import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "machine"))

from harness import BUILD, SEED, WRITER, Failure, check  # noqa: E402
from machine import Machine  # noqa: E402
from store import config  # noqa: E402

MIB = 1 << 20
STORE = "/mnt/disk/store"  # where guest.sh mounts the disk
DISK_BYTES = 64 * MIB

chance = random.Random(SEED)


def new_disk(name, size=DISK_BYTES):
    path = os.path.join(BUILD, name)
    with open(path, "wb") as file:
        file.truncate(size)
    made = subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", path, f"{DISK_BYTES // 1024}k"],
        capture_output=True,
        text=True,
    )
    check(made.returncode == 0, f"mkfs.ext4: {made.stderr}")
    return path


def dumped(name):
    """The events of a dump, and its last line, parsed out of the way of them."""
    with open(os.path.join(BUILD, "share", name), "rb") as file:
        lines = file.read().splitlines()
    if not lines or not lines[-1].startswith(b"#"):
        with open(os.path.join(BUILD, "share", name + ".err")) as file:
            raise Failure(f"{name} was cut short behind {len(lines)} events: {file.read()}")
    return lines[:-1], lines[-1].decode()


def compared(ledger, name, end_may_go=False):
    """Compares a dump with the ledger: what it found."""
    lines, end = dumped(name)
    check('"refused"' not in end, f"the store does not open: {end}")
    found = ledger.compare(lines, whole=True, end_may_go=end_may_go)
    if '"ok":true' not in end:
        # The disk kept its word, so nothing of a store may be damaged: not its indexes either.
        found.wrong.append(f"verify: {end[:400]}")
    return found


def inspect(disks):
    """Mounts these disks, after whatever befell them, and dumps their stores. Which have one at all."""
    names = [f"ubd{chr(ord('a') + index)}" for index in range(len(disks))]
    machine = Machine(
        BUILD,
        disks,
        {
            "job": "inspect",
            "disks": " ".join(names),
            "writer": WRITER,
            "config": config(STORE),
        },
    )
    try:
        said = [line.decode() for line in machine.lines()]
    finally:
        machine.close()
    check("stopped well" in said, f"the machine stopped: {said}")
    for name in names:
        if f"dumped again-{name}" in said:
            first, again = dumped(f"dump-{name}"), dumped(f"again-{name}")
            check(first[0] == again[0], f"opened twice, {disks[0]} gave {len(first[0])} and {len(again[0])} events")
    return [f"dump-{name}" if f"dumped again-{name}" in said else None for name in names]
