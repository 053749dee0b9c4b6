#!/usr/bin/env python3
"""Every flight that left New York in 2013, kept in files and asked about: the demo, from Python.

    flights.py FOLDER

FOLDER holds events.jsonl and events.count, which convert.py writes. Every answer is checked against numbers that were
counted without Runestore; the exit status is 0 only if all of them are right. The store is FOLDER/python.runes, made
anew; the picture of the year is drawn into FOLDER. python.sh makes the environment that this needs, and runs it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import shutil
import signal
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import runestore
import runestore.aio
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

import picture
from convert import BATCH_EVENTS

WIDTH = 100  # columns of the output
PAGE_EVENTS = 100
NEW_YORK = ZoneInfo("America/New_York")
AIRPORTS = {"EWR": "Newark", "JFK": "Kennedy", "LGA": "LaGuardia"}
SUMMARY = b'{"return":"summary"}'  # an append's answer without the events


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: flights.py FOLDER")
    folder = Path(sys.argv[1])
    counts = read_counts(folder / "events.count")
    known = read_known(Path(__file__).with_name("known.h"))
    check = Check()
    path, copy = folder / "python.runes", folder / "python-copy.runes"
    for old in (path, copy):
        shutil.rmtree(old, ignore_errors=True)
    print(f"Runestore {runestore.__version__}, file engine, from Python: every flight that left New York in 2013")
    acknowledged = kill_a_writer(path, folder / "events.jsonl", counts["batches"] // 2, check)
    with open(folder / "events.jsonl", "rb") as file, open_again(path, acknowledged, check) as store:
        there = sum(1 for _ in islice(file, store.head // BATCH_EVENTS))
        # A tenth of the batches comes while a thread follows, another while coroutines do.
        tenth = counts["batches"] // 10
        load(store, islice(file, counts["batches"] - there - 2 * tenth), counts)
        days = Days()
        follow_in_a_thread(store, days, islice(file, tenth), tenth * BATCH_EVENTS)
        asyncio.run(follow_in_a_loop(store, file, counts, check))
        aircraft_year(store, known, check)
        blizzard(store, known, counts, check)
        one_hour(store, known, check)
        last_three(store, counts, check)
        errors(store, known, counts, check)
        verify_and_back_up(store, copy, counts, check)
        year_in_a_picture(store, days, folder / "flights.svg", counts, check)
    if check.wrong:
        sys.exit(f"flights: {check.wrong} of the numbers are wrong")
    print("\nEvery number agrees with the table of flights.")


# ---- A writer that is killed -----------------------------------------------------------------------------------------


def write_and_tell(path: Path, events: Path, told: Connection) -> None:
    """The writer's process: tells the head after each batch, when that was acknowledged."""
    with open(events, "rb") as file, runestore.open(path) as store:
        for batch in file:
            store.append_json(batch, SUMMARY)
            told.send(store.head)


def kill_a_writer(path: Path, events: Path, batches: int, check: Check) -> int:
    """Kills it when so many batches were acknowledged. The head that was acknowledged last."""
    processes = multiprocessing.get_context("spawn")
    telling, told = processes.Pipe()
    writer = processes.Process(target=write_and_tell, args=(path, events, telling))
    writer.start()
    telling.close()
    heads: list[int] = []
    try:
        while True:
            heads.append(told.recv())
            if len(heads) == batches:
                writer.kill()
    except (EOFError, ConnectionResetError):
        # What it had said when it was killed is read to the end.
        writer.join()
    if writer.exitcode != -signal.SIGKILL:
        sys.exit(f"flights: the writer ended by itself, with {writer.exitcode}")
    check.equal("heads acknowledged", heads, [BATCH_EVENTS * (number + 1) for number in range(len(heads))])
    return heads[-1]


def open_again(path: Path, acknowledged: int, check: Check) -> runestore.Store:
    begun = time.perf_counter()
    store = runestore.open(path)
    heading("The writer was killed half-way with SIGKILL; its store is opened again", time.perf_counter() - begun)
    print(f"  {acknowledged:,} events had been acknowledged; {store.head:,} are there, in whole batches")
    there = store.get_page({"up_to": acknowledged}, limit=1).pagination.total_count
    check.equal("events that were acknowledged and are there", there, acknowledged)
    # It may have been killed between the commit and the word of it.
    check.equal("whole batches", store.head - acknowledged in (0, BATCH_EVENTS), True)
    return store


# ---- Appending -------------------------------------------------------------------------------------------------------


def bar() -> Progress:
    # In a log there is no bar: what it would leave there says less than the line below.
    quiet = not sys.stdout.isatty()
    columns = (TextColumn("  {task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, transient=True, disable=quiet)


def load(store: runestore.Store, batches: Iterable[bytes], counts: dict[str, int]) -> None:
    """Appends each line of the file as one atomic batch, as a program would that has its events as dicts."""
    appending = 0.0  # seconds; to parse the file is not the store's work
    before = store.head
    with bar() as progress:
        task = progress.add_task("append", total=counts["events"])
        for batch in batches:
            events = orjson.loads(batch)
            begun = time.perf_counter()
            stored = store.append(events)
            appending += time.perf_counter() - begun
            progress.update(task, completed=stored[-1].sequence_number)
    more = store.head - before
    heading(f"{more:,} events appended as dicts: {more / appending:,.0f} a second, on the disk", appending)
    print(
        f"  in all {counts['flights']:,} flights make {counts['events']:,} events: {counts['departed']:,} departed, "
        f"{counts['arrived']:,} arrived, {counts['cancelled']:,} cancelled"
    )


# ---- Following -------------------------------------------------------------------------------------------------------


@dataclass
class Days:
    """A projection: what became of the flights of each day in New York, and how far it has read.

    A flight counts for the day on which it left, or was to leave and did not.
    """

    departed: Counter[date] = field(default_factory=Counter)
    cancelled: Counter[date] = field(default_factory=Counter)
    position: int = 0

    def subscribe(self, store: runestore.Store, up_to: int) -> runestore.Subscription:
        """The events that it has not read yet. Without `up_to` the subscription would go on until `stop()`."""
        return store.subscribe({"type": ["departed", "cancelled"], "up_to": up_to}, after=self.position)

    def follow(self, subscription: runestore.Subscription) -> None:
        for event in subscription:
            counter = self.cancelled if event.type == "cancelled" else self.departed
            counter[event.inserted_at.astimezone(NEW_YORK).date()] += 1
        self.position = subscription.position


def follow_in_a_thread(store: runestore.Store, days: Days, batches: Iterable[bytes], more: int) -> None:
    """The projection reads in this thread while another one appends."""

    def append() -> None:
        for batch in batches:
            store.append_json(batch, SUMMARY)

    begun, head = time.perf_counter(), store.head
    subscription = days.subscribe(store, up_to=head + more)

    def stop_if_failed(appended: Future[None]) -> None:
        if appended.exception() is not None:
            subscription.stop()

    with ThreadPoolExecutor(1) as pool:
        appended = pool.submit(append)
        # The events that the projection waits for would never come.
        appended.add_done_callback(stop_if_failed)
        days.follow(subscription)
        appended.result()
    heading("A projection follows from the first event on, while a thread appends", time.perf_counter() - begun)
    print(
        f"  {days.departed.total():,} departed and {days.cancelled.total():,} cancelled up to event {days.position:,}; "
        f"{store.head - head:,} events came while it read"
    )


async def follow_in_a_loop(
    opened: runestore.Store, batches: Iterable[bytes], counts: dict[str, int], check: Check
) -> None:
    """Three followers and a writer, all in one event loop, on the store that is open already."""
    store = runestore.aio.Store(opened)

    async def cancelled_at(airport: str) -> int:
        query = {"type": "cancelled", "tags": [f"origin:{airport}"], "up_to": counts["events"]}
        return len([event async for event in store.subscribe(query)])

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        followers = {airport: group.create_task(cancelled_at(airport)) for airport in AIRPORTS}
        for batch in batches:
            await store.append_json(batch, SUMMARY)
    found = {airport: follower.result() for airport, follower in followers.items()}
    heading("Three asyncio followers, one an airport, while a coroutine appends the rest", time.perf_counter() - begun)
    print("  cancelled at " + ", ".join(f"{AIRPORTS[airport]} {number:,}" for airport, number in found.items()))
    check.equal("events appended", store.head, counts["events"])
    check.equal("cancelled at the three airports", sum(found.values()), counts["cancelled"])


# ---- Questions -------------------------------------------------------------------------------------------------------


def aircraft_year(store: runestore.Store, known: dict[str, str], check: Check) -> None:
    begun = time.perf_counter()
    # up_to keeps the pages as they are, whatever is appended while somebody leafs through them.
    aircraft = {"instance_id": known["AIRCRAFT"], "up_to": store.head}
    page = store.get_page(aircraft, limit=PAGE_EVENTS)
    kinds = Counter(event.type for event in page.events)
    while page.pagination.has_next:
        page = store.get_page(aircraft, limit=PAGE_EVENTS, offset=page.pagination.page_number * PAGE_EVENTS)
        kinds.update(event.type for event in page.events)
    # An iterator reads piece by piece: its memory does not grow with the result. A diverted flight has no air time.
    arrivals = store.events({**aircraft, "type": "arrived"})
    minutes = sum(event.data.get("air_time_min", 0) for event in arrivals)

    heading(
        f"The year of {known['AIRCRAFT']}, the busiest aircraft: {page.pagination.total_pages} pages, and an iterator",
        time.perf_counter() - begun,
    )
    print(
        f"  {kinds.total():,} events: {kinds['arrived']} flights flown, {kinds['cancelled']} cancelled, "
        f"{minutes // 60} recorded hours in the air"
    )
    check.equal("events of the aircraft", kinds.total(), int(known["AIRCRAFT_EVENTS"]))
    check.equal("total_count of the aircraft", page.pagination.total_count, int(known["AIRCRAFT_EVENTS"]))
    check.equal("cancelled flights of the aircraft", kinds["cancelled"], int(known["AIRCRAFT_CANCELLED"]))
    check.equal("arrivals of the aircraft", kinds["arrived"], int(known["AIRCRAFT_ARRIVED"]))
    check.equal("minutes in the air", minutes, int(known["AIRCRAFT_AIR_MINUTES"]))


def blizzard(store: runestore.Store, known: dict[str, str], counts: dict[str, int], check: Check) -> None:
    def count(kind: str, **window: datetime) -> int:
        # A page knows how many events match, however small it is.
        return store.get_page({"type": kind, **window}, limit=1).pagination.total_count

    def show(what: str, cancelled: int, departed: int) -> None:
        flights = cancelled + departed
        print(f"  {what:<20} {cancelled:>7,} of {flights:>7,} cancelled {cancelled / flights:>9.1%}")

    begun = time.perf_counter()
    # Datetimes in any zone; from is in the window and to is not, so that windows tile.
    friday = datetime(2013, 2, 8, tzinfo=NEW_YORK)
    windows = [{"from": day, "to": day + timedelta(days=1)} for day in (friday, friday + timedelta(days=1))]
    cancelled = [count("cancelled", **window) for window in windows]
    departed = [count("departed", **window) for window in windows]
    year = {kind: count(kind) for kind in ("cancelled", "departed", "arrived")}

    heading("The blizzard of February 2013: the share cancelled, from seven counts", time.perf_counter() - begun)
    show("Friday 8 February", cancelled[0], departed[0])
    show("Saturday 9 February", cancelled[1], departed[1])
    show("the whole year", year["cancelled"], year["departed"])
    for index, day in enumerate(("FRIDAY", "SATURDAY")):
        check.equal(f"cancelled, {day}", cancelled[index], int(known[f"{day}_CANCELLED"]))
        check.equal(f"departed, {day}", departed[index], int(known[f"{day}_DEPARTED"]))
    for kind, number in year.items():
        check.equal(f"{kind} in the year", number, counts[kind])


def one_hour(store: runestore.Store, known: dict[str, str], check: Check) -> None:
    begun = time.perf_counter()
    six = datetime(2013, 8, 28, 18, tzinfo=NEW_YORK)
    window = {"from": six, "to": six + timedelta(hours=1)}
    events = store.get_events({"type": "departed", "tags": ["origin:JFK", "dest:SFO"], **window})
    heading("What left JFK for San Francisco on 28 August between 6 and 7 in the evening", time.perf_counter() - begun)
    for event in events:
        delay = event.data["delay_min"]
        print(f"{shown(event)}  {abs(delay):>4} min {'early' if delay < 0 else 'late'}")
    check.equal("departures from JFK to SFO in that hour", len(events), int(known["JFK_SFO_DEPARTED"]))


def last_three(store: runestore.Store, counts: dict[str, int], check: Check) -> None:
    begun = time.perf_counter()
    events = store.get_events(direction="backward", limit=3)
    heading("The last three events, backwards", time.perf_counter() - begun)
    print("\n".join(map(shown, events)))
    head = counts["events"]
    check.equal("the last three", [event.sequence_number for event in events], [head, head - 1, head - 2])


def shown(event: runestore.Event) -> str:
    origin, destination = (tag.partition(":")[2] for tag in event.tags)
    return (
        f"  {event.sequence_number:>7}  {event.inserted_at:%Y-%m-%d %H:%M} UTC  {event.type:<9}  "
        f"{origin} - {destination}  {event.domain} {event.data['flight']:>4}  {event.instance_id:<6}"
    )


def errors(store: runestore.Store, known: dict[str, str], counts: dict[str, int], check: Check) -> None:
    aircraft = known["AIRCRAFT"]
    flight = {"domain": "MQ", "instance_id": aircraft}

    def misspelt() -> None:
        store.append({"tpye": "departed", **flight})

    def as_if_new() -> None:
        store.append({"type": "departed", **flight}, expected_version=0)

    def second_writer() -> None:
        runestore.open(store.info()["path"])

    attempts: list[tuple[str, Callable[[], None], type[runestore.StoreError]]] = [
        ("a field's name misspelt", misspelt, runestore.InvalidEventError),
        (f"an event for {aircraft} as if it were new", as_if_new, runestore.ConflictError),
        ("a second writer", second_writer, runestore.LockedError),
    ]
    begun = time.perf_counter()
    raised = [raises(attempt) for _, attempt, _ in attempts]
    heading("What an exception looks like", time.perf_counter() - begun)
    for (what, _, wanted), error in zip(attempts, raised, strict=True):
        check.equal(what, type(error), wanted)
        print(f"  {what}: {type(error).__name__}")
        print(textwrap.indent(textwrap.fill(str(error), WIDTH - 4), "    "))
        if isinstance(error, runestore.ConflictError):
            print(f"    for the program: expected {error.details['expected']}, actual {error.details['actual']}")
    check.equal("the head after refused appends", store.head, counts["events"])


def raises(attempt: Callable[[], None]) -> runestore.StoreError | None:
    try:
        attempt()
    except runestore.StoreError as error:
        return error
    return None


def verify_and_back_up(store: runestore.Store, path: Path, counts: dict[str, int], check: Check) -> None:
    begun = time.perf_counter()
    with bar() as progress:
        checking, copying = progress.add_task("verify"), progress.add_task("back up")
        report = store.verify(lambda done, total: progress.update(checking, completed=done, total=total))
        copied = store.backup(path, lambda done, total: progress.update(copying, completed=done, total=total))
    heading("Every checksum and every link verified, and a backup made", time.perf_counter() - begun)
    with runestore.open(path) as copy:
        kinds = ("departed", "arrived", "cancelled")
        there = {kind: copy.get_page({"type": kind}, limit=1).pagination.total_count for kind in kinds}
        print(f"  {report['events']:,} events in {report['bytes']:,} bytes, {len(report['problems'])} problems")
        print("  the copy has " + ", ".join(f"{number:,} {kind}" for kind, number in there.items()))
        last = {"after": counts["events"] - 1}
        check.equal("the copy's last event", copy.get_events(last), store.get_events(last))
    check.equal("a sound store", report["ok"], True)
    check.equal("events verified", report["events"], counts["events"])
    check.equal("events copied", copied["events"], counts["events"])
    for kind, number in there.items():
        check.equal(f"{kind} in the copy", number, counts[kind])


def year_in_a_picture(store: runestore.Store, days: Days, path: Path, counts: dict[str, int], check: Check) -> None:
    begun, position = time.perf_counter(), days.position
    # It goes on where it stood.
    days.follow(days.subscribe(store, up_to=store.head))
    heading(f"The projection catches up from event {position:,}", time.perf_counter() - begun)
    check.equal("departed, by day", days.departed.total(), counts["departed"])
    check.equal("cancelled, by day", days.cancelled.total(), counts["cancelled"])
    check.equal("the projection's position", days.position, counts["events"])
    # Three flights of the old year's last evening left after midnight: that is no day of this year.
    year = sorted(day for day in days.departed.keys() | days.cancelled.keys() if day.year == 2013)
    picture.draw([picture.Day(day, days.departed[day], days.cancelled[day]) for day in year], path)
    print(f"  a picture of its {len(year)} days: {path}")


# ---- Checks, files, headings -----------------------------------------------------------------------------------------


class Check:
    """Counts the numbers that are wrong, and names them."""

    def __init__(self) -> None:
        self.wrong = 0

    def equal(self, what: str, got: object, wanted: object) -> None:
        if got != wanted:
            sys.stdout.flush()
            print(f"flights: {what}: got {got}, expected {wanted}", file=sys.stderr)
            self.wrong += 1


def read_counts(path: Path) -> dict[str, int]:
    """What convert.py says that it wrote."""
    if not path.exists():
        sys.exit(f"flights: {path} is missing; convert.py writes it")
    return {name: int(number) for name, number in (line.split() for line in path.read_text("ascii").splitlines())}


def read_known(path: Path) -> dict[str, str]:
    """The right answers, from the header that the demo in C includes."""
    return dict(re.findall(r'^#define (\w+) "?(\w+)"?$', path.read_text("ascii"), re.MULTILINE))


def heading(title: str, seconds: float) -> None:
    print(f"\n{title:<{WIDTH - 13}}{seconds * 1e3:>10.3f} ms")


if __name__ == "__main__":
    main()
