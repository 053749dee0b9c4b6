"""Flips bits in stores that were closed cleanly: the reader in Python finds each, or its checks check nothing.

    tests/format/damage.py STORE… SCRATCH
"""

import pathlib
import random
import shutil
import sys

from index import read_indexes
from reader import Damaged, Unsupported, read_store

FLIPS = 60


def is_found(folder, events):
    """Whether the damage is found. Never other events without a word."""
    try:
        store = read_store(folder)
        found = list(store.events())
        if found != events[: len(found)]:
            sys.exit(f"{folder}: wrong events, and no error before them")
        return store.damage is not None or any(complaints for _, complaints in read_indexes(folder, store))
    except (Damaged, Unsupported):
        return True


def main(stores, scratch):
    # The same flips at every run.
    chance = random.Random(1)
    missed = 0
    for store in stores:
        events = list(read_store(store).events())
        for path in sorted(store.iterdir()):
            content = path.read_bytes()
            if path.suffix not in (".log", ".idx"):
                continue
            for _ in range(FLIPS):
                shutil.rmtree(scratch, ignore_errors=True)
                shutil.copytree(store, scratch)
                offset, bit = chance.randrange(len(content)), chance.randrange(8)
                damaged = bytearray(content)
                damaged[offset] ^= 1 << bit
                (scratch / path.name).write_bytes(damaged)
                if not is_found(scratch, events):
                    print(f"{path}: bit {bit} of byte {offset} is not found", file=sys.stderr)
                    missed += 1
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main([pathlib.Path(path) for path in sys.argv[1:-1]], pathlib.Path(sys.argv[-1])))
