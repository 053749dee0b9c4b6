"""Who is measured: each peer is a class in a file of its own. To add one, write it and name it in PEERS of bench.py."""

from __future__ import annotations

from typing import Protocol

from workload import Batch


class Peer(Protocol):
    """What is done with every store. Making it gives an empty one: in a folder, where each append is on the disk when
    it is back, or without a folder in memory."""

    def append(self, batch: Batch) -> None:
        """Stores the batch, whole or not at all. The order within each stream is kept."""

    def scan(self) -> int:
        """Reads all events in their order, as the objects that the peer gives, untouched: how many they are."""

    def scan_data(self) -> int:
        """The same, with each event's data as Python values: the sum of `amount`."""

    def stream(self, domain: str, instance_id: str) -> int:
        """Reads one stream whole, as the objects that the peer gives, into a list: how many they are."""

    def close(self) -> None:
        """Frees what it holds."""
