#!/usr/bin/env python3
"""Turns the 336,776 flights of DIR/flights.csv.zip into events for the demo.

    python3 convert.py DIR

writes DIR/events.jsonl, where each line is a JSON array of up to 1,000 events in the order of their times: one line is
one append. DIR/events.count holds what was written, one "name number" a line, for the program to check itself against.
Does nothing when both are newer than the inputs and this script. Needs Python 3.9 or later and its standard library.

A flight becomes
    cancelled            if it has no dep_time; at the scheduled time
    departed             else; at the actual time
    departed, arrived    if it has an arr_time too; the second at the time of arrival

458 flights departed and never arrived where they were bound: diverted for good. 717 arrived without arr_delay and
air_time, three hours later than usual: diverted on the way, marked "diverted" in the data of "arrived".

domain       the carrier: "UA"
instance_id  the tail number: "N14228", so that a stream is an aircraft's life with its carrier. 2,512 cancelled flights
             have none; they go to the carrier's stream "unknown", which is no aircraft
tags         "origin:EWR", "dest:IAH", the same on all events of a flight: one query gives a route, or with
             "origin:" alone an airport's departures. The prefix keeps JFK as origin apart from JFK as destination
inserted_at  UTC, full minutes as in the source
data         the flight's number, and what is known at that moment; units stand in the names
"""

import csv
import io
import os
import sys
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

BATCH_EVENTS = 1000
START = datetime(2013, 1, 1)

# Times are minutes since START. Summer time in the United States in 2013, for which no time zone database is needed
# (minimal systems have none): 10 March 2:00 to 3 November 2:00, as clocks show it in winter and summer respectively.
HOUR, DAY = 60, 24 * 60
SUMMER_BEGINS = (datetime(2013, 3, 10, 2) - START) // timedelta(minutes=1)
SUMMER_ENDS = (datetime(2013, 11, 3, 2) - START) // timedelta(minutes=1)
NEW_YORK = -5 * HOUR

# Puerto Rico and the Virgin Islands, which airports.csv leaves out: UTC-4, no summer time.
ATLANTIC = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), (-4 * HOUR, False))

# Arrival less departure less air time is taxiing and waiting. Five hours would be a wrong date or a wrong time zone.
GROUND_MINUTES_MAX = 300


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: convert.py DIR")
    directory = Path(sys.argv[1])
    flights, airports = directory / "flights.csv.zip", directory / "airports.csv"
    events, count = directory / "events.jsonl", directory / "events.count"
    for path in (flights, airports):
        if not path.exists():
            sys.exit(f"convert: {path} is missing; fetch.py gets it")
    # The counts are written last, so that they stand for a complete file of events.
    if is_fresh([events, count], [flights, airports, Path(__file__)]):
        print(f"convert: {events} is up to date")
        return
    converter = Converter(time_zones(airports))
    with zipfile.ZipFile(flights) as archive, archive.open("flights.csv") as raw:
        for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline="")):
            converter.flight(row)
    converter.report()
    converter.write(events, count)


def is_fresh(outputs: list[Path], inputs: list[Path]) -> bool:
    if not all(path.exists() for path in outputs):
        return False
    return min(path.stat().st_mtime for path in outputs) > max(path.stat().st_mtime for path in inputs)


def time_zones(airports: Path) -> dict[str, tuple[int, bool]]:
    """Airport -> (minutes east of UTC in winter, whether it has summer time)."""
    with open(airports, encoding="utf-8", newline="") as file:
        zones = {row["faa"]: (int(row["tz"]) * HOUR, row["dst"] == "A") for row in csv.DictReader(file)}
    return {**zones, **ATLANTIC}


class Converter:
    def __init__(self, zones: dict[str, tuple[int, bool]]) -> None:
        self.zones = zones
        self.times: list[int] = []  # minute << 32 | index in events: sorting these sorts stably by time
        self.events: list[str] = []
        self.counts = dict.fromkeys(("flights", "departed", "arrived", "cancelled"), 0)
        self.ground_minutes: list[int] = []
        self.odd = 0

    def flight(self, row: dict[str, str]) -> None:
        self.counts["flights"] += 1
        route = f'"tags":["origin:{plain(row["origin"])}","dest:{plain(row["dest"])}"]'
        tail = "unknown" if row["tailnum"] == "NA" else plain(row["tailnum"])
        stream = f'"domain":"{plain(row["carrier"])}","instance_id":"{tail}"'
        number, miles = int(row["flight"]), int(row["distance"])

        day = (datetime(int(row["year"]), int(row["month"]), int(row["day"])) - START).days * DAY
        scheduled = utc_of_new_york(day + clock(row["sched_dep_time"]))
        # The source has the scheduled hour in UTC as well: a check of the rule for summer time, row by row.
        if not timestamp(scheduled).startswith(row["time_hour"][:13]):
            self.odd += 1

        if row["dep_time"] == "NA":
            self.add("cancelled", scheduled, stream, route, f'"flight":{number},"distance_mi":{miles}')
            return
        # From schedule and delay, not from dep_time, which is a clock's reading without a date.
        delay = int(row["dep_delay"])
        departed = scheduled + delay
        if (utc_to_local(departed, NEW_YORK, True) - clock(row["dep_time"])) % DAY:
            self.odd += 1
        self.add("departed", departed, stream, route,
                 f'"flight":{number},"scheduled":"{timestamp(scheduled)}","delay_min":{delay},"distance_mi":{miles}')

        if row["arr_time"] == "NA":
            return
        # arr_time is the clock at the destination, again without a date: it is the first time after the departure at
        # which that clock shows it. Read with the destination's offset at departure, since the one flight during which
        # the clocks changed has an arr_time that they skipped (2:03 on 10 March).
        offset, has_summer = self.zones[row["dest"]]
        elapsed = (clock(row["arr_time"]) - utc_to_local(departed, offset, has_summer)) % DAY
        if row["air_time"] == "NA":
            details = f'"flight":{number},"diverted":true,"distance_mi":{miles}'
        else:
            air = int(row["air_time"])
            self.ground_minutes.append(elapsed - air)
            if not 0 < elapsed - air < GROUND_MINUTES_MAX:
                self.odd += 1
            delay = int(row["arr_delay"])
            details = f'"flight":{number},"delay_min":{delay},"air_time_min":{air},"distance_mi":{miles}'
        self.add("arrived", departed + elapsed, stream, route, details)

    def add(self, kind: str, minute: int, stream: str, route: str, details: str) -> None:
        self.counts[kind] += 1
        self.times.append(minute << 32 | len(self.events))
        time = timestamp(minute)
        self.events.append(f'{{"type":"{kind}",{stream},"inserted_at":"{time}",{route},"data":{{{details}}}}}')

    def report(self) -> None:
        ground = sorted(self.ground_minutes)
        print(f"convert: {self.counts['flights']:,} flights, {len(self.events):,} events: "
              + ", ".join(f"{self.counts[kind]:,} {kind}" for kind in ("departed", "arrived", "cancelled")))
        print(f"convert: {self.odd} odd rows; arrival - departure - air time is {ground[0]} to {ground[-1]} minutes, "
              f"median {ground[len(ground) // 2]}, in {len(ground):,} flights")

    def write(self, events: Path, count: Path) -> None:
        self.times.sort()
        ordered = [self.events[key & 0xFFFFFFFF] for key in self.times]
        batches = [ordered[i:i + BATCH_EVENTS] for i in range(0, len(ordered), BATCH_EVENTS)]
        replace(events, (f"[{','.join(batch)}]\n" for batch in batches))
        totals = {**self.counts, "events": len(ordered), "batches": len(batches)}
        replace(count, (f"{name} {number}\n" for name, number in totals.items()))


def plain(text: str) -> str:
    """Text that needs no escape in JSON."""
    if not (text.isascii() and text.isalnum()):
        sys.exit(f"convert: {text!r} was expected to be letters and digits")
    return text


def clock(hhmm: str) -> int:
    """Minutes since midnight; 2400 is the midnight at the day's end."""
    hours, minutes = divmod(int(hhmm), 100)
    return hours * HOUR + minutes


def utc_of_new_york(local: int) -> int:
    return local - NEW_YORK - (HOUR if SUMMER_BEGINS <= local < SUMMER_ENDS else 0)


def utc_to_local(minute: int, offset: int, has_summer: bool) -> int:
    winter = minute + offset
    return winter + (HOUR if has_summer and SUMMER_BEGINS <= winter < SUMMER_ENDS - HOUR else 0)


DATES = [(START + timedelta(days=n)).strftime("%Y-%m-%dT") for n in range(368)]  # to 3 January 2014
CLOCKS = [f"{n // HOUR:02}:{n % HOUR:02}:00Z" for n in range(DAY)]


def timestamp(minute: int) -> str:
    return DATES[minute // DAY] + CLOCKS[minute % DAY]


def replace(path: Path, parts: Iterable[str]) -> None:
    """Writes the file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="ascii", newline="\n") as file:
        file.writelines(parts)
    os.replace(partial, path)


if __name__ == "__main__":
    main()
