"""The library eventsourcing as its documentation shows it below the level of applications: an EventStore whose Mapper
turns domain events into stored ones and back, over the recorder that keeps them in memory, or in SQLite: a file in WAL
mode, synchronous = FULL as SQLite has it without being told.

Above it, applications and aggregates would only add work to every event. The transcoder is the one step that the
library lets its users replace; the one here is several times as fast as the library's own, which looks into every value
for classes that JSON does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from eventsourcing.persistence import ApplicationRecorder, EventStore, Mapper, Transcoder
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from workload import Batch

PIECE = 1_000  # events read at once; with more it is no faster


class OrjsonTranscoder(Transcoder):
    def encode(self, obj: Any) -> bytes:
        return orjson.dumps(obj)

    def decode(self, data: bytes) -> Any:
        return orjson.loads(data)


@dataclass(frozen=True)
class Recorded:
    """One class for all types: the name of a class is resolved only once."""

    originator_id: str
    originator_version: int
    type: str
    inserted_at: str
    data: dict[str, Any]


class EventsourcingStore:
    def __init__(self, folder: Path | None) -> None:
        self.recorder: ApplicationRecorder = POPOApplicationRecorder()
        self.datastore: SQLiteDatastore | None = None
        if folder is not None:
            self.datastore = SQLiteDatastore(str(folder / "bench.sqlite"), originator_id_type="text")
            recorder = SQLiteApplicationRecorder(self.datastore)
            recorder.create_table()
            self.recorder = recorder
        self.mapper: Mapper[str] = Mapper(OrjsonTranscoder())
        self.store: EventStore[str] = EventStore(self.mapper, self.recorder)
        # In a program the aggregates know their versions.
        self.versions: Counter[str] = Counter()

    def append(self, batch: Batch) -> None:
        self.store.put([self.recorded(event) for event in batch.events])

    def recorded(self, event: dict[str, Any]) -> Recorded:
        originator = originator_id(event["domain"], event["instance_id"])
        self.versions[originator] = version = self.versions[originator] + 1
        return Recorded(originator, version, event["type"], event["inserted_at"], event["data"])

    def events(self) -> Iterator[Any]:
        position = 0
        while piece := self.recorder.select_notifications(position, PIECE, inclusive_of_start=False):
            yield from map(self.mapper.to_domain_event, piece)
            position = piece[-1].id

    def scan(self) -> int:
        count = 0
        for _ in self.events():
            count += 1
        return count

    def scan_data(self) -> int:
        amounts = 0
        for event in self.events():
            amounts += event.data["amount"]
        return amounts

    def stream(self, domain: str, instance_id: str) -> int:
        return len(list(self.store.get(originator_id(domain, instance_id))))

    def close(self) -> None:
        if self.datastore is not None:
            self.datastore.close()


def originator_id(domain: str, instance_id: str) -> str:
    return f"{domain}/{instance_id}"
