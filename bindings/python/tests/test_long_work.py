"""`verify` and `backup`: how far they have come, and how they are ended."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Threads, new, small, until

import runestore
from runestore import Store, aio

TEXT = "x" * 100_000


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Store]:
    """3 MB in many files."""
    with runestore.open(tmp_path / "ledger.runes", sync="never", **small()) as store:
        for _ in range(30):
            store.append(new(TEXT))
        yield store


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Store]:
    """So much that work on it takes a while."""
    batch = b"[" + b",".join([b'{"type":"T","domain":"d","instance_id":"i","data":[%s]}' % b",".join([b"1"] * 400)] * 20_000) + b"]"
    with runestore.open(tmp_path / "large.runes", sync="never") as store:
        for _ in range(10):
            store.append_json(batch, '{"return":"summary"}')
        yield store


Work = Callable[[Store, Path, Any], dict[str, Any]]
WORKS: dict[str, Work] = {
    "verify": lambda store, path, progress: store.verify(progress=progress),
    "backup": lambda store, path, progress: store.backup(path, progress=progress),
}


@pytest.fixture(params=WORKS)
def work(request: pytest.FixtureRequest) -> Work:
    return WORKS[request.param]


def test_progress_goes_from_nothing_to_all(stored: Store, tmp_path: Path, work: Work) -> None:
    told: list[tuple[int, int]] = []
    threads: list[int] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        threads.append(threading.get_ident())
        time.sleep(0.001)

    answer = work(stored, tmp_path / "copy", progress)
    assert answer["events"] == 30
    done = [done for done, _ in told]
    [total] = {total for _, total in told}
    assert done[0] == 0 and done[-1] == total and done == sorted(set(done))
    assert set(threads) == {threading.get_ident()}
    # Each byte is copied and checked.
    times = 2 if (tmp_path / "copy").exists() else 1
    assert 3_000_000 * times < total < 3_300_000 * times
    assert work(stored, tmp_path / "another", None)["events"] == 30


def test_what_progress_raises_ends_the_work_and_comes_out(stored: Store, tmp_path: Path, work: Work) -> None:
    fault = LookupError("enough")

    def raises(done: int, total: int) -> None:
        if done == total or not calls:
            calls.append(done)
            raise fault

    for calls in ([], [0]):
        with pytest.raises(LookupError) as caught:
            work(stored, tmp_path / "copy", raises)
        assert caught.value is fault
        assert not (tmp_path / "copy").exists()
    assert stored.append(new())[0].sequence_number == 31
    assert work(stored, tmp_path / "copy", None)["events"] == 31


@pytest.mark.parametrize("wrong", [5, "text", lambda: None, lambda done: None])
def test_a_progress_that_cannot_be_called_is_a_type_error(stored: Store, tmp_path: Path, work: Work, wrong: Any) -> None:
    with pytest.raises(TypeError):
        work(stored, tmp_path / "copy", wrong)
    assert not (tmp_path / "copy").exists()


def test_progress_may_use_the_store_but_not_close_it(stored: Store, tmp_path: Path, work: Work) -> None:
    def progress(done: int, total: int) -> None:
        if done == 0:
            stored.append(new("meanwhile"))
            assert stored.verify()["ok"] and next(stored.events()).sequence_number == 1
            with pytest.raises(runestore.MisuseError, match="close"):
                stored.close()

    # What was appended meanwhile need not be in it.
    assert work(stored, tmp_path / "copy", progress)["events"] == 30
    assert stored.head == 31
    stored.close()


def test_closing_from_another_thread_ends_the_work(stored: Store, tmp_path: Path, work: Work) -> None:
    begun = threading.Event()

    def close() -> None:
        begun.wait()
        stored.close()

    threads = Threads(close)

    def progress(done: int, total: int) -> None:
        begun.set()
        until(lambda: is_closed(stored))

    with pytest.raises(runestore.ClosedError):
        work(stored, tmp_path / "copy", progress)
    threads.join()
    assert not (tmp_path / "copy").exists()


def is_closed(store: Store) -> bool:
    try:
        store.head
    except runestore.ClosedError:
        return True
    return False


def test_ctrl_c_ends_the_work_soon(large: Store, tmp_path: Path, work: Work) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sent: list[float] = []
    began = threading.Event()

    def interrupt() -> None:
        began.wait()
        time.sleep(0.02)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threads = Threads(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            began.set()
            work(large, tmp_path / "copy", None)
            raise AssertionError("the work came to its end")
        took = time.monotonic() - sent[0]
    finally:
        signal.signal(signal.SIGINT, before)
    threads.join()
    # Alone on a machine it is less than 0.1 s.
    assert took < 2
    assert not (tmp_path / "copy").exists() and large.append(new())[0].sequence_number == 200_001


def test_a_task_that_is_cancelled_ends_its_work(large: Store, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    async def main() -> None:
        many = aio.Store(large)
        for work in (many.verify, lambda progress: many.backup(tmp_path / "copy", progress)):
            told.clear()
            task = asyncio.create_task(work(lambda done, total: told.append((done, total))))
            while not told:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        # The loop waits for its threads here.

    asyncio.run(main())
    done, total = told[-1]
    assert done < total and not (tmp_path / "copy").exists()


def test_the_same_awaited(stored: Store, tmp_path: Path) -> None:
    async def main() -> None:
        many = aio.Store(stored)
        told: list[tuple[int, int]] = []
        threads: set[int] = set()

        def progress(done: int, total: int) -> None:
            threads.add(threading.get_ident())
            told.append((done, total))

        assert await many.verify(progress) == await many.verify()
        assert told[0][0] == 0 and told[-1][0] == told[-1][1] and threading.get_ident() not in threads
        assert (await many.backup(tmp_path / "copy", progress=progress))["head"] == 30
        with pytest.raises(runestore.InvalidOptionsError):
            await many.backup(tmp_path / "copy")

        def raises(done: int, total: int) -> None:
            raise LookupError("enough")

        with pytest.raises(LookupError):
            await many.verify(raises)
        async with aio.open() as other:
            for work in (other.verify(), other.backup(tmp_path / "x")):
                with pytest.raises(runestore.UnsupportedError):
                    await work
        async with aio.open(tmp_path / "copy") as copy:
            assert await copy.get_events() == await many.get_events()

    asyncio.run(main())


def test_a_copy_goes_into_a_new_directory(stored: Store, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").write_text("text")
    with pytest.raises(runestore.InvalidOptionsError, match="not empty"):
        stored.backup(full)
    assert [file.name for file in full.iterdir()] == ["precious"]
    with pytest.raises(runestore.InvalidOptionsError):
        stored.backup(tmp_path / "ledger.runes")
    with pytest.raises(runestore.IoError):
        stored.backup(full / "precious")
    (tmp_path / "empty").mkdir()
    path: Any
    for path in (tmp_path / "empty", str(tmp_path / "a" / "b"), os.fsencode(tmp_path / "c")):
        assert stored.backup(path)["events"] == 30
        with runestore.open(path, read_only=True) as copy:
            assert copy.get_events() == stored.get_events()
    assert stored.verify()["ok"]
