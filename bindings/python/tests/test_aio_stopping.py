"""Iterations in asyncio end when they are told to, at whatever moment, and hand on what went wrong."""

import asyncio
import gc
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from support import PATIENCE, in_a_new_process, new

import runestore
from runestore import aio


def test_a_stop_before_the_follower_waits_is_not_lost(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        for _ in range(50):
            subscription = many.subscribe()
            following = asyncio.create_task(anext(subscription, None))
            # Until it has read, found nothing, and is about to wait.
            while subscription._filling is None or not subscription._filling.done():
                await asyncio.sleep(0)
            subscription.stop()
            async with asyncio.timeout(PATIENCE):
                assert await following is None

    asyncio.run(main())


def test_a_stop_from_a_thread_at_any_moment_is_not_lost(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        for turn in range(300):
            subscription = many.subscribe()
            following = asyncio.create_task(anext(subscription, None))
            timer = threading.Timer(turn * 2e-6, subscription.stop)
            timer.start()
            async with asyncio.timeout(PATIENCE):
                assert await following is None
            timer.join()

    asyncio.run(main())


def test_an_error_after_the_turn_was_cancelled_is_not_reported_as_one_that_nobody_looked_at(store: runestore.Store) -> None:
    reported: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        subscription = aio.Store(store).subscribe()
        reading, closed = threading.Event(), threading.Event()

        def fill(_: float) -> bool | None:
            reading.set()
            closed.wait(PATIENCE)
            raise runestore.ClosedError("closed meanwhile")

        subscription._cursor = SimpleNamespace(take=lambda: None, fill=fill)  # type: ignore[assignment]
        turn = asyncio.create_task(anext(subscription))
        while not reading.is_set():
            await asyncio.sleep(0.001)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        closed.set()
        # The next turn is told.
        with pytest.raises(runestore.ClosedError):
            await anext(subscription)
        del subscription, turn
        gc.collect()

    asyncio.run(main())
    gc.collect()
    assert reported == []


def test_a_stop_from_a_signal_handler_hangs_nobody() -> None:
    assert in_a_new_process(STOPPED_BY_SIGNALS) == "done\n"


STOPPED_BY_SIGNALS = """
import asyncio, random, signal, runestore.aio

async def main():
    async with runestore.aio.open() as store:
        subscription, other = store.subscribe(), store.subscribe()
        signal.signal(signal.SIGALRM, lambda *_: other.stop())
        for _ in range(500):
            signal.setitimer(signal.ITIMER_REAL, random.random() * 0.002 + 1e-5)
            try:
                await asyncio.wait_for(anext(subscription), 0.001)
            except TimeoutError:
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)
    print("done")

asyncio.run(main())
"""


def test_events_go_on_after_a_cancelled_turn(store: runestore.Store) -> None:
    store.append([new(n) for n in range(5000)])

    async def main() -> None:
        events = aio.Store(store).events()
        read: list[Any] = []
        cancelled = 0
        while True:
            turn = asyncio.ensure_future(anext(events, None))
            if len(read) % 500 == 0 and cancelled <= len(read) // 500:
                cancelled += 1
                # Into its first step, but not to its end.
                await asyncio.sleep(0)
                if turn.cancel():
                    with pytest.raises(asyncio.CancelledError):
                        await turn
                    continue
            event = await turn
            if event is None:
                break
            read.append(event.data)
        assert cancelled > 3 and read == list(range(5000))

    asyncio.run(main())


def test_events_are_those_of_the_call_and_a_bad_query_is_refused_there(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        await many.append(new(0))
        events = many.events()
        await many.append(new(1))
        assert [event.data async for event in events] == [0]
        with pytest.raises(runestore.InvalidQueryError):
            many.events({"tpye": "Opened"})

    asyncio.run(main())


def test_two_tasks_on_one_iterator_are_told_so(store: runestore.Store) -> None:
    store.append(new(0))

    async def main() -> None:
        events = aio.Store(store).events()
        first, second = asyncio.ensure_future(anext(events)), asyncio.ensure_future(anext(events))
        with pytest.raises(runestore.MisuseError, match="another task"):
            await second
        assert (await first).data == 0

    asyncio.run(main())


def test_a_backlog_does_not_keep_others_from_their_turn(store: runestore.Store) -> None:
    store.append([new(n) for n in range(2000)])

    async def main() -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        seen = [turns async for _ in aio.Store(store).events()]
        task.cancel()
        assert len(set(seen)) >= 20, "the other task had hardly a turn"

    asyncio.run(main())


def test_who_waits_hears_of_a_thread_that_cannot_start(
    store: runestore.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if thread.name == "runestore.aio":
            raise RuntimeError("can't start new thread")
        start(thread)

    async def main() -> None:
        many = aio.Store(store)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refused)
            with pytest.raises(RuntimeError, match="new thread"):
                await anext(many.subscribe())
        following = asyncio.ensure_future(anext(many.subscribe()))
        await many.append(new(1))
        async with asyncio.timeout(PATIENCE):
            assert (await following).data == 1

    asyncio.run(main())


def test_who_waits_hears_of_a_thread_that_fails(store: runestore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        many = aio.Store(store)
        wait = store.wait

        def fails(after: int, timeout: float | None = None) -> int | None:
            raise MemoryError("no more")

        monkeypatch.setattr(store, "wait", fails)
        with pytest.raises(MemoryError, match="no more"):
            await anext(many.subscribe())
        monkeypatch.setattr(store, "wait", wait)
        following = asyncio.ensure_future(anext(many.subscribe()))
        await many.append(new(1))
        async with asyncio.timeout(PATIENCE):
            assert (await following).data == 1

    asyncio.run(main())


def test_each_of_those_who_wait_gets_an_exception_of_its_own(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        followers = [asyncio.ensure_future(anext(many.subscribe())) for _ in range(5)]
        while len(many._watch._waiting) < 5:
            await asyncio.sleep(0.001)
        store.close()
        errors = await asyncio.gather(*followers, return_exceptions=True)
        assert all(isinstance(error, runestore.ClosedError) for error in errors)
        assert len({id(error) for error in errors}) == 5

    asyncio.run(main())
