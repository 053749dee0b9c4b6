"""`runestore.aio`: every call awaited."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from support import PATIENCE, Threads, new, small

import runestore
from runestore import aio


def test_every_call_of_the_store_is_there() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(aio.Store) == public(runestore.Store)
    assert public(aio.Subscription) == public(runestore.Subscription)
    for name in public(runestore.Store) - {"head"}:
        assert inspect.signature(getattr(aio.Store, name)).parameters == inspect.signature(getattr(runestore.Store, name)).parameters, name
    assert inspect.signature(aio.open).parameters == inspect.signature(runestore.open).parameters


def test_a_store_is_opened_by_await_and_by_async_with() -> None:
    async def main() -> None:
        store = await aio.open()
        await store.append(new())
        await store.close()
        await store.close()
        with pytest.raises(runestore.ClosedError):
            await store.append(new())
        async with aio.open() as store, store:
            await store.append(new())
        with pytest.raises(runestore.ClosedError):
            store.head
        with pytest.raises(LookupError):
            async with aio.open() as store:
                raise LookupError
        with pytest.raises(runestore.ClosedError):
            store.head
        with pytest.raises(runestore.InvalidOptionsError):
            async with aio.open(sync="never"):
                pass

    asyncio.run(main())


def test_a_file_store_is_opened_and_opened_again(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "ledger.runes"
        async with aio.open(path, **small()) as store:
            for _ in range(5):
                await store.append(new("x" * 1000) for _ in range(100))
            with pytest.raises(runestore.LockedError):
                await aio.open(path)
            async with aio.open(path, read_only=True) as reader:
                assert [event async for event in reader.events()] == await store.get_events()
                following = asyncio.create_task(anext(reader.subscribe(after=500)))
                await store.append(new("last"))
                assert (await following).data == "last"
                with pytest.raises(runestore.ReadOnlyError):
                    await reader.append(new())
        with pytest.raises(runestore.NotFoundError):
            await aio.open(tmp_path / "none", create=False)
        async with aio.open(path) as store:
            assert store.head == 501 and (await store.verify())["events"] == 501

    asyncio.run(main())


def test_what_is_awaited_is_what_the_store_answers(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        events = await many.append((new(n) for n in range(10)), expected_version=0, tracking={"source": "s", "position": 3})
        assert [event.data for event in events] == list(range(10))
        with pytest.raises(runestore.ConflictError):
            await many.append(new(), expect=[{"domain": "account", "instance_id": "a-1", "version": 0}])
        with pytest.raises(runestore.ConflictError):
            await many.append(new(), condition={"fail_if_events_match": {}})
        query = {"after": 5}
        options: Any = {"limit": 2, "offset": 1, "direction": "backward"}
        assert await many.get_events(query, **options) == store.get_events(query, **options)
        assert await many.get_events_json(query, **options, format="ndjson") == store.get_events_json(query, **options, format="ndjson")
        assert await many.get_events_json(pagination=True) == store.get_events_json(pagination=True)
        assert await many.get_page(query, limit=2, offset=1) == store.get_page(query, limit=2, offset=1)
        assert [event async for event in many.events(query, **options)] == store.get_events(query, **options)
        assert [event async for event in many.subscribe(query, after=7, limit=3)] == store.get_events({"after": 7})
        assert await many.tracking("s") == 3 and many.head == 10
        assert await many.info() == store.info()
        summary = await many.append_json("[]", '{"return":"summary"}')
        assert summary == b'{"first":null,"last":null,"count":0,"head":10}'
        with pytest.raises(runestore.InvalidQueryError):
            await many.get_events({"x": 1})
        with pytest.raises(runestore.InvalidQueryError):
            _ = [event async for event in many.events({"x": 1})]
        with pytest.raises(runestore.InvalidQueryError):
            many.subscribe({"x": 1})

    asyncio.run(main())


def test_a_long_call_does_not_hold_up_the_loop(store: runestore.Store) -> None:
    """The append cannot end before the loop has gone on: its events wait for the loop."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def events() -> Any:
            yield new(1)
            yield new(asyncio.run_coroutine_threadsafe(answer(), loop).result(PATIENCE))

        async def answer() -> int:
            return 2

        stored = await aio.Store(store).append(events())
        assert [event.data for event in stored] == [1, 2]

    asyncio.run(main())


def test_a_stream_may_be_left_and_is_read_in_pieces(store: runestore.Store) -> None:
    store.append(new("x" * 100_000) for _ in range(100))

    async def main() -> None:
        stream = aio.Store(store).events()
        async for event in stream:
            if event.sequence_number == 30:
                break
        rest = [event.sequence_number async for event in stream]
        assert rest == list(range(31, 101))

    asyncio.run(main())


def test_wait(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        assert await many.wait(0, timeout=0) is await many.wait(0, timeout=0.01) is None
        waiting = [asyncio.create_task(many.wait(after, timeout)) for after, timeout in ((0, None), (0, 600.0), (1, None), (0, float("inf")))]
        await asyncio.sleep(0)
        await many.append(new())
        assert await waiting[0] == await waiting[1] == await waiting[3] == 1
        await many.append(new())
        assert await waiting[2] == 2 == await many.wait(0)
        for wrong in (-1.0, float("nan")):
            with pytest.raises(runestore.InvalidOptionsError):
                await many.wait(0, wrong)
        with pytest.raises(runestore.InvalidOptionsError):
            await many.wait(-1)

    asyncio.run(main())


def test_many_tasks_append_at_once(store: runestore.Store) -> None:
    async def main() -> None:
        many = aio.Store(store)
        answers = await asyncio.gather(*(many.append(new(n)) for n in range(300)))
        assert sorted(event.sequence_number for [event] in answers) == list(range(1, 301))

    asyncio.run(main())


def test_one_store_serves_two_event_loops_at_once(store: runestore.Store) -> None:
    many = aio.Store(store)
    count = 500

    async def follow() -> list[int]:
        return [event.sequence_number async for event in many.subscribe(limit=count)]

    async def write() -> None:
        for _ in range(count // 2):
            await many.append([new(), new()])

    seen: list[list[int]] = []
    Threads(
        lambda: seen.append(asyncio.run(follow())),
        lambda: seen.append(asyncio.run(follow())),
        lambda: asyncio.run(write()),
    ).join()
    assert seen == [list(range(1, count + 1))] * 2


def test_one_store_serves_loops_one_after_the_other(store: runestore.Store) -> None:
    many = aio.Store(store)
    subscription = many.subscribe()

    async def turn(n: int) -> int:
        writing = asyncio.create_task(many.append(new()))
        event = await anext(subscription)
        await writing
        assert await many.wait(n - 1) == n
        return event.sequence_number

    assert [asyncio.run(turn(n)) for n in range(1, 6)] == [1, 2, 3, 4, 5]
