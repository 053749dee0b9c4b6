"""
A disk whose every write and flush is recorded while a writer lives on it, and what a power cut could have made of it:
between any two flushes, with each write in between kept, lost, or kept in part. The disk holds the acknowledgements
too, so that each of its states says what must be there.

`recorded.py STATES`
"""

import os
import shutil
import sys

from disks import (
    BUILD,
    DISK_BYTES,
    MIB,
    STORE,
    WRITER,
    Failure,
    chance,
    check,
    compared,
    config,
    dumped,
    inspect,
    new_disk,
)
from harness import case, note, report
from ledger import Ledger
from logwrites import SECTOR, Replay
from machine import Machine

STATES = int(sys.argv[1])
ACKS_BYTES = 8 * MIB  # of the disk, behind the file system
DISKS_PER_MACHINE = 8
KEPT_MAX = 4  # disks on which something was wrong


class Tally:
    """What the states came to."""

    def __init__(self):
        self.acknowledged = self.lost = self.torn = self.kept = 0
        self.points, self.failures = [], []


def acknowledged_on(image, run):
    """The acknowledgements that stand on a disk, behind its file system."""
    with open(image, "rb") as file:
        file.seek(DISK_BYTES)
        text = file.read(ACKS_BYTES)
    # A block holds what came through the pipe at one time, NUL behind it. Behind a missing one nothing was certain.
    words = b""
    for start in range(0, len(text), SECTOR):
        block = text[start : start + SECTOR].rstrip(b"\0")
        if not block:
            break
        words += block
    for line in words.split(b"\n")[:-1]:
        run.hear(line)


def record(options, threads, batches):
    """A writer's whole life on a recorded disk: the replay, at its beginning."""
    base = new_disk("base", DISK_BYTES + ACKS_BYTES)
    disk, log = os.path.join(BUILD, "recorded"), os.path.join(BUILD, "log")
    shutil.copy(base, disk)
    with open(log, "wb") as file:
        file.truncate(1024 * MIB)  # with holes
    machine = Machine(
        BUILD,
        [disk, log],
        {
            "job": "record",
            "writer": WRITER,
            "store_sectors": DISK_BYTES // SECTOR,
            "config": config(STORE, **options),
            "settings": f"run=1 threads={threads} batches={batches} pad_max=300",
        },
    )
    try:
        said = [line.decode() for line in machine.lines()]
    finally:
        machine.close()
    check("stopped well" in said, f"the machine stopped: {said}")
    return Replay(log, base), disk


def judge_states(images, threads, tally):
    """Compares each of these disks with the acknowledgements on it."""
    for image, dump in zip(images, inspect(images)):
        ledger = Ledger()
        run = ledger.run(threads)
        acknowledged_on(image, run)
        # The acknowledgements are behind the writer by what their own way to the disk takes.
        run.ended_in_flight(1000)
        tally.acknowledged += run.acknowledged
        if dump is None:
            tally.failures += [f"{image}: the store is gone"] if run.acknowledged else []
            tally.lost += run.acknowledged
            continue
        try:
            found = compared(ledger, dump)
        except Failure as failure:
            tally.failures.append(f"{image}: {failure}")
            continue
        tally.lost, tally.torn = tally.lost + len(found.lost), tally.torn + len(found.torn)
        tally.failures += [f"{image}: {found}"] if found else []


def recorded(options, threads, states):
    """So many states of a writer's disk: what they came to."""
    tally = Tally()
    replay, disk = record(options, threads, batches=40)
    tally.points = replay.points()
    check(len(tally.points) > states, f"the log has only {len(tally.points)} points between which a cut can fall")
    images = []
    for turn, index in enumerate(sorted(chance.sample(range(len(tally.points) - 1), states)), 1):
        point, next_point = tally.points[index : index + 2]
        replay.forward(point + 1)
        images.append(os.path.join(BUILD, f"state{len(images)}"))
        shutil.copy(replay.image, images[-1])
        replay.cut(point, next_point, chance, images[-1])
        if len(images) == DISKS_PER_MACHINE or turn == states:
            failed = len(tally.failures)
            judge_states(images, threads, tally)
            for failure in tally.failures[failed:]:
                image = failure.split(":")[0]
                # The first few are enough to look at.
                if options.get("sync") != "never" and tally.kept < KEPT_MAX:
                    shutil.copy(image, f"{image}.near-point{index}")
                    tally.kept += 1
            images = []
    replay.forward(len(replay.entries))
    with open(replay.image, "rb") as replayed, open(disk, "rb") as real:
        same = replayed.read() == real.read()
    check(same, "the log, replayed to its end, is not what the disk is: the states say nothing")
    return tally


for threads, options in ((1, {"segment_bytes": 65536}), (4, {})):

    @case(f"{STATES // 2} states of a recorded disk, {threads} threads")
    def _():
        tally = recorded(options, threads, STATES // 2)
        note(
            f"{STATES // 2} states of a disk, cut between 2 of {len(tally.points)} points, {threads} threads, "
            f"{options}: {tally.acknowledged} acknowledged batches, {tally.lost} lost, {tally.torn} torn"
        )
        check(not tally.failures, f"{len(tally.failures)} states failed:\n    " + "\n    ".join(tally.failures[:10]))


@case("a store that does not sync is found out")
def _():
    tally = recorded({"sync": "never"}, 1, DISKS_PER_MACHINE)
    note(
        f"{DISKS_PER_MACHINE} states of a store that does not sync: {tally.lost} of {tally.acknowledged} batches "
        "lost, as they should be"
    )
    check(tally.lost > 0, "nothing was lost: these states are too kind")
    check(tally.torn == 0, f"{tally.failures}")


@case("a disk that takes back what it had flushed is found out")
def _():
    replay, disk = record({"segment_bytes": 65536}, 1, batches=12)
    points = replay.points()
    early = os.path.join(BUILD, "early")
    replay.forward(points[len(points) // 2])
    shutil.copy(replay.image, early)
    # The file system of then, with the acknowledgements of now: those of the second half must be missed.
    with open(disk, "rb") as now, open(early, "r+b") as then:
        now.seek(DISK_BYTES)
        then.seek(DISK_BYTES)
        then.write(now.read(ACKS_BYTES))
    ledger = Ledger()
    run = ledger.run(1)
    acknowledged_on(early, run)
    check(run.acknowledged == 12, f"{run.acknowledged} acknowledgements are on the disk")
    [dump] = inspect([early])
    if dump is not None:
        lines, end = dumped(dump)
        check('"refused"' in end or ledger.compare(lines).lost, "the loss was not reported")


report()
