#!/usr/bin/env python3
"""The flights move house: from memory into a file, into PostgreSQL, into another file, and are the same.

    move.py FOLDER [EVENTS]

FOLDER holds events.jsonl, which convert.py writes; all of it is moved, or what makes EVENTS in whole batches. The process
that copies into PostgreSQL is killed half-way, and the copy is gone on with. In the end all that the four stores give is
compared byte for byte, by SHA-256; the exit status is 0 only if it is the same. The file stores are FOLDER/move-1.runes
and FOLDER/move-2.runes, made anew. The server is the one that POSTGRES_URL names, where a schema is made and dropped
again, or one that is started for this alone (postgres_server.py). python.sh makes the environment, and runs this.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import runestore

from postgres_server import Server, psql

WIDTH = 100  # columns of the output
# A copy appends up to 10,000 events at once: one that is made of less than two such batches has no half-way.
EVENTS_MIN = 20_000
PIECE_EVENTS = 10_000  # of an export, which is hashed piece by piece: memory does not grow with it
SUMMARY = b'{"return":"summary"}'  # an append's answer without the events


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: move.py FOLDER [EVENTS]")
    folder = Path(sys.argv[1])
    events = int(sys.argv[2]) if len(sys.argv) == 3 else sys.maxsize
    first, last = folder / "move-1.runes", folder / "move-2.runes"
    for old in (first, last):
        shutil.rmtree(old, ignore_errors=True)
    print(f"Runestore {runestore.__version__}, from Python: the flights move, memory - file - PostgreSQL - file")
    with runestore.open() as memory, runestore.open(first) as file, runestore.open(last) as target, database() as address:
        total = load(memory, folder / "events.jsonl", events)
        # How far two readers are, which moves along.
        readers = {"billing": total // 3, "picture": total}
        for source, position in readers.items():
            memory.append([], tracking={"source": source, "position": position})
        copy("Memory - file", memory, file)
        killed_half_way(first, address, total)
        with runestore.Store(address) as server:
            there = server.head
            copied = copy(f"Copied again, it goes on behind {there:,}", file, server)
            # Not less than half, nor all anew. What the killed one had sent last may have come in after `there` was asked for.
            check("events that were there and were copied", (there >= total / 2 and copied <= total - there) or (there, copied))
            copy("PostgreSQL - file", server, target)
            stores = {"memory": memory, "file": file, "PostgreSQL": server, "the last file": target}
            fingerprint = export(stores, readers)
        verify(target, total)
    print(f"\nMoved: {total:,} events, four exports, one SHA-256: {fingerprint}")


# ---- The stores ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def database() -> Iterator[dict[str, Any]]:
    """How a store in PostgreSQL is opened that goes away at the end of the block."""
    schema = f"move_{os.getpid()}"
    url = os.environ.get("POSTGRES_URL")
    if url is None:
        begun = time.perf_counter()
        with Server() as server:
            heading("A PostgreSQL server for this alone", time.perf_counter() - begun)
            print(f"  {server.sql('SHOW server_version')}, as it is after initdb")
            yield {"store": "postgres", "store_opts": {"url": server.url, "schema": schema}}
        return
    try:
        yield {"store": "postgres", "store_opts": {"url": url, "schema": schema}}
    finally:
        psql(url, f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema} CASCADE")


def load(store: runestore.Store, path: Path, events: int) -> int:
    """Appends each line of the file as one atomic batch; how many events."""
    begun = time.perf_counter()
    with open(path, "rb") as file:
        while store.head < events and (batch := file.readline()):
            store.append_json(batch, SUMMARY)
    if store.head < EVENTS_MIN:
        sys.exit(f"move: {store.head:,} events are too few to be stopped half-way: {EVENTS_MIN:,} are needed")
    leg("Into memory", store.head, time.perf_counter() - begun)
    return store.head


# ---- Copying ---------------------------------------------------------------------------------------------------------


def copy(what: str, source: runestore.Store, target: runestore.Store) -> int:
    """Copies a store; how many events it took. All of them are compared at the end, which is timed on its own."""
    times = [time.perf_counter()]
    lacking = source.head - target.head

    def progress(done: int, total: int) -> None:
        if done >= lacking and len(times) == 1:
            times.append(time.perf_counter())

    answer = runestore.copy(source, target, progress)
    times.append(time.perf_counter())
    leg(what, answer["copied"], times[1] - times[0])
    print(f"  and compared, {answer['events']:,} events: {answer['events'] / (times[-1] - times[1]):,.0f} a second")
    check("events in the copy", target.head == source.head or (target.head, source.head))
    return int(answer["copied"])


def copy_and_tell(path: Path, address: dict[str, Any], told: Connection) -> None:
    """The process that will be killed: tells how far it is."""
    with runestore.Store(address) as target:
        runestore.copy(path, target, lambda done, total: told.send(done))


def killed_half_way(path: Path, address: dict[str, Any], total: int) -> None:
    """Copies in a process of its own, and kills that when half of the events are there."""
    processes = multiprocessing.get_context("spawn")
    telling, told = processes.Pipe()
    copier = processes.Process(target=copy_and_tell, args=(path, address, told))
    begun = time.perf_counter()
    copier.start()
    told.close()
    done = 0
    with contextlib.suppress(EOFError, ConnectionResetError):
        while done < total / 2:
            done = telling.recv()
    copier.kill()
    copier.join()
    if copier.exitcode != -signal.SIGKILL:
        sys.exit(f"move: the process that copied ended by itself, with {copier.exitcode}")
    heading(f"File - PostgreSQL, in a process that is killed by SIGKILL after {done:,} events", time.perf_counter() - begun)


# ---- Comparing -------------------------------------------------------------------------------------------------------


def export(stores: dict[str, runestore.Store], readers: dict[str, int]) -> str:
    """Reads all of each store as lines of JSON; the SHA-256 that all of them have."""
    begun = time.perf_counter()
    hashes = {}
    for name, store in stores.items():
        digest, size = hashlib.sha256(), 0
        for after in range(0, store.head, PIECE_EVENTS):
            piece = store.get_events_json({"after": after, "up_to": after + PIECE_EVENTS}, format="ndjson")
            digest.update(piece)
            size += len(piece)
        hashes[name] = (digest.hexdigest(), size)
    heading("Each is exported, as lines of JSON", time.perf_counter() - begun)
    for name, (fingerprint, size) in hashes.items():
        print(f"  {name:<14} {size:,} bytes, {fingerprint[:16]}…")
    check("one export", len(set(hashes.values())) == 1 or hashes)
    for name, store in stores.items():
        positions = {source: store.tracking(source) for source in readers}
        check(f"how far the readers are in {name}", positions == readers or positions)
    told = ", ".join(f"`{source}` {position:,}" for source, position in readers.items())
    print(f"  and how far readers are: {told}")
    return hashes["memory"][0]


def verify(store: runestore.Store, total: int) -> None:
    begun = time.perf_counter()
    report = store.verify()
    heading("Every checksum and every link of the last file verified", time.perf_counter() - begun)
    print(f"  {report['events']:,} events in {report['bytes']:,} bytes, {len(report['problems'])} problems")
    check("a sound store", (report["ok"] and report["events"] == total) or report)


# ---- Checks, headings ------------------------------------------------------------------------------------------------


def check(what: str, found: object) -> None:
    """Ends the program where `found` is not True but what was found instead."""
    if found is not True:
        sys.stdout.flush()
        sys.exit(f"move: {what}: that is wrong, found {found}")


def leg(what: str, events: int, seconds: float) -> None:
    heading(f"{what}: {events:,} events, {events / seconds:,.0f} a second", seconds)


def heading(title: str, seconds: float) -> None:
    print(f"\n{title:<{WIDTH - 13}}{seconds * 1e3:>10.3f} ms", flush=True)


if __name__ == "__main__":
    main()
