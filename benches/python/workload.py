"""The events that are appended, as benches/src/workload.rs makes them for the scoreboard in Rust: 20 types with Zipf
weights, 10 domains, 20,000 instances with 50 events each on average, 8 data fields with some text that is not ASCII, a
second between two events."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from typing import Any

import orjson

BATCH = 1_000
INSTANCES = 20_000
TYPES = [f"EventType{number:02}" for number in range(20)]
WEIGHTS = list(accumulate(1 / rank for rank in range(1, len(TYPES) + 1)))
WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "føxtrot", "gölf", "hotel", "índia", "juliett"]
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Batch:
    """Events as a program has them, and what a peer may need that makes neither ids nor times itself."""

    events: list[dict[str, Any]]
    ids: list[str]
    microseconds: list[int]


class Workload:
    """The same events in every run."""

    def __init__(self, events: int) -> None:
        if events % BATCH:
            raise SystemExit(f"EVENTS must be a multiple of {BATCH:,}")
        self.events = events
        self.amounts = 0
        self.streams: Counter[tuple[str, str]] = Counter()
        # As text: a million dicts would be in the way of the peers' own objects, in memory and in the collector.
        self._texts: list[bytes] = []
        self._ids: list[list[str]] = []
        chance = random.Random(0x9E3779B9)
        for first in range(0, events, BATCH):
            batch = [event(chance, first + number) for number in range(BATCH)]
            self.amounts += sum(each["data"]["amount"] for each in batch)
            self.streams.update((each["domain"], each["instance_id"]) for each in batch)
            self._texts.append(orjson.dumps(batch))
            self._ids.append([str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in batch])

    @property
    def bytes(self) -> int:
        """Of all events as JSON."""
        return sum(map(len, self._texts))

    def batches(self) -> Iterator[Batch]:
        """Each batch in objects of its own, which nobody has looked at yet."""
        begin = int(BEGIN.timestamp()) * 1_000_000
        for number, (text, ids) in enumerate(zip(self._texts, self._ids, strict=True)):
            first = begin + number * BATCH * 1_000_000
            yield Batch(orjson.loads(text), ids, list(range(first, first + BATCH * 1_000_000, 1_000_000)))

    def lookups(self, count: int) -> list[tuple[str, str]]:
        """So many streams, in no order."""
        chance = random.Random(count)
        return [stream(chance.randrange(INSTANCES)) for _ in range(count)]


def stream(instance: int) -> tuple[str, str]:
    return f"domain{instance % 10}", f"instance-{instance:06}"


def event(chance: random.Random, ordinal: int) -> dict[str, Any]:
    [kind] = chance.choices(TYPES, cum_weights=WEIGHTS)
    domain, instance_id = stream(chance.randrange(INSTANCES))
    words = chance.choices(WORDS, k=5)
    return {
        "type": kind,
        "domain": domain,
        "instance_id": instance_id,
        "inserted_at": f"{BEGIN + timedelta(seconds=ordinal):%Y-%m-%dT%H:%M:%SZ}",
        "data": {
            "customer": " ".join(words[:2]),
            "amount": chance.randrange(1_000_000),
            "currency": "EUR",
            "note": " ".join(words[2:]),
            "ok": True,
            "ratio": chance.randrange(1_000_000) / 1_000_000,
            "ref": f"{chance.getrandbits(64):016x}",
            "list": [1, 2, 3],
        },
    }
