"""A file store and several processes: one writes, others read, and any of them may be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import PATIENCE, Threads, new, small, until

import runestore


@contextmanager
def process(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python program that runs, its output a pipe. At the end of the block it is killed if it runs on."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


HOLD = """
import runestore, sys
with runestore.open(sys.argv[1]) as store:
    store.append({"type": "T", "domain": "d", "instance_id": "i"})
    print("open", flush=True)
    sys.stdin.read()
print("closed", flush=True)
"""


def test_a_writer_in_another_process_locks_this_one_out_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with process(HOLD, path) as holder:
        assert line(holder) == "open"
        begun = time.monotonic()
        with pytest.raises(runestore.LockedError) as caught:
            runestore.open(path)
        assert time.monotonic() - begun < 1 and caught.value.details["path"] == str(path)
        with runestore.open(path, read_only=True) as reader:
            assert reader.head == 1
        assert holder.stdin is not None
        holder.stdin.close()
        assert line(holder) == "closed"
        with runestore.open(path) as store:
            assert store.append(new())[0].sequence_number == 2


WRITE = """
import runestore, sys
path, count, options = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
with runestore.open(path, **options) as store:
    print("open", flush=True)
    while store.head < count:
        first = store.head
        store.append([{"type": "T", "domain": "d", "instance_id": "i", "data": first + n} for n in range(10)])
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("options", [{}, {**small(), "sync": "never"}, {"sync": {"interval_ms": 1}}])
def test_a_reader_follows_a_writer_in_another_process(tmp_path: Path, options: dict[str, object]) -> None:
    path, count = tmp_path / "ledger.runes", 2000
    with process(WRITE, path, count, options) as writer:
        assert line(writer) == "open"
        with runestore.open(path, read_only=True) as reader:
            assert reader.wait(0, PATIENCE)
            seen = [event.data for event in reader.subscribe(limit=count)]
            assert seen == list(range(count)) and reader.wait(count - 1, 0) == count == len(reader.get_events())
            assert line(writer) == "written"
            # It is open for writing as before.
            with pytest.raises(runestore.LockedError):
                runestore.open(path)


def test_a_reader_goes_on_where_the_next_writer_does(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with process(WRITE, path, 500, small()) as writer:
        assert [line(writer), line(writer)] == ["open", "written"]
        with runestore.open(path, read_only=True) as reader:
            subscription = reader.subscribe()
            assert [next(subscription).data for _ in range(500)] == list(range(500))
            writer.kill()
            writer.wait()
            for _ in range(3):
                with runestore.open(path, **small()) as store:
                    [event] = store.append(new("next"))
                    assert next(subscription) == event
            assert reader.verify()["events"] == 503


ACKNOWLEDGE = """
import runestore, sys, threading
store = runestore.open(sys.argv[1], **eval(sys.argv[2]))
lock = threading.Lock()
def write(name):
    number = 0
    while True:
        batch = [{"type": "T", "domain": name, "instance_id": "i", "data": [number, n], "metadata": {"of": 7}} for n in range(7)]
        last = store.append(batch)[-1].sequence_number
        with lock:
            print(name, number, last, flush=True)
        number += 1
for number in range(int(sys.argv[3])):
    threading.Thread(target=write, args=(f"{store.info()['epoch']}-{number}",)).start()
"""


@pytest.mark.parametrize("options", [{}, small(), {**small(), "sync": "never"}])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path: Path, options: dict[str, object], threads: int) -> None:
    path = tmp_path / "ledger.runes"
    acknowledged: dict[tuple[str, int], int] = {}
    for turn in range(4):
        with process(ACKNOWLEDGE, path, options, threads) as writer:
            for _ in range(30 + 7 * turn):
                name, number, last = line(writer).split()
                acknowledged[name, int(number)] = int(last)
            os.kill(writer.pid, signal.SIGKILL)
            assert writer.stdout is not None
            # What had been said by then counts too; a line that was cut off says nothing.
            for said in writer.stdout.read().splitlines(keepends=True):
                if said.endswith("\n"):
                    name, number, last = said.split()
                    acknowledged[name, int(number)] = int(last)
            assert writer.wait() == -signal.SIGKILL
        if turn % 2:
            with runestore.open(path, read_only=True) as reader:
                check(reader, acknowledged)
        else:
            # At once, and whole: nobody has to tidy up.
            with runestore.open(path, **options) as store:
                check(store, acknowledged)
    assert len(acknowledged) >= 4 * 30


def check(store: runestore.Store, acknowledged: dict[tuple[str, int], int]) -> None:
    events = store.get_events()
    assert [event.sequence_number for event in events] == list(range(1, store.head + 1))
    batches: dict[tuple[str, int], list[runestore.Event]] = {}
    for event in events:
        batches.setdefault((event.domain, event.data[0]), []).append(event)
    for batch in batches.values():
        assert [event.data[1] for event in batch] == list(range(7)), "a batch is torn"
    for key, last in acknowledged.items():
        assert key in batches, f"batch {key} was acknowledged and is not there"
        assert batches[key][-1].sequence_number == last
    assert store.verify()["ok"]


FORK = """
import os, runestore, sys, time
store = runestore.open(sys.argv[1])
store.append({"type": "T", "domain": "d", "instance_id": "i"})
child = os.fork()
if child == 0:
    print("child", os.getpid(), flush=True)
    time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


def test_a_child_does_not_keep_the_lock_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with process(FORK, path) as parent:
        _, child = line(parent).split()
        try:
            with pytest.raises(runestore.LockedError):
                runestore.open(path)
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait()
            os.kill(int(child), 0)
            begun = time.monotonic()
            with runestore.open(path) as store:
                assert time.monotonic() - begun < 1
                assert store.append(new())[0].sequence_number == 2
        finally:
            os.kill(int(child), signal.SIGKILL)


CHILD_ENDS = """
import os, runestore, sys
store = runestore.open(sys.argv[1])
store.append({"type": "T", "domain": "d", "instance_id": "i"})
for turn in range(3):
    child = os.fork()
    if child == 0:
        # Its interpreter ends as any does: what it got from its parent is torn down.
        sys.exit(0)
    os.waitpid(child, 0)
    store.append({"type": "T", "domain": "d", "instance_id": "i"})
try:
    runestore.open(sys.argv[1])
except runestore.LockedError as error:
    print(error.code, store.head, flush=True)
sys.stdin.read()
"""


def test_a_child_that_ends_leaves_its_parent_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with process(CHILD_ENDS, path) as parent:
        assert line(parent) == "locked 4"
        with pytest.raises(runestore.LockedError):
            runestore.open(path)


def test_a_program_that_a_writer_starts_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with runestore.open(path) as store:
        store.append(new())
        with subprocess.Popen(["sleep", "600"], close_fds=False) as other:
            try:
                store.close()
                with runestore.open(path) as again:
                    assert again.head == 1
            finally:
                other.kill()


FULL = """
import json, resource, runestore, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = runestore.open(sys.argv[1], **eval(sys.argv[2]))
event = {"type": "T", "domain": "d", "instance_id": "i", "data": "x" * 50_000}
acknowledged = [store.append(event)[0].sequence_number for _ in range(3)]
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
told = None
for _ in range(100):
    try:
        acknowledged.append(store.append(event)[0].sequence_number)
    except runestore.StoreError as error:
        told = error.code
        break
reads = [event.sequence_number for event in store.events()]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
try:
    later = store.append(event)[0].sequence_number
except runestore.StoreError as error:
    later = error.code
print(json.dumps([told, acknowledged, reads, later]), flush=True)
store.close()
"""


@pytest.mark.parametrize("options", [{}, small()])
def test_a_file_that_may_not_grow_is_told_and_reading_goes_on(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "ledger.runes"
    with process(FULL, path, options) as full:
        told, acknowledged, reads, later = json.loads(line(full))
        assert full.wait(PATIENCE) == 0
    if options:
        # No file of the log is as long as that.
        assert told is None
    else:
        assert told in ("io", "no_space")
    assert reads == acknowledged == list(range(1, len(acknowledged) + 1))
    with runestore.open(path) as store:
        assert store.head == len(acknowledged) + (later == len(acknowledged) + 1) and store.verify()["ok"]


def test_a_backup_of_a_store_that_is_being_written_is_a_prefix(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with runestore.open(path, sync="never", **small()) as store:
        done = False

        def write() -> None:
            number = 0
            while not done:
                store.append([new((number, n)) for n in range(20)], tracking={"source": "s", "position": number + 1})
                number += 1

        threads = Threads(write)
        heads = []
        try:
            for turn in range(5):
                until(lambda: store.head > 200 * (turn + 1))
                before = store.head
                answer = store.backup(tmp_path / f"copy-{turn}")
                heads.append((before, answer["head"], store.head))
                assert answer["events"] == answer["head"] and answer["bytes"] > 0 and answer["segments"] >= 1
        finally:
            done = True
            threads.join()
        for turn, (before, head, after) in enumerate(heads):
            assert before <= head <= after
            with runestore.open(tmp_path / f"copy-{turn}") as copy:
                # Whole batches, and a tracking that belongs to them.
                assert copy.head == head and head % 20 == 0 and copy.tracking("s") == head // 20
                assert copy.get_events() == store.get_events({"up_to": head})
                assert copy.append(new())[0].sequence_number == head + 1
                assert copy.verify()["ok"]
    with runestore.open(path, read_only=True) as reader:
        answer = reader.backup(tmp_path / "copy-of-a-reader")
        assert answer["head"] == reader.head
