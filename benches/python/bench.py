#!/usr/bin/env python3
"""The scoreboard from Python: the work of an event store, done by Runestore and by its peers, turn by turn in one run.
What counts is the ratio: absolute figures drift with the machine.

    bench.py FOLDER

The stores that last are made in FOLDER, which should lie on a disk like that of a program, and are removed again.
run.sh runs it. `EVENTS=100000 ROUNDS=3` in the environment makes it run less, `KEPT=disk` or `KEPT=memory` one half;
`FIGURES` names a folder that gets the figures for the report.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from board import Board, Target, Work, save
from peers import Peer
from peers.eventsourcing_recorder import EventsourcingRecorder
from peers.eventsourcing_store import EventsourcingStore
from peers.runestore_events import Runestore
from peers.sqlite import Sqlite
from workload import BATCH, Workload

Make = Callable[[Path | None], Peer]
# By where they keep events: each append is on the disk when it is back, or nothing outlives the process. The first is
# compared with the others.
KEPT: dict[str, dict[str, Make]] = {
    "disk": {
        "runestore": Runestore,
        "sqlite3": Sqlite,
        "eventsourcing": EventsourcingStore,
    },
    "memory": {
        "runestore": Runestore,
        "sqlite3 :memory:": Sqlite,
        "eventsourcing": EventsourcingStore,
        "eventsourcing, recorder": EventsourcingRecorder,
    },
}
TITLES = {"disk": "Python, on the disk", "memory": "Python, in memory"}
APPEND, SCAN, TOUCHED, STREAMS = "append", "read all, untouched", "read all, data touched", "random streams, whole"
# A target is about a library as it is used, not about its parts, so none names the recorder.
TARGETS: dict[str, dict[str, list[Target]]] = {
    "disk": {
        APPEND: [Target("times", 8, ["sqlite3"])],
        SCAN: [Target("at least", 1.6e6)],
        TOUCHED: [Target("times", 3, ["eventsourcing"])],
        STREAMS: [Target("times", 4, ["sqlite3"])],
    },
    "memory": {
        SCAN: [Target("at least", 1.6e6)],
        TOUCHED: [Target("times", 3, ["eventsourcing"])],
        STREAMS: [Target("times", 4, ["sqlite3 :memory:"])],
    },
}

STREAM_LOOKUPS = 10_000
CHECKED_EVENTS = 20_000


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: bench.py FOLDER")
    folder = Path(sys.argv[1])
    events = int(os.environ.get("EVENTS", "1000000"))
    rounds = int(os.environ.get("ROUNDS", "5"))
    kept = os.environ["KEPT"].split() if "KEPT" in os.environ else list(KEPT)

    # Whoever answers wrongly is found before anybody is measured.
    small = Workload(CHECKED_EVENTS)
    for where in kept:
        for make in KEPT[where].values():
            measure(make, where, folder, small)

    workload = Workload(events)
    about = (
        f"{events:,} events of {workload.bytes // events} bytes on average in lists of {BATCH:,} dicts; "
        f"rounds: {rounds}"
    )
    boards = []
    for where in kept:
        peers = KEPT[where]
        counts = {APPEND: events, SCAN: events, TOUCHED: events, STREAMS: STREAM_LOOKUPS}
        works = [Work(name, "/s", True, TARGETS[where].get(name, []), [[] for _ in peers]) for name in counts]
        for _ in range(rounds):
            # Turn by turn, so that what else the machine does falls on all.
            for column, make in enumerate(peers.values()):
                seconds = measure(make, where, folder, workload)
                for work, count, took in zip(works, counts.values(), seconds, strict=True):
                    work.figures[column].append(count / took)
        boards.append(Board(TITLES[where], about, list(peers), works))
        boards[-1].show()
    if "FIGURES" in os.environ:
        save(boards, Path(os.environ["FIGURES"]) / "python.json")


def measure(make: Make, where: str, folder: Path, workload: Workload) -> list[float]:
    """The seconds of each work, appending, two scans and the streams. Every answer is checked."""
    if where == "memory":
        return work_through(make(None), workload)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        return work_through(make(Path(own)), workload)


def work_through(peer: Peer, workload: Workload) -> list[float]:
    # The collector is on, as it is in a program; what others left behind is not this peer's.
    gc.collect()
    appending = 0.0
    for batch in workload.batches():
        begun = time.perf_counter()
        peer.append(batch)
        appending += time.perf_counter() - begun
    lookups = workload.lookups(STREAM_LOOKUPS)
    found = sum(workload.streams[lookup] for lookup in lookups)
    took = [
        appending,
        timed("scan", peer.scan, workload.events),
        timed("scan_data", peer.scan_data, workload.amounts),
        timed("stream", lambda: sum(peer.stream(*lookup) for lookup in lookups), found),
    ]
    peer.close()
    return took


def timed(name: str, work: Callable[[], int], wanted: int) -> float:
    gc.collect()
    begun = time.perf_counter()
    answer = work()
    took = time.perf_counter() - begun
    if answer != wanted:
        raise SystemExit(f"{name} of {work} answered {answer:,}, right is {wanted:,}")
    return took


if __name__ == "__main__":
    main()
