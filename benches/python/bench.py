#!/usr/bin/env python3
"""The scoreboard from Python: the work of an event store, done by Runestore and by its peers, turn by turn in one run.
What counts is the ratio: absolute figures drift with the machine.

    bench.py FOLDER

The stores that last are made in FOLDER, which should lie on a disk like that of a program, and are removed again.
run.sh runs it. `EVENTS=100000 ROUNDS=3` in the environment makes it run less, `KEPT=disk` or `KEPT=memory` one half.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from peers import Peer
from peers.eventsourcing_recorder import EventsourcingRecorder
from peers.eventsourcing_store import EventsourcingStore
from peers.runestore_events import Runestore
from peers.sqlite import Sqlite
from workload import BATCH, Workload

OURS = "runestore"
Make = Callable[[Path | None], Peer]
# By where they keep events: each append is on the disk when it is back, or nothing outlives the process.
KEPT: dict[str, dict[str, Make]] = {
    "disk": {
        OURS: Runestore,
        "sqlite3 WAL, FULL": Sqlite,
        "eventsourcing, SQLite": EventsourcingStore,
    },
    "memory": {
        OURS: Runestore,
        "sqlite3 :memory:": Sqlite,
        "eventsourcing": EventsourcingStore,
        "eventsourcing, recorder": EventsourcingRecorder,
    },
}

STREAM_LOOKUPS = 10_000
CHECKED_EVENTS = 20_000


@dataclass(frozen=True)
class Work:
    name: str
    unit: str  # what is counted per second
    targets: dict[str, float]  # how many times as fast as these peers, however they keep events, Runestore shall be
    rate: float | None = None  # how many a second it shall do


WORKS = [
    Work("append", "events", {"sqlite3": 8}),
    Work("read all, untouched", "events", {}, rate=1.6e6),
    Work("read all, data touched", "events", {"eventsourcing": 3}),
    Work("random streams, whole", "streams", {"sqlite3": 4}),
]


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
    print(
        f"{events:,} events of {workload.bytes // events} bytes on average in batches of {BATCH:,}; "
        f"{rounds} rounds, medians (lowest to highest)\n"
    )
    for where in kept:
        peers = KEPT[where]
        seconds: dict[tuple[str, str], list[float]] = {(work.name, peer): [] for work in WORKS for peer in peers}
        for _ in range(rounds):
            # Turn by turn, so that what else the machine does falls on all.
            for peer, make in peers.items():
                for work, took in zip(WORKS, measure(make, where, folder, workload), strict=True):
                    seconds[work.name, peer].append(took)
        print(f"kept {'on the disk, each append when it is back' if where == 'disk' else 'in memory'}\n")
        show(seconds, events)


def measure(make: Make, where: str, folder: Path, workload: Workload) -> list[float]:
    """The seconds of each work, in the order of WORKS. Every answer is checked."""
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


def show(seconds: dict[tuple[str, str], list[float]], events: int) -> None:
    peers = [peer for name, peer in seconds if name == WORKS[0].name]
    print(f"{'work':<24}{'peer':<26}{'a second':>10} {'(lowest to highest)':<20}{'ratio':>8}{'target':>10}")
    for work in WORKS:
        per = events if work.unit == "events" else STREAM_LOOKUPS
        ours = per / median(seconds[work.name, OURS])
        for peer in peers:
            rates = sorted(per / took for took in seconds[work.name, peer])
            span = f"({short(rates[0])} to {short(rates[-1])})"
            rate = per / median(seconds[work.name, peer])
            ratio, target = "", ""
            if peer != OURS:
                ratio = f"{ours / rate:.1f}"
                target = next((f"{times:g}" for name, times in work.targets.items() if is_the(name, peer)), "")
            elif work.rate is not None:
                target = f"{short(work.rate)}/s"
            name = work.name if peer == OURS else ""
            print(f"{name:<24}{peer:<26}{short(rate):>10} {span:<20}{ratio:>8}{target:>10}".rstrip())
        print()


def is_the(name: str, peer: str) -> bool:
    """Whether a target that names `name` is about this peer: a target is not about a library's parts."""
    return peer == name or (peer.startswith(name) and "recorder" not in peer)


def short(value: float) -> str:
    """Three digits and a unit."""
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 1e5:
        return f"{value / 1e3:.0f}k"
    if value >= 1e3:
        return f"{value / 1e3:.1f}k"
    return f"{value:.0f}"


if __name__ == "__main__":
    main()
