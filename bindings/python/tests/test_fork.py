"""Fork and spawn: a child must not use its parent's stores, and is told; events and errors travel."""

import multiprocessing
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import PATIENCE, Threads, new, until

import runestore
import runestore.aio
from runestore import ForkedError, Store

# From Python 3.12 on a fork beside threads is warned of. That is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def in_a_child(work: Callable[[], None]) -> None:
    """Runs `work` in a forked child, which must end well, and soon."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    ended: list[int] = []

    def over() -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        ended.extend([status] if pid else [])
        return bool(ended)

    until(over)
    assert os.waitstatus_to_exitcode(ended[0]) == 0


def test_a_child_is_told_and_the_parent_goes_on(store: Store) -> None:
    store.append(new(n) for n in range(5))
    stream, subscription, untouched = store.events(), store.subscribe(after=2), store.subscribe()
    assert next(stream).data == 0 and next(subscription).data == 2
    calls: list[Any] = [
        lambda: store.append(new()),
        lambda: store.append_json("[]"),
        store.get_events,
        store.get_events_json,
        store.get_page,
        store.events,
        store.subscribe,
        lambda: store.head,
        lambda: store.wait(0),
        lambda: store.wait(99, 0),
        lambda: store.tracking("s"),
        store.info,
        lambda: next(untouched),
        lambda: next(subscription),
        lambda: next(stream),
        untouched.stop,
        store.close,
    ]

    def child() -> None:
        for index, call in enumerate(calls):
            with pytest.raises(ForkedError) as caught:
                call()
            assert caught.value.code == "forked", index
        with runestore.open() as own:
            assert own.append(new("own"))[0].sequence_number == 1
            assert [event.data for event in own.subscribe(limit=1)] == ["own"]

    in_a_child(child)
    assert [event.data for event in stream] == [1, 2, 3, 4]
    store.append(new(5))
    assert [next(subscription).data for _ in range(3)] == [3, 4, 5]
    assert next(untouched).data == 0


def test_a_fork_beside_threads_at_work_hangs_neither(store: Store) -> None:
    subscription = store.subscribe()
    done = False

    def write() -> None:
        while not done:
            store.append([new()] * 10)

    def wait() -> None:
        while not done:
            store.wait(store.head, 0.01)

    threads = Threads(write, write, wait, lambda: list(subscription))

    def child() -> None:
        for call in (lambda: store.head, lambda: next(subscription), lambda: store.append(new())):
            with pytest.raises(ForkedError):
                call()
        with runestore.open() as own:
            own.append(new())

    try:
        for _ in range(20):
            in_a_child(child)
    finally:
        done = True
        subscription.stop()
        threads.join()
    assert store.head == len(store.get_events())


def test_a_child_may_let_go_of_what_it_got(store: Store, make: Callable[[], Store]) -> None:
    things: list[Any] = [make(), store.subscribe(), store.events(), runestore.aio.Store(store)]
    things[0].append(new())

    in_a_child(things.clear)
    assert things[0].head == 1 and things[0].append(new())[0].sequence_number == 2
    del things


def work_elsewhere(event: runestore.Event) -> Any:
    """Runs in a process of its own: an event came, an event and errors go."""
    with runestore.open() as store:
        [stored] = store.append(event)
        try:
            store.append({"tpye": "T"})
        except runestore.InvalidEventError as error:
            return stored, error, runestore.aio.Store.__module__
    return None


def test_events_and_errors_travel_between_processes(store: Store) -> None:
    [event] = store.append(new({"n": 10**30}))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        stored, error, _ = pool.apply_async(work_elsewhere, (event,)).get(PATIENCE)
    assert stored == event and stored.data == {"n": 10**30}
    assert type(error) is runestore.InvalidEventError and error.details == {"index": 0, "field": "tpye"}


def raise_conflict() -> None:
    with runestore.open() as store:
        store.append(new(), expected_version=7)


def test_an_exception_comes_out_of_another_process() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(runestore.ConflictError) as caught:
        pool.apply_async(raise_conflict).get(PATIENCE)
    assert caught.value.details["expected"] == 7


def test_a_child_that_runs_another_program_is_untouched(store: Store) -> None:
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", "import runestore; print(runestore.open().head)"], cwd=here, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "") and store.head == 0
