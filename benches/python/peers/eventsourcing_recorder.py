"""The library eventsourcing at its lowest level: the recorder alone, which keeps stored events in lists and dicts and
never looks into their bytes. Nobody would program against it like this: it is the limit of what the library can do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from workload import Batch

PIECE = 1_000  # events read at once; with more it is no faster


class EventsourcingRecorder:
    def __init__(self, folder: Path | None) -> None:
        assert folder is None, "its recorder over SQLite is measured with the store"
        self.recorder = POPOApplicationRecorder()
        self.versions: Counter[str] = Counter()

    def append(self, batch: Batch) -> None:
        stored = []
        for event in batch.events:
            originator = originator_id(event["domain"], event["instance_id"])
            self.versions[originator] = version = self.versions[originator] + 1
            stored.append(StoredEvent(originator, version, event["type"], orjson.dumps(event)))
        self.recorder.insert_events(stored)

    def events(self) -> Iterator[Notification]:
        position = 0
        while piece := self.recorder.select_notifications(position, PIECE, inclusive_of_start=False):
            yield from piece
            position = piece[-1].id

    def scan(self) -> int:
        count = 0
        for _ in self.events():
            count += 1
        return count

    def scan_data(self) -> int:
        amounts = 0
        loads = orjson.loads
        for event in self.events():
            amounts += loads(event.state)["data"]["amount"]
        return amounts

    def stream(self, domain: str, instance_id: str) -> int:
        return len(self.recorder.select_events(originator_id(domain, instance_id)))

    def close(self) -> None:
        """Python frees it."""


def originator_id(domain: str, instance_id: str) -> str:
    return f"{domain}/{instance_id}"
