"""An event store engine over the standard library's sqlite3.

    store = runestore.Store(store=SqliteEngine(), store_opts={"path": "ledger.sqlite"})

The store makes all checks; the engine keeps the events, in one transaction each append, and finds them again. It
keeps each event's text, so that what comes back is what was stored, byte for byte.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import runestore

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    domain TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    text BLOB NOT NULL,
    UNIQUE (domain, instance_id, version)
);
CREATE INDEX IF NOT EXISTS events_by_type ON events (type, position);
CREATE TABLE IF NOT EXISTS tracking (source TEXT PRIMARY KEY, position INTEGER NOT NULL);
"""

# What SQLite looks up; the store passes over what does not match the rest of a filter.
COLUMNS = ("type", "domain", "instance_id", "id")
# So many values fit into one statement.
VALUES_MAX = 10_000


class SqliteEngine:
    """One file, one writer: `store_opts` has its `path`, or nothing for a database in memory."""

    def init(self, opts: dict[str, Any]) -> None:
        path = opts.pop("path", ":memory:")
        if opts:
            raise ValueError(f"SqliteEngine has no option {next(iter(opts))!r}; it has 'path'")
        # The store lets one thread in at a time, though not always the same.
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        try:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            # Whoever has the file open, has it alone: the second one fails here.
            self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.db.execute("BEGIN IMMEDIATE")
            self.db.execute("COMMIT")
            self.db.executescript(SCHEMA)
        except BaseException:
            self.db.close()
            raise

    def append(self, events: list[runestore.EngineEvent], opts: dict[str, Any]) -> list[bytes]:
        numbers = enumerate(opts["stream_versions"], opts["first"])
        numbered = [(event, position, version) for event, (position, version) in zip(events, numbers, strict=True)]
        rows = [
            (position, event["id"], event["type"], event["domain"], event["instance_id"], version, event.json)
            for event, position, version in numbered
        ]
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self.db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            if tracking := opts.get("tracking"):
                self.db.execute("INSERT OR REPLACE INTO tracking VALUES (:source, :position)", tracking)
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        return [event.numbered(position, version) for event, position, version in numbered]

    def get_events(self, query: list[dict[str, Any]] | None, opts: dict[str, Any]) -> list[bytes]:
        order = "ASC" if opts["direction"] == "forward" else "DESC"
        where, values = conditions(query)
        rows = self.db.execute(
            "SELECT position, version, text FROM events"
            f" WHERE position > ? AND position <= ? AND ({where}) ORDER BY position {order} LIMIT ?",
            (opts["after"], opts["up_to"], *values, opts["limit"]),
        )
        return [
            b'{"sequence_number":%d,"stream_version":%d,%s' % (position, version, text[1:]) for position, version, text in rows
        ]

    def tracking(self, source: str) -> int:
        row = self.db.execute("SELECT position FROM tracking WHERE source = ?", (source,)).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self.db.close()


def conditions(query: list[dict[str, Any]] | None) -> tuple[str, list[str]]:
    """A query as SQL, and its values: never less than it asks for, sometimes more."""
    alternatives: list[str] = []
    values: list[str] = []
    for condition in query or [{}]:
        parts = list(parts_of(condition))
        if not parts:
            return "TRUE", []
        alternatives.append(" AND ".join(f"{column} IN ({','.join('?' * len(names))})" for column, names in parts))
        values += [name for _, names in parts for name in names]
    # SQLite nests no more than 1,000 of them.
    if len(values) > VALUES_MAX or len(alternatives) > 500:
        return "TRUE", []
    return " OR ".join(f"({alternative})" for alternative in alternatives), values


def parts_of(condition: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for column in COLUMNS:
        if column in condition:
            yield column, condition[column]
