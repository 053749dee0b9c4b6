"""
A file system that is full. A ballast file takes all of its room; an append is `no_space` then, reads go on, and when
the ballast is gone the same handle appends again. The store holds what was acknowledged, and nothing of what was not.

The file system is ext4 in an image, mounted by a loop device; where that is not permitted, a tmpfs with a size; where
neither is, the cases are skipped.
"""

import errno
import os
import subprocess

from harness import Skip, case, check, discard, fresh, note, report
from ledger import Ledger
from store import Store, StoreError, lines

MIB = 1 << 20
SIZE = 32 * MIB


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


class SmallDisk:
    """A mounted file system of 32 MiB."""

    def __init__(self, kind):
        self.kind = kind
        self.base = os.path.dirname(fresh("space"))
        self.place = os.path.join(self.base, "disk")
        os.mkdir(self.place)
        if kind == "ext4":
            image = os.path.join(self.base, "image")
            with open(image, "wb") as file:
                file.truncate(SIZE)
            # No room is kept back for root, so that full is full for everybody.
            made = run("mkfs.ext4", "-q", "-m", "0", image)
            made = run("mount", "-o", "loop", image, self.place) if made.returncode == 0 else made
        else:
            made = run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.place)
        if made.returncode != 0:
            discard(self.place)
            raise Skip(f"{kind} cannot be mounted here: {made.stderr.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ended = run("umount", self.place)
        check(ended.returncode == 0, f"umount: {ended.stderr}: a file of the store is still open")
        discard(self.place)

    def fill(self, leave=0):
        """Ballast, but for so many bytes."""
        with open(self.ballast(), "ab", buffering=0) as file:
            for size in (MIB, 4096, 512, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    check(error.errno == errno.ENOSPC, f"{error}")
            size = os.path.getsize(self.ballast())
            check(size > leave, f"the store has taken the disk for itself: {size} bytes were free")
            file.truncate(size - leave)
            os.fsync(file.fileno())

    def empty(self):
        os.remove(self.ballast())
        os.sync()

    def free(self):
        os.sync()
        state = os.statvfs(self.place)
        return state.f_bavail * state.f_frsize

    def ballast(self):
        return os.path.join(self.place, "ballast")


class Appender:
    """Appends in this process, in the writer's form, and keeps its ledger."""

    def __init__(self):
        self.ledger = Ledger()
        self.run = self.ledger.run(1)
        self.batch = 0

    def append(self, store, count=8, pad=400):
        """The code of a refusal, or None."""
        self.batch += 1
        events = [
            {
                "type": "Written",
                "domain": "machine",
                "instance_id": "1-0",
                "tags": [f"batch:{self.batch % 100}"],
                "data": {
                    "run": 1,
                    "thread": 0,
                    "batch": self.batch,
                    "index": index,
                    "of": count,
                    "length": pad,
                    "pad": chr(ord("a") + (1 + self.batch + index) % 26) * pad,
                },
            }
            for index in range(count)
        ]
        try:
            stored = store.append(events, **{"return": "summary"})
        except StoreError as error:
            self.run.hear(b"failed 0 %d %s {}" % (self.batch, error.code.encode()))
            return error.code
        self.run.hear(b"ack 0 %d %d %d" % (self.batch, stored["first"], stored["last"]))
        return None

    def until_refused(self, store, **shape):
        for _ in range(100_000):
            code = self.append(store, **shape)
            if code:
                return code
        return None

    def head(self):
        return max((last for _, last in self.run.threads[0].acknowledged.values()), default=0)

    def readable(self, store, when):
        """Reads show what was acknowledged, and nothing else."""
        head = self.head()
        check(store.head() == head, f"{when}: the head is {store.head()}, {head} is acknowledged")
        last = store.events({"after": max(0, head - 5)})
        check(
            [event["sequence_number"] for event in last] == list(range(max(0, head - 5) + 1, head + 1)),
            f"{when}: a read gave {[event['sequence_number'] for event in last]}",
        )


def story(kind, options, shape):
    with SmallDisk(kind) as disk:
        path, writer = os.path.join(disk.place, "store"), Appender()
        refusals = 0
        store = Store(path, **options)
        try:
            for _ in range(10):
                check(writer.append(store, **shape) is None, "there was room")
            # Three times full and empty again, on one handle; each time full at another place.
            for turn, leave in enumerate((0, 100_000, 3 * MIB)):
                disk.fill(leave)
                code = writer.until_refused(store, **shape)
                check(code == "no_space", f"turn {turn}: on a full disk an append was {code}")
                for _ in range(20):
                    refusals += 1
                    code = writer.append(store, **shape)
                    check(code == "no_space", f"turn {turn}: then, an append was {code}")
                writer.readable(store, f"turn {turn}, full")
                with Store(path, read_only=True) as reader:
                    writer.readable(reader, f"turn {turn}, full, another reader")
                disk.empty()
                code = writer.append(store, **shape)
                check(code is None, f"turn {turn}: with room again, an append was {code}")
                for _ in range(20):
                    code = writer.append(store, **shape)
                    check(code is None, f"turn {turn}: with {disk.free()} bytes free an append was {code}")
                writer.readable(store, f"turn {turn}, with room again")
            verified = store.verify()
            check(verified["ok"] and verified["events"] == writer.head(), f"verify: {verified}")
            # Closed while full: closing has things to write, and everything acknowledged outlives that.
            disk.fill()
            code = writer.until_refused(store, **shape)
            check(code == "no_space", f"before the close an append was {code}")
        finally:
            try:
                store.close()
            except StoreError as error:  # it may say that it could not write all that it wished to
                check(error.code == "no_space", f"closed on a full disk: {error}")
        with Store(path, read_only=True) as store:
            found = writer.ledger.compare(lines(store), whole=True)
            check(not found, f"read on a full disk: {found}")
        try:
            Store(path, **options).close()
        except StoreError as error:
            check(error.code == "no_space", f"opened on a full disk: {error}")
        disk.empty()
        with Store(path, **options) as store:
            found = writer.ledger.compare(lines(store), whole=True)
            check(not found, f"opened again: {found}")
            verified = store.verify()
            check(verified["ok"], f"verify: {verified}")
            check(writer.append(store, **shape) is None, "opened again: an append failed")
        with Store(path) as store:
            found = writer.ledger.compare(lines(store), whole=True)
            check(not found, f"at the end: {found}")
        return len(writer.run.threads[0].acknowledged), refusals


for kind in ("ext4", "tmpfs"):
    for name, options, shape in (
        ("small segments", {"segment_bytes": 65536}, {}),
        ("one segment", {}, {}),
        ("batches larger than a segment", {"segment_bytes": 65536}, {"count": 30, "pad": 4000}),
        ("sync never", {"sync": "never"}, {}),
        ("sync by interval", {"sync": {"interval_ms": 5}, "segment_bytes": 65536}, {}),
    ):

        @case(f"{kind}, {name}: full, freed, full, freed, full, freed, on one handle")
        def _():
            batches, refusals = story(kind, options, shape)
            note(f"{kind}, {name}: {batches} acknowledged batches, {refusals} refused")


@case("a store takes no more of a nearly full disk than it needs")
def _():
    # Room is taken ahead, and more each time. Where that much is not there, a system may have taken a part of it before
    # it says so: ext4 does. The room belongs to everybody.
    with SmallDisk("ext4") as disk:
        path, writer = os.path.join(disk.place, "store"), Appender()
        with Store(path) as store:
            while writer.head() * 400 < 3 * MIB:
                check(writer.append(store, count=100) is None, "there was room")
            leave = 2 * MIB
            disk.fill(leave)
            [log] = [os.path.join(path, name) for name in os.listdir(path) if name.endswith(".log")]
            taken = os.path.getsize(log)
            # What was taken ahead while there was room is used first.
            while os.path.getsize(log) == taken:
                check(writer.append(store, count=100) is None, f"with {disk.free()} bytes free there was no room")
            free = disk.free()
            check(free >= leave - 256 * 1024, f"for one batch of about 60 KiB it took {leave - free} bytes of the disk")


@case("a store that cannot be made on a full disk is no_space, and can be made when there is room")
def _():
    with SmallDisk("ext4") as disk:
        path = os.path.join(disk.place, "store")
        disk.fill()
        try:
            Store(path).close()
        except StoreError as error:
            check(error.code == "no_space", f"{error}")
        disk.empty()
        writer = Appender()
        with Store(path) as store:
            check(writer.append(store) is None, "with room, an append failed")
            writer.readable(store, "with room")


report()
