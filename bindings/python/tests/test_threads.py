"""Threads: the interpreter goes on while a call works, and nobody loses an event."""

import sys
import threading
from collections.abc import Callable

import pytest
from support import Threads, in_a_new_process, new, until

import runestore
from runestore import ClosedError, MisuseError, Store


BATCH = b"[" + b",".join([b'{"type":"t","domain":"d","instance_id":"i"}'] * 20_000) + b"]"
CALLS: dict[str, Callable[[Store], object]] = {
    "append": lambda store: store.append([new()] * 1000),
    "append_json": lambda store: store.append_json(BATCH, '{"return":"summary"}'),
    "get_events": Store.get_events,
    "get_events_json": Store.get_events_json,
    "get_page": lambda store: store.get_page(limit=10_000),
    "iteration": lambda store: list(store.events()),
    "wait": lambda store: store.wait(10**9, 0.001),
}


@pytest.mark.parametrize("call", CALLS)
def test_other_threads_go_on_during_a_call(store: Store, call: str) -> None:
    """The interpreter's threads take turns after a while; here that while never ends. So if another
    thread went on before the call was back, the call had let go of the interpreter lock."""
    store.append_json(BATCH)
    ping, over = threading.Event(), False
    pongs: list[int] = []

    def another() -> None:
        while True:
            ping.wait()
            ping.clear()
            if over:
                return
            pongs.append(1)

    thread = Threads(another)
    went_on = False
    interval = sys.getswitchinterval()
    # Once would do, but for the operating system, which may not wake the other thread in time.
    for _ in range(30):
        pongs.clear()
        sys.setswitchinterval(1000.0)
        ping.set()
        CALLS[call](store)
        went_on = bool(pongs)
        sys.setswitchinterval(interval)
        if went_on:
            break
    over = True
    ping.set()
    thread.join()
    assert went_on


def test_a_wait_ends_by_what_another_thread_appends(store: Store) -> None:
    thread = Threads(lambda: store.append(new()))
    assert store.wait(0) == 1
    thread.join()


def test_a_subscription_beside_eight_writers_loses_nothing(store: Store) -> None:
    batches, size = 125, 100

    def writer(name: int) -> None:
        for batch in range(batches):
            store.append(new((name, batch * size + n), instance_id=f"a-{name}") for n in range(size))

    seen: list[runestore.Event] = []
    subscription = store.subscribe(limit=8 * batches * size)
    Threads(lambda: seen.extend(subscription), *(lambda name=name: writer(name) for name in range(8))).join()
    assert [event.sequence_number for event in seen] == list(range(1, 100_001))
    assert len({event.id for event in seen}) == 100_000
    numbers: dict[int, list[int]] = {name: [] for name in range(8)}
    for event in seen:
        name, number = event.data
        numbers[name].append(number)
    assert all(each == list(range(batches * size)) for each in numbers.values())
    assert store.get_events() == seen


def test_closing_ends_an_iteration(store: Store) -> None:
    began = threading.Event()

    def read() -> None:
        with pytest.raises(ClosedError):
            for _ in store.subscribe():
                began.set()

    threads = Threads(read, read)
    store.append(new())
    began.wait()
    store.close()
    threads.join()


def test_stopping_ends_an_iteration_that_waits(store: Store) -> None:
    store.append(new())
    subscription = store.subscribe()
    seen: list[runestore.Event] = []
    threads = Threads(lambda: seen.extend(subscription))
    until(lambda: subscription.position == 1)
    subscription.stop()
    threads.join()
    assert len(seen) == 1
    # The store is as it was.
    assert store.append(new())[0].sequence_number == 2


def test_two_threads_on_one_iterator_are_told(store: Store) -> None:
    subscription = store.subscribe()
    waiting = threading.Event()

    def read() -> None:
        waiting.set()
        next(subscription)

    reader = Threads(read)
    waiting.wait()

    def misused() -> bool:
        try:
            subscription._cursor.fill(0.0)
        except MisuseError:
            return True
        return False

    until(misused)
    with pytest.raises(MisuseError, match="another call is reading"):
        next(subscription)
    store.append([new(), new()])
    reader.join()
    assert next(subscription).sequence_number == 2


def test_many_threads_on_one_iterator_share_without_doubles(store: Store) -> None:
    store.append(new(n) for n in range(5000))
    stream = store.events()
    seen: list[int] = []

    def read() -> None:
        while True:
            try:
                seen.append(next(stream).sequence_number)
            except MisuseError:
                continue
            except StopIteration:
                return

    Threads(*[read] * 4).join()
    assert sorted(seen) == list(range(1, 5001))


def test_decisions_of_many_threads_hold(store: Store) -> None:
    won: list[int] = []

    def decide() -> None:
        for version in range(200):
            try:
                won.extend(event.stream_version for event in store.append(new(), expected_version=version))
            except runestore.ConflictError as error:
                assert error.details["actual"] > version

    Threads(*[decide] * 4).join()
    assert sorted(won) == list(range(1, len(won) + 1)) and store.head == len(won) == 200


def test_a_thread_that_still_waits_does_not_disturb_the_end_of_the_program() -> None:
    program = """
import runestore, threading
store = runestore.open()
event = {"type": "t", "domain": "d", "instance_id": "i"}
def write():
    while True:
        store.append(event)
def read(): [None for _ in store.subscribe()]
def wait(): store.wait(10**9)
for work in (write, write, read, read, wait):
    threading.Thread(target=work, daemon=True).start()
store.wait(1000)
print("end")
"""
    for _ in range(5):
        assert in_a_new_process(program) == "end\n"
