"""The store."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import orjson

from . import _native
from ._engine import Engine, adapted
from ._errors import InvalidOptionsError
from ._native import Event

if TYPE_CHECKING:
    from dataclasses import Field
    from typing import ClassVar, Self


class Dataclass(Protocol):
    """An instance of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


NewEvent: TypeAlias = Mapping[str, Any] | Dataclass | Event
"""An event to append: a mapping or a dataclass with the fields of an event, or an `Event`."""

Query: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | bytes
"""Which events are meant: a dict of conditions that all hold, a list of such dicts of which any
does, or the JSON text of either."""

Progress: TypeAlias = Callable[[int, int], object]
"""Is told of long work: how many bytes are done, of how many. What it raises ends the work."""


@dataclass(frozen=True, slots=True)
class Pagination:
    """Where a page stands among all events that match."""

    total_count: int
    """How many events match in all."""
    page_size: int
    """How many events a page holds at most."""
    page_number: int
    """This page's number, from 1 on."""
    total_pages: int
    """How many pages there are."""
    has_next: bool
    """Events follow after this page."""
    has_prev: bool
    """Events stand before this page."""
    head: int
    """The store's head when the page was read: as `up_to` in the query it makes further pages stable."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of events, and where it stands."""

    events: list[Event]
    """The page's events."""
    pagination: Pagination
    """Where the page stands."""


class Subscription(Iterator[Event]):
    """An iterator over the events that are there and those that will come, in one order.

    `Store.subscribe` makes it. One thread at a time may iterate; `stop` and `position` are for any.
    """

    def __init__(self, cursor: _native.Cursor) -> None:
        self._cursor = cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """The next event, as soon as there is one.

        Raises `ClosedError` when the store is closed meanwhile; Ctrl-C ends the wait.
        """
        return self._cursor.__next__()

    @property
    def position(self) -> int:
        """Everything up to this position was handed out or does not match.

        Keep this number to go on another time, with `subscribe(after=position)`.
        """
        return self._cursor.position

    def stop(self) -> None:
        """Ends the iteration, from any thread: also one that waits for the next event."""
        self._cursor.stop()


class Store:
    """An open store.

    Any number of threads may use it at once; the interpreter lock is released in every call.

    `config` is `{"store": NAME, "store_opts": {…}}`; without it the events are kept in memory. To
    open a store by its path or address, use `runestore.open`.

    >>> import runestore
    >>> with runestore.Store({"store": "memory"}) as store:
    ...     store.head
    0

    An engine of your own is given as an object (see `runestore.Engine`): `Store(store=engine, store_opts={…})`.

    Raises `InvalidOptionsError` for what was given, `EngineError` for an engine of your own that fails, its exception as
    the cause, and what the engine has to say.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        store: str | Engine | None = None,
        store_opts: Mapping[str, Any] | None = None,
    ) -> None:
        if config is None:
            config = {"store": store, "store_opts": store_opts}
        elif store is not None or store_opts is not None:
            raise InvalidOptionsError("give a config, or `store` and `store_opts`, and not both", {"option": "store"})
        engine = config.get("store") if isinstance(config, Mapping) else None
        if engine is None or isinstance(engine, str):
            self._native = _native.Store(config)
            return
        unknown = [name for name in config if name not in ("store", "store_opts")]
        if unknown:
            raise InvalidOptionsError(f"config: `{unknown[0]}` is unknown here; known are `store`, `store_opts`", {"option": str(unknown[0])})
        adapter, name = adapted(engine, config.get("store_opts"))
        self._native = _native.Store.over(adapter, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def append(
        self,
        events: NewEvent | Iterable[NewEvent],
        *,
        expected_version: int | Literal["any", "exists"] | None = None,
        expect: Sequence[Mapping[str, Any]] | None = None,
        condition: Mapping[str, Any] | None = None,
        tracking: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """Stores one event or several, as one atomic batch: all of them, or none. The stored events.

        An event needs `type`, `domain` and `instance_id`; it may have `id`, `version`, `inserted_at`,
        `tags`, `data` and `metadata`. Its `data` may hold str, int of any size, float, bool, None,
        dict, list, tuple, UUID, aware datetime and dataclasses, or be bytes. An `Event` is sent with
        its id and time, and without its numbers.

        - `expected_version`: what the stream's version must be; 0 if it must not exist. For a batch
          of one stream.
        - `expect`: the same for several streams,
          `[{"domain": …, "instance_id": …, "version": …}, …]`.
        - `condition`: no event may match, `{"fail_if_events_match": QUERY, "after": N}`.
        - `tracking`: a reader's progress to record in the same step,
          `{"source": …, "position": N}`.

        >>> import runestore
        >>> store = runestore.open()
        >>> opened = {"type": "Opened", "domain": "account", "instance_id": "a-1"}
        >>> store.append(opened, expected_version=0)
        [Event(sequence_number=1, type='Opened', domain='account', instance_id='a-1', stream_version=1)]
        >>> store.append(opened, expected_version=0)
        Traceback (most recent call last):
            ...
        runestore.ConflictError: expected_version: stream (`account`, `a-1`) is at version 1, expected was no such stream: read what was added, decide again, append again

        Raises `InvalidEventError`, `InvalidJsonError`, `InvalidOptionsError`, `InvalidQueryError`
        and `TooLargeError` for what was given, `ConflictError` and `DuplicateIdError` for what is
        stored, `ClosedError`, and what the engine has to say. After any of them but
        `IndeterminateError`, nothing was stored.
        """
        options = {
            "expected_version": expected_version,
            "expect": expect,
            "condition": condition,
            "tracking": tracking,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return self._native.append(events, given or None)

    def append_json(self, events: bytes | str, options: bytes | str | None = None) -> bytes:
        """Stores the events of a JSON text; the answer's JSON text. Nothing becomes a Python object.

        >>> import runestore
        >>> store = runestore.open()
        >>> store.append_json('{"type":"Opened","domain":"account","instance_id":"a-1"}',
        ...                   '{"return":"summary"}')
        b'{"first":1,"last":1,"count":1,"head":1}'

        Raises as `append`.
        """
        return self._native.append_json(events, options)

    def get_events(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        direction: Literal["forward", "backward"] = "forward",
    ) -> list[Event]:
        """The events that match the query; all of them without one.

        The answer is of one moment: every batch that was acknowledged before the call, no part of a
        batch, no gap. It is a list in memory: for what may not fit there is `events`.

        >>> import runestore
        >>> store = runestore.open()
        >>> _ = store.append([{"type": "Opened", "domain": "account", "instance_id": "a-1"},
        ...                   {"type": "Closed", "domain": "account", "instance_id": "a-1"}])
        >>> [event.type for event in store.get_events({"domain": "account"}, direction="backward")]
        ['Closed', 'Opened']

        Raises `InvalidQueryError`, `InvalidOptionsError`, `InvalidJsonError` and `TooLargeError` for
        what was given, `ClosedError`, and what the engine has to say.
        """
        return self._native.get_events(query, _lines(limit, offset, direction))

    def get_events_json(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        direction: Literal["forward", "backward"] = "forward",
        format: Literal["array", "ndjson"] = "array",
        pagination: bool = False,
    ) -> bytes:
        """The same as JSON text, byte for byte as it is stored: nothing is parsed.

        `format` puts it together as one array, or as one event a line. With `pagination` it is
        an object of the events and of where the page stands.

        >>> import runestore
        >>> store = runestore.open()
        >>> store.get_events_json({"type": "Opened"})
        b'[]'

        Raises as `get_events`.
        """
        more: dict[str, Any] = {}
        if format != "array":
            more["format"] = format
        if pagination:
            more["pagination"] = pagination
        return self._native.get_events_json(query, _options(limit, offset, direction, **more))

    def get_page(self, query: Query | None = None, *, limit: int = 100, offset: int = 0) -> Page:
        """One page of the events that match, and where it stands among all of them.

        >>> import runestore
        >>> store = runestore.open()
        >>> page = store.get_page({"type": "Opened"}, limit=10)
        >>> page.events, page.pagination.total_count
        ([], 0)

        Raises as `get_events`; `InvalidOptionsError` also for a limit of 0.
        """
        events, pagination = self._native.get_page(query, _options(limit, offset, "forward", pagination=True))
        return Page(events, Pagination(*pagination))

    def events(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        direction: Literal["forward", "backward"] = "forward",
    ) -> Iterator[Event]:
        """An iterator over the events that match, in memory that does not grow with their number.

        It gives the events that are there when it is made.

        >>> import runestore
        >>> store = runestore.open()
        >>> _ = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
        >>> for event in store.events({"domain": "account"}):
        ...     print(event.type)
        Opened

        Raises as `get_events`, here and while it is iterated over.
        """
        return self._cursor(query, limit, offset, direction)

    def subscribe(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Subscription:
        """An iterator that goes on for ever: the events behind position `after`, then each new one
        as it is committed, nothing skipped and nothing twice, however slow the reader.

        `stop()` ends it from any thread; so does `limit`, after so many events, and the query's
        `up_to`, once it is passed.

        >>> import runestore
        >>> store = runestore.open()
        >>> _ = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
        >>> subscription = store.subscribe(after=0)
        >>> for event in subscription:
        ...     print(event.type)
        ...     subscription.stop()
        Opened

        Raises as `get_events`, here and while it is iterated over.
        """
        return Subscription(self._follower(query, after, limit))

    @property
    def head(self) -> int:
        """The last position, 0 in an empty store."""
        return self._native.head()

    def wait(self, after: int, timeout: float | None = None) -> int | None:
        """The head, as soon as it is larger than `after`; None if that takes longer than `timeout`
        seconds.

        >>> import runestore
        >>> print(runestore.open().wait(0, timeout=0.01))
        None

        Raises `ClosedError` when the store is closed meanwhile; Ctrl-C ends the wait.
        """
        return self._native.wait(after, timeout)

    def tracking(self, source: str) -> int:
        """The position recorded for a source with `append(…, tracking=…)`, 0 if there is none."""
        return self._native.tracking(source)

    def info(self) -> dict[str, Any]:
        """What is known about the store: `engine`, `head`, `events`, `version`, and more as far as
        the engine has it: `path`, `bytes`, `segments`, `sync`, `read_only`, `epoch`, `format`."""
        return _dict(self._native.info())

    def verify(self, progress: Progress | None = None) -> dict[str, Any]:
        """Reads all that is stored and checks every checksum and every link: `{"ok": …, "events": …,
        "bytes": …, "problems": […]}`. A problem is a dict of `file`, `offset`, `message`, and, where
        events are concerned, the positions `first` and `last`. Damage is told, not raised.

        `progress(bytes_done, bytes_total)` is called now and then, in this thread, and at the end. What
        it raises ends the work and comes out, as Ctrl-C does. It may use the store, but not close it.

        >>> import runestore, tempfile
        >>> with tempfile.TemporaryDirectory() as folder, runestore.open(f"{folder}/ledger.runes") as store:
        ...     _ = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
        ...     told = []
        ...     report = store.verify(progress=lambda done, total: told.append(f"{done / total:.0%}"))
        ...     report["ok"], report["events"], report["problems"], told[0], told[-1]
        (True, 1, [], '0%', '100%')

        Raises `UnsupportedError` where the engine keeps nothing that could be damaged.
        """
        return _dict(self._native.verify(progress))

    def backup(self, path: str | os.PathLike[str], progress: Progress | None = None) -> dict[str, Any]:
        """Copies the store, which may be in use, into the new directory `path`, where it opens as a
        store of its own: everything up to a moment during the call. `{"events": …, "bytes": …,
        "head": …, "segments": …}` of the copy, which was read again and found sound.

        `progress` as for `verify`; each byte counts twice, since it is copied and then checked. What
        was ended leaves no copy behind.

        >>> import runestore, tempfile
        >>> with tempfile.TemporaryDirectory() as folder, runestore.open(f"{folder}/ledger.runes") as store:
        ...     _ = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
        ...     store.backup(f"{folder}/copy.runes")["events"]
        ...     with runestore.open(f"{folder}/copy.runes") as copy:
        ...         copy.get_events() == store.get_events()
        1
        True

        Raises `InvalidOptionsError` where something is in `path` already, `CorruptError` for a store
        that is damaged, `IoError` and `NoSpaceError`, and `UnsupportedError` where the engine cannot.
        """
        return _dict(self._native.backup(os.fsdecode(path), progress))

    def close(self) -> None:
        """Closes the store: ends its waits and iterations with `ClosedError`, lets a commit that has
        begun finish, syncs, lets go of files and locks, and returns when all of it is done. Twice is fine."""
        self._native.close()

    def _cursor(self, query: Query | None, limit: int | None, offset: int, direction: Literal["forward", "backward"]) -> _native.Cursor:
        return self._native.cursor(query, _lines(limit, offset, direction), 0)

    def _follower(self, query: Query | None, after: int, limit: int | None) -> _native.Cursor:
        options = _options(limit, 0, "forward", format="ndjson", follow=True)
        return self._native.cursor(query, options, after)


def open(target: str | os.PathLike[str] | None = None, **store_opts: Any) -> Store:
    """Opens a store: by the path of a directory, which keeps the events and is made if it is not there, by the
    address of a PostgreSQL database (`postgresql://user@host:port/database`), or without a target in memory.
    One process at a time may write to a directory, any number may read; any number may write to a database.

    `store_opts` are the engine's options. For a directory:

    - `sync`: `"always"` (what is acknowledged, and what is read, outlives a crash of the machine),
      `{"interval_ms": N}` or `"never"` (a crash of the process takes nothing back; one of the
      machine may take whole batches from the end: those of the last N milliseconds, or those that
      the operating system had not written).
    - `read_only`: open it to read, also while another process writes it.
    - `create`: whether a directory that is not there is made; True if not given.
    - `segment_bytes`: the log begins a new file after so many bytes, at least 65536; 256 MiB if not given.
    - `mmap`: whether what does not change any more is read as memory; True if not given.

    For a database, where the store's tables are made if they are not there:

    - `schema`: where they are, so that one database has several stores; `"runestore"` if not given.
    - `read_only`, `create`: as above.
    - `pool_size`: how many connections read at once, 1 to 64; 4 if not given. One more writes.
    - `connect_timeout_ms`, `timeout_ms`: how long a server may take to let a connection in, and how long a call
      waits through all failures; 5,000 and 30,000 if not given.

    >>> import runestore, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/ledger.runes"
    ...     with runestore.open(path) as store:
    ...         _ = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
    ...     with runestore.open(path, read_only=True) as store:
    ...         store.head, store.info()["engine"]
    (1, 'file')

    Raises `InvalidOptionsError` for what was given, `LockedError` while another writer has the store,
    `NotFoundError` where there is none to read, `CorruptError` for one that is damaged, `IoError`, which also
    says that no server lets it in, `NoSpaceError`, and `UnsupportedError` for what this version does not know.
    """
    if target is None:
        return Store({"store": "memory", "store_opts": store_opts})
    target = os.fsdecode(target)
    engine, option = ("postgres", "url") if target.startswith(("postgresql://", "postgres://")) else ("file", "path")
    if option in store_opts:
        raise InvalidOptionsError(f"`{option}` is the target already: give one of them", {"option": option})
    return Store({"store": engine, "store_opts": {option: target, **store_opts}})


def copy(
    source: Store | str | os.PathLike[str],
    target: Store | str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Copies a store into another one, whatever the engines of the two: events with their positions, ids and
    times, and the positions of tracking sources. Each is an open store, or what `open` takes: then it is
    closed at the end.

    What `target` has already must be the beginning of `source`, so a copy that ended early is gone on with by copying
    again. At the end all that `source` had when the call began is read in both and compared. `{"copied": …,
    "events": …, "head": …}`: how many events this call appended, and how many there are.

    `progress` is called with the events done and in all: those to be appended, and then all to be compared.

    >>> import runestore
    >>> with runestore.open() as source, runestore.open() as target:
    ...     _ = source.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
    ...     runestore.copy(source, target)
    ...     source.get_events() == target.get_events()
    {'copied': 1, 'events': 1, 'head': 1}
    True

    Raises `ConflictError` where `target` is not the beginning of `source`, or somebody else writes to it, and what
    either engine has to say. What was appended stays.
    """
    with contextlib.ExitStack() as opened:
        if not isinstance(source, Store):
            # So it need be writable by nobody, and may have a writer.
            source = opened.enter_context(open(source, read_only=True))
        if not isinstance(target, Store):
            target = opened.enter_context(open(target))
        return _dict(source._native.copy_to(target._native, progress))


def _lines(limit: int | None, offset: int, direction: str) -> dict[str, Any] | bytes:
    if limit is None and offset == 0 and direction == "forward":
        # What most reads ask for, as it would be written each time.
        return b'{"format":"ndjson"}'
    return _options(limit, offset, direction, format="ndjson")


def _options(limit: int | None, offset: int, direction: str, **more: Any) -> dict[str, Any]:
    options = {"limit": limit, "offset": offset, "direction": direction, **more}
    if limit is None:
        del options["limit"]
    if offset == 0:
        # A follower has none, and 0 is the same as none.
        del options["offset"]
    return options


def _dict(text: str) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(text)
    return value
