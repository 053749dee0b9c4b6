"""
Several processes on one store: one writes, any number read and follow, and a second writer is turned away at once.

EVENTS=1000000 is how many are written while another process follows.
"""

import os
import subprocess
import sys
import time

from harness import Writer, case, check, discard, fresh, note, report, write
from ledger import Ledger
from store import OK, Store, StoreError, lines

EVENTS = int(os.environ.get("EVENTS") or 1_000_000)
SOON = 5  # seconds, on a machine with much else to do. One that waited would wait for as long as the first writer lives
FOLLOWER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "follower.py")


def locked(attempt):
    """The attempt to open is `locked`, at once."""
    begun = time.monotonic()
    try:
        attempt()
    except StoreError as error:
        check(error.code == "locked", f"the second writer got {error}")
    else:
        check(False, "a second writer opened the store")
    took = time.monotonic() - begun
    check(took < SOON, f"the second writer was told after {took:.3f} s")


def in_another_process(path, **options):
    run = Ledger().run(1)
    write(path, run, options, batches=1)
    if run.refused:
        raise StoreError(*run.refused)


@case("a second writer is locked at once, in this process and in another, and opens when the first has closed")
def _():
    path = fresh("locked")
    with Store(path) as store:
        locked(lambda: Store(path))
        locked(lambda: in_another_process(path))
        # Turned away, they have not taken the first one's lock with them.
        locked(lambda: in_another_process(path))
        store.append({"type": "t", "domain": "d", "instance_id": "i"})
        with Store(path, read_only=True) as reader:
            check(reader.head() == 1, f"a reader sees the head {reader.head()}")
        # Neither has a reader that closes.
        locked(lambda: in_another_process(path))
    in_another_process(path)
    discard(path)


@case("a writer in another process keeps this one out while it lives")
def _():
    path = fresh("locked")
    run = Ledger().run(1)
    writer = Writer(path, run, pause_us=1000)
    writer.hear(3)
    locked(lambda: Store(path))
    locked(lambda: Store(path))
    writer.kill()
    Store(path).close()
    discard(path)


@case("a reader turns appends away as read_only, and needs a store")
def _():
    path = fresh("reader")
    try:
        Store(path, read_only=True)
    except StoreError as error:
        check(error.code == "not_found", f"no store: {error}")
    else:
        check(False, "a reader opened a store that does not exist")
    check(not os.path.exists(path), "the reader made a directory")
    in_another_process(path)
    with Store(path, read_only=True) as reader:
        try:
            reader.append({"type": "t", "domain": "d", "instance_id": "i"})
        except StoreError as error:
            check(error.code == "read_only", f"an append: {error}")
        else:
            check(False, "a reader appended")
    discard(path)


# ---- Following ------------------------------------------------------------------------------------------------------


@case(f"two processes follow while another writes {EVENTS} events: each once, in order, whole batches")
def _():
    path = fresh("follow")
    ledger = Ledger()
    followers = [
        subprocess.Popen([sys.executable, "-B", FOLLOWER, path, str(EVENTS)], stdout=subprocess.PIPE) for _ in range(2)
    ]
    begun = time.monotonic()
    threads, mean = 2, 200
    try:
        run = ledger.run(threads)
        # A little more than asked for: what a batch has is a matter of chance, the mean is not.
        write(
            path,
            run,
            {"segment_bytes": 16 << 20},
            batches=EVENTS * 21 // 20 // threads // mean,
            events_min=1,
            events_max=2 * mean - 1,
            pad_max=40,
        )
        took = time.monotonic() - begun
        check(run.closed == "ok", f"the writer: {run.refused} {run.failures[:1]} closed {run.closed}")
        told = [follower.communicate(timeout=300)[0].decode().strip() for follower in followers]
    finally:
        for follower in followers:
            follower.kill()
            follower.wait()
    note(f"written in {took:.1f} s; " + "; ".join(told))
    for text in told:
        check(text.startswith(f"followed {EVENTS} events"), text)
    with Store(path) as store:
        check(store.head() >= EVENTS, f"the next writer sees the head {store.head()}")
        store.append({"type": "t", "domain": "d", "instance_id": "i"})
    discard(path)


@case("a follower goes on over the death of one writer and the life of the next")
def _():
    path, ledger = fresh("lives"), Ledger()
    write(path, ledger.run(1), batches=1)
    with Store(path, read_only=True) as reader, reader.cursor(follow=True, format="ndjson") as cursor:
        seen = []

        def take(timeout_ms):
            while True:
                status, _, text = cursor.next(timeout_ms=timeout_ms)
                if status != OK:
                    return
                seen.extend(text.splitlines())

        for threads in (1, 4, 1, 4):
            writer = Writer(path, ledger.run(threads), {"segment_bytes": 65536})
            writer.hear(30)
            take(0)
            writer.kill()
            take(0)
        write(path, ledger.run(1), batches=3)
        take(500)
        with Store(path) as store:
            stored = list(lines(store))
        found = ledger.compare(stored)
        check(not found, f"{found}")
        check(seen == stored, f"the follower saw {len(seen)} events, the store has {len(stored)}")
    discard(path)


report()
