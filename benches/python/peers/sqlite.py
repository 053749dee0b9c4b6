"""The standard library's sqlite3 as a skilled user would hold events in it, with the table and the indexes of
benches/src/sqlite.rs. The module keeps statements prepared, as the same text comes again. Ids and times are given, so
that it need not make them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson

from workload import Batch

SCHEMA = """
CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, domain TEXT NOT NULL,
                     instance_id TEXT NOT NULL, ts INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX by_stream ON events (domain, instance_id);
CREATE INDEX by_type ON events (type);
CREATE INDEX by_time ON events (ts);
"""
INSERT = "INSERT INTO events (id, type, domain, instance_id, ts, json) VALUES (?, ?, ?, ?, ?, ?)"
ALL = "SELECT json FROM events ORDER BY seq"
STREAM = "SELECT json FROM events WHERE domain = ? AND instance_id = ? ORDER BY seq"


class Sqlite:
    def __init__(self, folder: Path | None) -> None:
        self.connection = sqlite3.connect(":memory:" if folder is None else folder / "bench.sqlite")
        if folder is not None:
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.executescript(SCHEMA)

    def append(self, batch: Batch) -> None:
        rows = [
            (id, event["type"], event["domain"], event["instance_id"], time, orjson.dumps(event).decode())
            for id, time, event in zip(batch.ids, batch.microseconds, batch.events, strict=True)
        ]
        with self.connection:
            self.connection.executemany(INSERT, rows)

    def scan(self) -> int:
        count = 0
        for _ in self.connection.execute(ALL):
            count += 1
        return count

    def scan_data(self) -> int:
        amounts = 0
        loads = orjson.loads
        for (json,) in self.connection.execute(ALL):
            amounts += loads(json)["data"]["amount"]
        return amounts

    def stream(self, domain: str, instance_id: str) -> int:
        return len(self.connection.execute(STREAM, (domain, instance_id)).fetchall())

    def close(self) -> None:
        self.connection.close()
