"""Ctrl-C ends every wait, and nothing is lost by it."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from support import Threads, in_a_new_process, new, until

import runestore
import runestore.aio
from runestore import Store


@pytest.fixture(autouse=True)
def signals_arrive() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_once(ready: Callable[[], bool]) -> Threads:
    """Ctrl-C, from another thread, as soon as it is `ready`."""

    def work() -> None:
        until(ready)
        os.kill(os.getpid(), signal.SIGINT)

    return Threads(work)


@pytest.mark.parametrize("timeout", [None, 600, float("inf")])
def test_ctrl_c_ends_a_wait(store: Store, timeout: float | None) -> None:
    began = threading.Event()
    thread = interrupt_once(began.is_set)
    with pytest.raises(KeyboardInterrupt):
        began.set()
        store.wait(0, timeout)
        raise AssertionError("the wait came to an end")
    thread.join()
    assert store.append(new())[0].sequence_number == 1 == store.wait(0)


def test_ctrl_c_ends_an_iteration_that_waits_and_it_goes_on(store: Store) -> None:
    store.append([new(), new()])
    subscription = store.subscribe()
    seen = []
    thread = interrupt_once(lambda: subscription.position == 2)
    with pytest.raises(KeyboardInterrupt):
        for event in subscription:
            seen.append(event.sequence_number)
    thread.join()
    store.append(new())
    seen.append(next(subscription).sequence_number)
    assert seen == [1, 2, 3]


def test_a_handler_may_stop_the_iteration(store: Store) -> None:
    subscription = store.subscribe()
    store.append(new())
    signal.signal(signal.SIGINT, lambda *_: subscription.stop())
    thread = interrupt_once(lambda: subscription.position == 1)
    assert len(list(subscription)) == 1
    thread.join()


def test_a_handler_that_raises_nothing_disturbs_nothing(store: Store) -> None:
    handled = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: handled.set())

    def append_then() -> None:
        handled.wait()
        store.append(new())

    threads = [interrupt_once(lambda: True), Threads(append_then)]
    assert store.wait(0) == 1
    for thread in threads:
        thread.join()


def test_ctrl_c_ends_asyncio(store: Store) -> None:
    followers: list[runestore.aio.Subscription] = []

    async def main() -> None:
        async_store = runestore.aio.Store(store)
        followers.append(async_store.subscribe())
        async for _ in followers[0]:
            pass

    store.append(new())
    thread = interrupt_once(lambda: bool(followers) and followers[0].position == 1)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    thread.join()
    assert store.append(new())[0].sequence_number == 2


def test_ctrl_c_beside_a_writer_and_a_reader_loses_nothing(store: Store) -> None:
    count = 100_000
    seen: list[int] = []
    half = threading.Event()

    def write() -> None:
        for n in range(count // 100):
            store.append([new()] * 100)
            if n == count // 200:
                half.set()

    def read() -> None:
        seen.extend(event.sequence_number for event in store.subscribe(limit=count))

    threads = Threads(write, read)
    thread = interrupt_once(half.is_set)
    with pytest.raises(KeyboardInterrupt):
        store.wait(10 * count)
    thread.join()
    threads.join()
    assert seen == list(range(1, count + 1)) and store.head == count


def test_a_program_ends_by_ctrl_c_as_others_do() -> None:
    program = """
import os, runestore, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
store = runestore.open()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for event in store.subscribe():
        pass
except KeyboardInterrupt:
    print("interrupted", store.append({"type": "t", "domain": "d", "instance_id": "i"})[0].sequence_number)
"""
    assert in_a_new_process(program) == "interrupted 1\n"
