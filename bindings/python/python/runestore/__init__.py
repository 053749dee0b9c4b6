"""Runestore is an event store that your program embeds, as it would embed SQLite: events go in as
atomic batches and come back filtered by type, domain, instance, tags and time, in one gapless order.

>>> import runestore
>>> with runestore.open() as store:
...     [event] = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1",
...                             "data": {"owner": "Ada"}}, expected_version=0)
...     print(event.sequence_number, event.data)
...     for event in store.events({"domain": "account"}):
...         print(event.type, "at version", event.stream_version)
1 {'owner': 'Ada'}
Opened at version 1

`runestore.open` opens a store, `Store` is what it gives, and `Event` what a store gives back. Errors
are subclasses of `StoreError`. For asyncio there is `runestore.aio`.
"""

import os

from . import _errors, _native
from ._engine import Engine, EngineEvent
from ._errors import (
    ClosedError,
    ConflictError,
    CorruptError,
    DuplicateIdError,
    EngineError,
    ForkedError,
    IndeterminateError,
    InternalError,
    InterruptedError,
    InvalidEventError,
    InvalidJsonError,
    InvalidOptionsError,
    InvalidQueryError,
    IoError,
    LockedError,
    MisuseError,
    NoSpaceError,
    NotFoundError,
    ReadOnlyError,
    StoreError,
    TooLargeError,
    UnsupportedError,
)
from ._native import Event, __version__
from ._store import NewEvent, Page, Pagination, Progress, Query, Store, Subscription, copy, open

__all__ = [
    "ClosedError",
    "ConflictError",
    "CorruptError",
    "DuplicateIdError",
    "Engine",
    "EngineError",
    "EngineEvent",
    "Event",
    "ForkedError",
    "IndeterminateError",
    "InternalError",
    "InterruptedError",
    "InvalidEventError",
    "InvalidJsonError",
    "InvalidOptionsError",
    "InvalidQueryError",
    "IoError",
    "LockedError",
    "MisuseError",
    "NewEvent",
    "NoSpaceError",
    "NotFoundError",
    "Page",
    "Pagination",
    "Progress",
    "Query",
    "ReadOnlyError",
    "Store",
    "StoreError",
    "Subscription",
    "TooLargeError",
    "UnsupportedError",
    "__version__",
    "copy",
    "open",
]

# By the names under which users know them, in messages, pickles and documentation.
for _public in (*_errors.StoreError.__subclasses__(), StoreError, Engine, EngineEvent, Store, Subscription, Page, Pagination, copy, open):
    _public.__module__ = __name__
del _public

# A child of a fork must not use its parent's stores, and tells them so.
os.register_at_fork(after_in_child=_native.note_fork)
