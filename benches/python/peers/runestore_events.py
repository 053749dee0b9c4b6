"""Runestore: its file engine, with all its defaults, or its memory engine."""

from __future__ import annotations

from pathlib import Path

import runestore

from workload import Batch


class Runestore:
    def __init__(self, folder: Path | None) -> None:
        self.store = runestore.open(folder and folder / "bench.runes")

    def append(self, batch: Batch) -> None:
        # It makes the ids itself, and gives the stored events back.
        self.store.append(batch.events)

    def scan(self) -> int:
        count = 0
        for _ in self.store.events():
            count += 1
        return count

    def scan_data(self) -> int:
        amounts = 0
        for event in self.store.events():
            amounts += event.data["amount"]
        return amounts

    def stream(self, domain: str, instance_id: str) -> int:
        return len(self.store.get_events({"domain": domain, "instance_id": instance_id}))

    def close(self) -> None:
        self.store.close()
