"""Runestore for asyncio: the same store, its calls awaited.

>>> import asyncio
>>> import runestore.aio
>>> async def main():
...     async with runestore.aio.open() as store:
...         await store.append({"type": "Opened", "domain": "account", "instance_id": "a-1"})
...         async for event in store.subscribe(after=0, limit=1):
...             print(event.type)
>>> asyncio.run(main())
Opened

Calls run in the event loop's default executor, so none of them blocks the loop. Those who wait for new
events, any number of them, share one thread for each store, and only while somebody waits. What
awaits can be cancelled at any time: a cancelled subscription has lost nothing and may be iterated on.
A cancelled append is an exception: whether it was stored is not known then. Give its events ids, and
append them again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import functools
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import runestore

from . import _native, _store
from ._errors import InterruptedError, MisuseError
from ._native import Event
from ._store import NewEvent, Page, Progress, Query

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Store", "Subscription", "open"]


class _Reading(AsyncIterator[Event]):
    """An asynchronous iterator over a cursor's events. One task at a time may iterate; a turn that is cancelled
    loses nothing."""

    # So many events are handed out in a row before others in the loop have their turn.
    _IN_A_ROW = 64

    def __init__(self, cursor: _native.Cursor, watch: _Watch) -> None:
        self._cursor = cursor
        self._watch = watch
        # Of no loop: a turn that was cancelled in one may go on in another.
        self._filling: concurrent.futures.Future[bool | None] | None = None
        self._reading = False
        self._stopped = False
        self._handed_out = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event, as soon as there is one.

        Raises `runestore.ClosedError` when the store is closed meanwhile, and `runestore.MisuseError`
        where another task is reading.
        """
        if self._reading:
            raise MisuseError("another task is reading from this iterator: one at a time, or make one for each task")
        self._reading = True
        try:
            return await self._next()
        finally:
            self._reading = False

    async def _next(self) -> Event:
        self._handed_out += 1
        if self._handed_out % self._IN_A_ROW == 0:
            await asyncio.sleep(0)
        # What a cancelled turn has begun goes on in its thread: taking an event meanwhile would collide.
        if self._filling is None and (event := self._cursor.take()) is not None:
            return event
        while True:
            if self._filling is None:
                self._filling = self._fill()
            awaited = asyncio.wrap_future(self._filling)
            # If this turn is cancelled the next one hears of an error, by a future of its own; asyncio would say that nobody has
            # looked at this one.
            awaited.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                filled = await asyncio.shield(awaited)
            finally:
                if self._filling.done():
                    self._filling = None
            if filled is None:
                await self._watch.wait(self._cursor.position, lambda: self._stopped)
            elif filled and (event := self._cursor.take()) is not None:
                return event
            else:
                raise StopAsyncIteration

    def _fill(self) -> concurrent.futures.Future[bool | None]:
        """Begins to read on, in a thread."""
        filling: concurrent.futures.Future[bool | None] = concurrent.futures.Future()

        def run() -> None:
            try:
                filling.set_result(self._cursor.fill(0.0))
            except BaseException as error:
                filling.set_exception(error)

        asyncio.get_running_loop().run_in_executor(None, run)
        return filling


class Subscription(_Reading):
    """An asynchronous iterator over the events that are there and those that will come, in one order.

    `Store.subscribe` makes it. One task at a time may iterate; `stop` and `position` are for any thread.
    """

    @property
    def position(self) -> int:
        """Everything up to this position was handed out or does not match.

        Keep this number to go on another time, with `subscribe(after=position)`.
        """
        return self._cursor.position

    def stop(self) -> None:
        """Ends the iteration, from any thread: also one that waits for the next event."""
        self._cursor.stop()
        # Before those who wait are woken, and looked at by those who are about to.
        self._stopped = True
        self._watch.wake()


class Store:
    """An open store, its calls awaited. `store` may be in use elsewhere, also without asyncio."""

    def __init__(self, store: _store.Store) -> None:
        self._store = store
        self._watch = _Watch(store)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def append(
        self,
        events: NewEvent | Iterable[NewEvent],
        *,
        expected_version: int | Literal["any", "exists"] | None = None,
        expect: Sequence[Mapping[str, Any]] | None = None,
        condition: Mapping[str, Any] | None = None,
        tracking: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """As `runestore.Store.append`."""
        return await asyncio.to_thread(
            self._store.append,
            events,
            expected_version=expected_version,
            expect=expect,
            condition=condition,
            tracking=tracking,
        )

    async def append_json(self, events: bytes | str, options: bytes | str | None = None) -> bytes:
        """As `runestore.Store.append_json`."""
        return await asyncio.to_thread(self._store.append_json, events, options)

    async def get_events(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        direction: Literal["forward", "backward"] = "forward",
    ) -> list[Event]:
        """As `runestore.Store.get_events`."""
        return await asyncio.to_thread(
            self._store.get_events, query, limit=limit, offset=offset, direction=direction
        )

    async def get_events_json(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        direction: Literal["forward", "backward"] = "forward",
        format: Literal["array", "ndjson"] = "array",
        pagination: bool = False,
    ) -> bytes:
        """As `runestore.Store.get_events_json`."""
        return await asyncio.to_thread(
            self._store.get_events_json,
            query,
            limit=limit,
            offset=offset,
            direction=direction,
            format=format,
            pagination=pagination,
        )

    async def get_page(self, query: Query | None = None, *, limit: int = 100, offset: int = 0) -> Page:
        """As `runestore.Store.get_page`."""
        return await asyncio.to_thread(self._store.get_page, query, limit=limit, offset=offset)

    def events(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        direction: Literal["forward", "backward"] = "forward",
    ) -> AsyncIterator[Event]:
        """As `runestore.Store.events`: to iterate over with `async for`."""
        return _Reading(self._store._cursor(query, limit, offset, direction), self._watch)

    def subscribe(self, query: Query | None = None, *, after: int = 0, limit: int | None = None) -> Subscription:
        """As `runestore.Store.subscribe`: to iterate over with `async for`."""
        return Subscription(self._store._follower(query, after, limit), self._watch)

    @property
    def head(self) -> int:
        """The last position, 0 in an empty store."""
        return self._store.head

    async def wait(self, after: int, timeout: float | None = None) -> int | None:
        """As `runestore.Store.wait`."""
        # Once without waiting: it knows which values are allowed.
        head = self._store.wait(after, 0.0 if timeout is None else min(timeout, 0.0))
        if head is not None:
            return head
        try:
            async with asyncio.timeout(timeout):
                while self._store.head <= after:
                    await self._watch.wait(after)
        except TimeoutError:
            return None
        return self._store.head

    async def tracking(self, source: str) -> int:
        """As `runestore.Store.tracking`."""
        return await asyncio.to_thread(self._store.tracking, source)

    async def info(self) -> dict[str, Any]:
        """As `runestore.Store.info`."""
        return await asyncio.to_thread(self._store.info)

    async def verify(self, progress: Progress | None = None) -> dict[str, Any]:
        """As `runestore.Store.verify`. `progress` is called in the thread that does the work, not in the loop's.
        Cancelled, the work ends soon."""
        return await _long(self._store.verify, progress)

    async def backup(self, path: str | os.PathLike[str], progress: Progress | None = None) -> dict[str, Any]:
        """As `runestore.Store.backup`. `progress` is called in the thread that does the work, not in the loop's.
        Cancelled, the work ends soon and leaves no copy behind."""
        return await _long(functools.partial(self._store.backup, path), progress)

    async def close(self) -> None:
        """As `runestore.Store.close`."""
        await asyncio.to_thread(self._store.close)


async def _long(work: Callable[[Progress], dict[str, Any]], progress: Progress | None) -> dict[str, Any]:
    """Work in a thread, which is told when nobody awaits it any more."""
    cancelled = False

    def told(done: int, total: int) -> None:
        if cancelled:
            raise InterruptedError("nobody awaits the work any more")
        if progress is not None:
            progress(done, total)

    try:
        return await asyncio.to_thread(work, told)
    except asyncio.CancelledError:
        cancelled = True
        raise


class _Opening(Awaitable[Store]):
    """What `open` gives: to be awaited, or entered with `async with`."""

    def __init__(self, target: str | os.PathLike[str] | None, store_opts: dict[str, Any]) -> None:
        self._target = target
        self._store_opts = store_opts
        self._store: Store | None = None

    async def _open(self) -> Store:
        return Store(await asyncio.to_thread(runestore.open, self._target, **self._store_opts))

    def __await__(self) -> Generator[Any, Any, Store]:
        return self._open().__await__()

    async def __aenter__(self) -> Store:
        self._store = await self._open()
        return self._store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._store is not None:
            await self._store.close()


def open(target: str | os.PathLike[str] | None = None, **store_opts: Any) -> _Opening:
    """As `runestore.open`: `store = await open(…)`, or `async with open(…) as store`."""
    return _Opening(target, store_opts)


class _Watch:
    """Wakes those who wait for a store to grow: one thread for all of them, while there are any."""

    # A thread that waits for nobody any more finds out after so many seconds.
    _LOOK = 1.0

    def __init__(self, store: _store.Store) -> None:
        self._store = store
        # A signal handler may stop a subscription while its thread is in here.
        self._lock = threading.RLock()
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._thread: threading.Thread | None = None

    async def wait(self, after: int, stopped: Callable[[], bool] = lambda: False) -> None:
        """Returns when the head is larger than `after`, or somebody calls `wake`. `stopped` is asked once the call
        can be woken: whoever stops it before that has woken nobody."""
        if self._store.head > after:
            return
        future = asyncio.get_running_loop().create_future()
        try:
            with self._lock:
                self._waiting[future] = after
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="runestore.aio", daemon=True)
                    thread.start()
                    self._thread = thread
            # The store may have grown since the caller looked, and the thread may wait for more than that.
            if self._store.head <= after and not stopped():
                await future
        finally:
            with self._lock:
                self._waiting.pop(future, None)

    def wake(self) -> None:
        """Wakes all, from any thread."""
        with self._lock:
            self._end(list(self._waiting), None)

    def _run(self) -> None:
        while True:
            try:
                # First, which with a server takes its time: whoever comes after the next lines looks at the head later
                # than this, and waits for what is behind it.
                known = self._store.head
                with self._lock:
                    if not self._waiting:
                        self._thread = None
                        return
                    after = min(self._waiting.values())
                # Not for more than the next event: who comes meanwhile may wait for less than all others.
                head = self._store.wait(min(after, known), self._LOOK)
            except BaseException as error:
                # Whatever it is: who waits must hear of it, and who waits next gets a new thread.
                with self._lock:
                    self._end(list(self._waiting), error)
                    self._thread = None
                    return
            if head is not None:
                with self._lock:
                    self._end([future for future, after in self._waiting.items() if after < head], None)

    def _end(self, futures: list[asyncio.Future[None]], error: BaseException | None) -> None:
        """Ends these waits; the lock is held."""
        for future in futures:
            self._waiting.pop(future, None)
            try:
                future.get_loop().call_soon_threadsafe(_finish, future, error)
            except RuntimeError:
                # Its loop is closed: nobody waits any more.
                pass


def _finish(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        # Each has its own: what is raised gathers the frames that it passes.
        future.set_exception(copy.copy(error))
