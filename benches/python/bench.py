#!/usr/bin/env python3
"""The scoreboard from Python: the work of an event store, done by Runestore and by its peers, turn by turn in one run.
What counts is the ratio: absolute figures drift with the machine.

run.sh runs it; `EVENTS=100000 ROUNDS=3` in the environment makes it run less.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from peers import Peer
from peers.eventsourcing_recorder import EventsourcingRecorder
from peers.eventsourcing_store import EventsourcingStore
from peers.runestore_events import Runestore
from peers.sqlite import Sqlite
from workload import BATCH, Workload

OURS = "runestore"
PEERS: dict[str, Callable[[], Peer]] = {
    OURS: Runestore,
    "sqlite3 :memory:": Sqlite,
    "eventsourcing": EventsourcingStore,
    "eventsourcing, recorder": EventsourcingRecorder,
}

STREAM_LOOKUPS = 10_000
CHECKED_EVENTS = 20_000


@dataclass(frozen=True)
class Work:
    name: str
    unit: str  # what is counted per second
    targets: dict[str, float]  # how many times as fast as these peers Runestore shall be
    rate: float | None = None  # how many a second it shall do


WORKS = [
    Work("append", "events", {"sqlite3 :memory:": 8}),
    Work("read all, untouched", "events", {}, rate=1.6e6),
    Work("read all, data touched", "events", {"eventsourcing": 3}),
    Work("random streams, whole", "streams", {"sqlite3 :memory:": 4}),
]


def main() -> None:
    events = int(os.environ.get("EVENTS", "1000000"))
    rounds = int(os.environ.get("ROUNDS", "5"))

    # Whoever answers wrongly is found before anybody is measured.
    small = Workload(CHECKED_EVENTS)
    for make in PEERS.values():
        measure(make, small)

    workload = Workload(events)
    print(
        f"{events:,} events of {workload.bytes // events} bytes on average in batches of {BATCH:,}; "
        f"{rounds} rounds, medians (lowest to highest)\n"
    )
    seconds: dict[tuple[str, str], list[float]] = {(work.name, peer): [] for work in WORKS for peer in PEERS}
    for _ in range(rounds):
        # Turn by turn, so that what else the machine does falls on all.
        for peer, make in PEERS.items():
            for work, took in zip(WORKS, measure(make, workload), strict=True):
                seconds[work.name, peer].append(took)
    show(seconds, events)


def measure(make: Callable[[], Peer], workload: Workload) -> list[float]:
    """The seconds of each work, in the order of WORKS. Every answer is checked."""
    peer = make()
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
    print(f"{'work':<24}{'peer':<26}{'a second':>10} {'(lowest to highest)':<20}{'ratio':>8}{'target':>10}")
    for work in WORKS:
        per = events if work.unit == "events" else STREAM_LOOKUPS
        ours = per / median(seconds[work.name, OURS])
        for peer in PEERS:
            rates = sorted(per / took for took in seconds[work.name, peer])
            span = f"({short(rates[0])} to {short(rates[-1])})"
            rate = per / median(seconds[work.name, peer])
            ratio, target = "", ""
            if peer != OURS:
                ratio = f"{ours / rate:.1f}"
                target = f"{work.targets[peer]:g}" if peer in work.targets else ""
            elif work.rate is not None:
                target = f"{short(work.rate)}/s"
            name = work.name if peer == OURS else ""
            print(f"{name:<24}{peer:<26}{short(rate):>10} {span:<20}{ratio:>8}{target:>10}".rstrip())
        print()


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
