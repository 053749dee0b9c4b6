"""
A running machine loses its power while a writer appends: at any instant, again and again on the same disk. What had
been acknowledged over the serial line is there when the disk is mounted again.

`running.py ROUNDS`
"""

import os
import shutil
import sys
import time

from disks import BUILD, SEED, STORE, WRITER, Failure, chance, check, compared, config, inspect, new_disk
from harness import case, note, report
from ledger import Ledger
from machine import Machine

ROUNDS = int(sys.argv[1])
ROUNDS_PER_DISK = 5
SECONDS_MAX = 120  # of one machine
# How the power goes: the machine is killed; the disk drops all writes from one moment on, or fails them.
CUTS = ["kill", "drop_writes", "error_writes"]


class Tally:
    """What the rounds came to."""

    def __init__(self):
        self.acknowledged = self.lost = self.torn = self.dropped = 0
        self.openings = 0  # the power went before the store was open
        self.kinds = dict.fromkeys(CUTS, 0)


def hear_out(machine, run, cut):
    """Hears a machine until its power goes, and cuts it off where it does not do that itself."""
    believed, acks = True, 0
    # Some go while the store is being opened.
    enough = None if chance.random() < 0.35 else chance.randrange(1, 150)
    deadline = time.monotonic() + SECONDS_MAX
    for line in machine.lines():
        check(time.monotonic() < deadline, f"after {SECONDS_MAX} s the power was still on")
        if line.startswith(b"stopped"):
            raise Failure(f"the machine stopped: {line.decode()}")
        elif line == b"cut":
            believed = False
        elif line == b"dark":
            time.sleep(chance.uniform(0, 0.5))
            machine.cut()
        elif line == b"mounted":
            if cut == "kill" and enough is None:
                time.sleep(chance.uniform(0, 0.15))
                machine.cut()
        else:
            run.hear(line, believed)
            acks += line.startswith(b"ack")
            if cut == "kill" and acks == enough:
                time.sleep(chance.uniform(0, 0.03))
                machine.cut()
    check(not run.refused or not believed, f"the store did not open: {run.refused}")
    # On a disk that has gone a writer may get on further than its words came through.
    run.ended_in_flight(1 if believed else 1000)


def life_of_a_disk(first, rounds, tally):
    disk, ledger = new_disk("disk"), Ledger()
    for number in range(first, first + rounds):
        cut, threads = CUTS[number % 3], (1, 4)[number // 2 % 2]
        # Every fifth round syncs only now and then: the end of its log may go, in whole batches.
        sync = [{"interval_ms": 50}, "never"][number // 5 % 2] if number % 5 == 3 else "always"
        options = {"sync": sync, **({"segment_bytes": 65536} if number % 2 else {})}
        run = ledger.run(threads)
        machine = Machine(
            BUILD,
            [disk],
            {
                "job": "round",
                "cut": cut,
                "after": f"{chance.uniform(0, 0.8):.3f}",
                "writer": WRITER,
                "config": config(STORE, **options),
                "settings": f"run={run.number} threads={threads} pad_max=300",
            },
        )
        what = f"round {number}, {cut}, sync {sync}, {threads} threads"
        try:
            hear_out(machine, run, cut)
            machine.close()
            tally.kinds[cut] += 1
            tally.acknowledged += run.acknowledged
            tally.openings += run.opened is None
            # Now and then the next cut comes before anybody looked.
            if sync == "always" and number + 1 < first + rounds and chance.random() < 0.3:
                continue
            [dump] = inspect([disk])
            if dump is None:
                check(ledger.acknowledged() == 0, "the store is gone")
                continue
            found = compared(ledger, dump, end_may_go=sync != "always")
        except Exception as failure:
            machine.close()
            shutil.copy(disk, os.path.join(BUILD, f"disk.round{number}"))
            raise Failure(f"{what}: {type(failure).__name__}: {failure}; disk.round{number} is its disk") from failure
        tally.lost, tally.torn = tally.lost + len(found.lost), tally.torn + len(found.torn)
        tally.dropped += found.dropped
        check(not found, f"{what}: {found}")


@case(f"{ROUNDS} power cuts: what was acknowledged is there, whole")
def _():
    tally, failures = Tally(), []
    for first in range(0, ROUNDS, ROUNDS_PER_DISK):
        try:
            life_of_a_disk(first, min(ROUNDS_PER_DISK, ROUNDS - first), tally)
        except Failure as failure:  # the other disks tell how often it happens
            failures.append(str(failure))
    note(
        f"{sum(tally.kinds.values())} power cuts, {tally.acknowledged} acknowledged batches, "
        f"{tally.lost} lost, {tally.torn} torn"
    )
    note(
        ", ".join(f"{count} {kind}" for kind, count in tally.kinds.items())
        + f"; {tally.openings} before the store was open; {tally.dropped} batches went with the end of a log that "
        f"was not synced each time; seed {SEED}"
    )
    check(not failures, f"{len(failures)} disks failed:\n    " + "\n    ".join(failures[:10]))


report()
