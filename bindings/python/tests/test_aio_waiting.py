"""Followers in asyncio: how they wait, are cancelled, stopped and closed, without losing an event."""

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest
from support import PATIENCE, Threads, new, until

import runestore
from runestore import aio


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "runestore.aio"]


async def waits(many: aio.Store, tasks: int) -> None:
    """Until so many tasks wait for new events."""
    while len(many._watch._waiting) < tasks:
        await asyncio.sleep(0.001)


def test_fifty_followers_share_one_thread(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)

        async def follow() -> list[Any]:
            return [event.data async for event in many.subscribe(limit=20)]

        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(2))
        before = threading.active_count()
        followers = [asyncio.create_task(follow()) for _ in range(50)]
        await waits(many, 50)
        # The executor's two, and the one that waits for all.
        assert watchers() == ["runestore.aio"] and threading.active_count() <= before + 3
        for n in range(20):
            await many.append(new(n))
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*followers) == [list(range(20))] * 50

    asyncio.run(main())
    # Without anybody who waits there is no thread.
    until(lambda: not watchers())


def test_a_follower_does_not_wait_for_one_that_waits_for_more(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        # If the thread waited for the farthest, it would look for the near one in its own time: a minute here.
        many._watch._LOOK = 60.0
        far = asyncio.create_task(many.wait(10**9))
        await waits(many, 1)
        subscription = many.subscribe()
        async with asyncio.timeout(30):
            for n in range(5):
                near = asyncio.ensure_future(anext(subscription))
                await waits(many, 2)
                await many.append(new(n))
                assert (await near).data == n
        far.cancel()
        await many.close()

    asyncio.run(main())


def test_a_waiting_follower_is_cancelled_and_goes_on(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        subscription = many.subscribe()
        seen = []
        for n in range(1, 11):
            turn = asyncio.ensure_future(anext(subscription))
            await waits(many, 1)
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            await many.append([new(), new()])
            seen += [(await anext(subscription)).sequence_number, (await anext(subscription)).sequence_number]
        assert seen == list(range(1, 21))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(subscription)

    asyncio.run(main())


def test_a_follower_is_cancelled_at_any_moment_and_loses_nothing(store: runestore.Store) -> None:
    count = 3000

    async def main() -> None:
        many = aio.Store(store)
        subscription = many.subscribe(limit=count)
        seen: list[int] = []

        async def read() -> None:
            async for event in subscription:
                seen.append(event.sequence_number)

        turns = 0
        while len(seen) < count:
            reader = asyncio.create_task(read())
            if store.head < count:
                store.append([new()] * 10)
            # Some turns of the loop, a different number each time.
            for _ in range(turns % 23):
                await asyncio.sleep(0)
            turns += 1
            reader.cancel()
            await asyncio.wait([reader])
        assert seen == list(range(1, count + 1)) and turns >= count // 10

    asyncio.run(main())


class Gate:
    """An executor's only thread, held up until the gate is opened."""

    def __init__(self) -> None:
        self.executor = concurrent.futures.ThreadPoolExecutor(1)
        self.opened = threading.Event()
        self.executor.submit(self.opened.wait)


def test_a_follower_that_is_cancelled_while_it_reads_goes_on(store: runestore.Store) -> None:
    store.append([new(), new()])

    async def main() -> None:
        gate = Gate()
        asyncio.get_running_loop().set_default_executor(gate.executor)
        subscription = aio.Store(store).subscribe()
        for _ in range(3):
            turn = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            turn.cancel()
            await asyncio.wait([turn])
        gate.opened.set()
        assert [(await anext(subscription)).sequence_number for _ in range(2)] == [1, 2]

    asyncio.run(main())


class SlowCursor:
    """A cursor that reads when the gate is opened, and counts who comes meanwhile."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.reading = threading.Lock()
        self.entered, self.opened = threading.Event(), threading.Event()
        self.collisions = 0

    def fill(self, timeout: float | None) -> bool | None:
        if not self.reading.acquire(blocking=False):
            self.collisions += 1
            return False
        try:
            self.entered.set()
            self.opened.wait(PATIENCE)
            filled: bool | None = self.cursor.fill(timeout)
            return filled
        finally:
            self.reading.release()

    def take(self) -> runestore.Event | None:
        self.collisions += self.reading.locked()
        event: runestore.Event | None = self.cursor.take()
        return event


def test_a_cancelled_turn_and_the_next_do_not_collide(store: runestore.Store) -> None:
    store.append([new(), new()])

    async def main() -> None:
        subscription: Any = aio.Store(store).subscribe()
        subscription._cursor = slow = SlowCursor(subscription._cursor)
        turn = asyncio.ensure_future(anext(subscription))
        await asyncio.to_thread(slow.entered.wait, PATIENCE)
        turn.cancel()
        await asyncio.wait([turn])
        turn = asyncio.ensure_future(anext(subscription))
        for _ in range(10):
            await asyncio.sleep(0.001)
        slow.opened.set()
        assert (await turn).sequence_number == 1
        assert (await anext(subscription)).sequence_number == 2 and slow.collisions == 0

    asyncio.run(main())


def test_a_commit_while_the_watch_looks_is_not_overlooked(store: runestore.Store) -> None:
    class Growing:
        """A store that grows just when the thread that waits for all asks for its head."""

        def __init__(self) -> None:
            self.grown = True
            self.waits_for = -1

        @property
        def head(self) -> int:
            if threading.current_thread().name == "runestore.aio" and not self.grown:
                self.grown = True
                store.append(new())
            return store.head

        def wait(self, after: int, timeout: float | None) -> int | None:
            self.waits_for = after
            return store.wait(after, timeout)

    async def main() -> None:
        growing: Any = Growing()
        watch = aio._Watch(growing)
        watch._LOOK = 60.0
        far = asyncio.ensure_future(watch.wait(10**9))
        near = asyncio.ensure_future(watch.wait(1))
        await asyncio.to_thread(until, lambda: growing.waits_for == 0)
        growing.grown = False
        # The thread is woken for nobody, looks again, and the near one's event comes just then.
        store.append(new())
        async with asyncio.timeout(30):
            await near
        far.cancel()
        store.close()

    asyncio.run(main())


def test_who_comes_while_the_watch_asks_for_the_head_is_not_overlooked(store: runestore.Store) -> None:
    class Slow:
        """A store that answers the thread that waits for all when it is told to, as a server does that is far away."""

        def __init__(self) -> None:
            self.slow = False
            self.waits_for = -1
            self.asked, self.answer = threading.Event(), threading.Event()

        @property
        def head(self) -> int:
            if threading.current_thread().name == "runestore.aio" and self.slow:
                self.slow = False
                self.asked.set()
                self.answer.wait(PATIENCE)
            return store.head

        def wait(self, after: int, timeout: float | None) -> int | None:
            self.waits_for = after
            return store.wait(after, timeout)

    async def main() -> None:
        slow: Any = Slow()
        watch = aio._Watch(slow)
        watch._LOOK = 60.0
        far = asyncio.ensure_future(watch.wait(10**9))
        await asyncio.to_thread(until, lambda: slow.waits_for == 0)
        slow.slow = True
        store.append(new())
        await asyncio.to_thread(slow.asked.wait, PATIENCE)
        near = asyncio.ensure_future(watch.wait(1))
        await asyncio.sleep(0)
        store.append(new())
        slow.answer.set()
        async with asyncio.timeout(30):
            await near
        far.cancel()
        store.close()

    asyncio.run(main())


def test_a_commit_between_looking_and_waiting_is_not_overlooked(store: runestore.Store) -> None:
    class Growing:
        """A store that grows just after a task has looked at its head, and the thread has seen that."""

        def __init__(self) -> None:
            self.armed = False
            self.waits_for = -1

        @property
        def head(self) -> int:
            head = store.head
            if self.armed:
                self.armed = False
                store.append(new())
                until(lambda: self.waits_for == head + 1)
            return head

        def wait(self, after: int, timeout: float | None) -> int | None:
            self.waits_for = after
            return store.wait(after, timeout)

    async def main() -> None:
        growing: Any = Growing()
        watch = aio._Watch(growing)
        watch._LOOK = 60.0
        far = asyncio.ensure_future(watch.wait(10**9))
        await asyncio.to_thread(until, lambda: growing.waits_for == 0)
        growing.armed = True
        async with asyncio.timeout(30):
            await watch.wait(0)
        far.cancel()
        store.close()

    asyncio.run(main())


def test_a_follower_that_a_loop_left_reading_goes_on_in_the_next(store: runestore.Store) -> None:
    many = aio.Store(store)
    subscription = many.subscribe()
    gate = Gate()

    async def leave() -> None:
        asyncio.get_running_loop().set_default_executor(gate.executor)
        asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        threading.Timer(0.1, gate.opened.set).start()

    async def read() -> int:
        async with asyncio.timeout(PATIENCE):
            return (await anext(subscription)).sequence_number

    asyncio.run(leave())
    store.append(new())
    assert asyncio.run(read()) == 1


def test_a_follower_is_stopped_from_a_thread(store: runestore.Store) -> None:
    store.append(new())

    async def main() -> None:
        many = aio.Store(store)
        subscription = many.subscribe()
        other = asyncio.create_task(many.wait(5))

        async def read() -> list[int]:
            return [event.sequence_number async for event in subscription]

        reader = asyncio.create_task(read())
        await waits(many, 2)
        thread = Threads(subscription.stop)
        async with asyncio.timeout(PATIENCE):
            assert await reader == [1]
        thread.join()
        assert subscription.position == 1 and not other.done()
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)
        other.cancel()

    asyncio.run(main())


@pytest.mark.parametrize("by", ["loop", "thread"])
def test_closing_ends_all_that_waits(store: runestore.Store, by: str) -> None:
    async def main() -> None:
        many = aio.Store(store)
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(anext(many.subscribe())) for _ in range(3)]
        waiting += [asyncio.ensure_future(many.wait(0)), asyncio.ensure_future(many.wait(0, 600))]
        await waits(many, 5)
        if by == "loop":
            await many.close()
        else:
            Threads(store.close).join()
        async with asyncio.timeout(PATIENCE):
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in ended] == [runestore.ClosedError] * 5

    asyncio.run(main())
    until(lambda: not watchers())


def test_two_tasks_on_one_iterator_are_told(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        subscription = many.subscribe()
        first = asyncio.ensure_future(anext(subscription))
        await waits(many, 1)
        with pytest.raises(runestore.MisuseError, match="another task is reading"):
            await anext(subscription)
        await many.append(new())
        assert (await first).sequence_number == 1

    asyncio.run(main())


def test_a_loop_may_end_while_others_wait(store: runestore.Store) -> None:
    many = aio.Store(store)

    async def leave() -> None:
        asyncio.ensure_future(anext(many.subscribe()))
        asyncio.ensure_future(many.wait(0))
        await waits(many, 2)

    async def wait() -> int | None:
        return await many.wait(0, PATIENCE)

    for _ in range(3):
        asyncio.run(leave())

    def append() -> None:
        until(lambda: bool(many._watch._waiting))
        store.append(new())

    thread = Threads(append)
    assert asyncio.run(wait()) == 1
    thread.join()
