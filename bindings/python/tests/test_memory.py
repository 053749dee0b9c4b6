"""A million events in and a million out: memory that was used is given back."""

import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import new

import runestore

LIST = 1000
# Stores are opened and closed, so what one holds is bounded: 20,000 events are some 6 MB in the core, and the
# objects of a list less than 1 MB. A leak of 16 bytes an event would be 16 MB.
GROWTH_MAX = 12 << 20


def scaled(times: int, engine: str) -> int:
    """How often something is done: each time is a way to a server and back with one of them."""
    return times // 10 if engine == "postgres" else times


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def unshared() -> int:
    """Without what is mapped from files: these pages are the page cache's, which takes them back when it needs them."""
    resident_pages, shared_pages = Path("/proc/self/statm").read_text().split()[1:3]
    return (int(resident_pages) - int(shared_pages)) * resource.getpagesize()


def append(store: runestore.Store) -> None:
    batch = [new({"n": n, "text": "x" * 40, "big": 10**25}, tags=["a"]) for n in range(LIST)]
    for _ in range(20):
        assert len(store.append(batch)) == LIST


def a_round_of_appends() -> int:
    with runestore.open() as store:
        append(store)
        return store.head


def test_a_million_appends_leave_nothing_behind() -> None:
    for _ in range(5):
        a_round_of_appends()
    gc.collect()
    before = resident()
    assert sum(a_round_of_appends() for _ in range(50)) == 1_000_000
    gc.collect()
    assert resident() - before < GROWTH_MAX


def reads(store: runestore.Store) -> int:
    events: list[runestore.Event] = store.get_events()
    touched = sum(event.data["n"] >= 0 for event in events)
    for event in store.events():
        touched += event.data["big"] == 10**25
    subscription = store.subscribe(limit=store.head)
    touched += sum(event.to_dict()["tags"] == ["a"] for event in subscription)
    touched += len(store.get_page(limit=store.head).events) + store.get_events_json(format="ndjson").count(b"\n")
    return int(touched)


def test_a_million_events_read_leave_nothing_behind() -> None:
    with runestore.open() as store:
        append(store)
        for _ in range(3):
            reads(store)
        gc.collect()
        before = resident()
        assert sum(reads(store) for _ in range(10)) == 1_000_000
        gc.collect()
        assert resident() - before < GROWTH_MAX


def test_a_stream_holds_a_piece_at_a_time() -> None:
    """100 MB are read; a piece is 1 MiB."""
    with runestore.open() as store:
        for _ in range(25):
            store.append([new("x" * 100_000)] * 40)
        for event in store.events(limit=50):
            assert event.sequence_number
        before, peak = resident(), 0
        for event in store.events():
            if event.sequence_number % 50 == 0:
                peak = max(peak, resident())
        assert peak - before < GROWTH_MAX


@pytest.mark.parametrize(("mmap", "memory"), [(False, resident), (True, unshared)])
def test_a_store_in_files_holds_no_more_as_it_grows(tmp_path: Path, mmap: bool, memory: Callable[[], int]) -> None:
    with runestore.open(tmp_path / "ledger.runes", sync="never", segment_bytes=1 << 20, mmap=mmap) as store:
        append(store)
        assert reads(store) == 5 * store.head
        gc.collect()
        before = memory()
        for _ in range(10):
            append(store)
        assert store.head == 220_000 and store.info()["segments"] > 50
        for event in store.events():
            assert event.sequence_number
        assert store.get_page({"tags": ["a"]}, offset=200_000, limit=1).pagination.total_count == 220_000
        gc.collect()
        assert memory() - before < GROWTH_MAX


def test_errors_leave_nothing_behind(store: runestore.Store, engine: str) -> None:
    nan: Any = [new()] * 10 + [new({"a": [1, {"b": float("nan")}]})]

    def fail(times: int) -> None:
        for _ in range(times):
            with pytest.raises(runestore.InvalidEventError):
                store.append(nan)
            with pytest.raises(runestore.ConflictError):
                store.append(new(), expected_version="exists")
            with pytest.raises(runestore.InvalidQueryError):
                store.subscribe({"x": 1})

    fail(scaled(3000, engine))
    gc.collect()
    before, objects = resident(), len(gc.get_objects())
    fail(scaled(30_000, engine))
    gc.collect()
    assert len(gc.get_objects()) - objects < 1000
    assert resident() - before < GROWTH_MAX


def test_cursors_that_were_left_in_the_middle_are_given_back(store: runestore.Store, engine: str) -> None:
    append(store)

    def leave(times: int) -> None:
        for _ in range(times):
            next(store.events())
            next(store.subscribe())

    # Each holds a piece of 1 MiB while it is there.
    leave(100)
    before = resident()
    leave(scaled(1000, engine))
    assert resident() - before < GROWTH_MAX
