"""Stores that have everything in them that the format knows. Each is written by a process of its own:

    tests/format/scenarios.py LIBRARY SCENARIO STORE

LIBRARY is librunestore.so, STORE the directory to make. What was acknowledged goes to the standard output, one event a line.
"""

import os
import signal
import sys

from library import Library

NAMES = ["a", "日本", "größe", 'quote"d', "back\\slash", "\t\x01\x1f\r\n", "😀\U0010ffff", " a ", "\x7f\u2028"]
PAYLOADS = [
    {"data": {"n": 1, "text": "żółw 日本 😀"}},
    {"data": None},
    {"data": [1, -0.0, 0.1, 1e5, 2**130, "\x00\x1f"]},
    {"data_base64": "AAECAw=="},
    {"data_base64": ""},
    {"data": "x" * 300},
    {"data": {"a": {"a": {"a": []}}}, "metadata": {"user": "Ada", "domain": "not lifted: given above, too"}},
]


class Writer:
    """Appends, and tells what was acknowledged."""

    def __init__(self, library, path):
        self.library, self.path, self.number, self.store = library, path, 0, None

    def open(self, **options):
        self.store = self.library.open(self.path, **options)

    def event(self, **fields):
        self.number += 1
        number = self.number
        event = {
            "type": f"Type{number % 3}" if number % 4 else NAMES[number % len(NAMES)],
            "domain": "d" if number % 5 else NAMES[number % len(NAMES)],
            "instance_id": f"i-{number % 4}",
            "tags": [NAMES[number % len(NAMES)], "all"] if number % 3 else [],
            **PAYLOADS[number % len(PAYLOADS)],
        }
        if "metadata" in event:
            event["metadata"] = {**event["metadata"], "domain": event["domain"]}
        if number % 2:
            event["id"] = f"00000000-0000-4000-8000-{number:012x}"
        if number % 3 == 0:
            # Clocks run backwards, and imports are old.
            event["inserted_at"] = f"{2030 - number % 40}-01-01T00:00:00.{number:06}Z"
        if "data" in fields:
            event.pop("data_base64", None)
        return {**event, **fields}

    def append(self, events=1, source=None, **fields):
        options = {"tracking": {"source": source, "position": self.number + 1}} if source else {}
        batch = [self.event(**fields) for _ in range(events)]
        answer = self.store.append(batch, **options)
        if events:
            lines = answer.removeprefix(b"[").removesuffix(b"]").replace(b'},{"sequence', b'}\n{"sequence')
            sys.stdout.buffer.write(lines + b"\n")
            sys.stdout.flush()

    def close(self):
        self.store.close()


def ten(writer):
    """Ten events, closed cleanly."""
    writer.open()
    for _ in range(10):
        writer.append()
    writer.close()


def epochs(writer):
    """Opened four times, once for nothing; tracking of several sources, also without events."""
    writer.open()
    writer.append(3, source="mailer")
    writer.append(0, source="größe")
    writer.close()
    writer.open()
    writer.append(2, source="mailer")
    writer.append(0, source="mailer")
    writer.close()
    writer.open()
    writer.close()
    writer.open(sync="never")
    writer.append(4)
    writer.append(1, source="größe")
    writer.close()


def segments(writer):
    """Three segments: small batches, one that fills a segment of its own, small batches again; index files."""
    writer.open(segment_bytes=65536)
    for events in (1, 3, 1, 2, 5, 1):
        writer.append(events, source=f"source {events}")
    writer.append(20, data={"fill": "0123456789abcdef" * 190})
    for events in (2, 1, 4):
        writer.append(events, source="mailer")
    writer.close()
    writer.open(segment_bytes=65536)
    writer.append(2)
    writer.close()


def oversized(writer):
    """A batch larger than a segment."""
    writer.open(segment_bytes=65536)
    writer.append(2)
    writer.append(3, data={"fill": "żółw" * 6000}, source="big")
    writer.append(2)
    writer.close()


def killed(writer):
    """Not closed: killed with everything acknowledged."""
    writer.open()
    writer.append(2, source="mailer")
    writer.close()
    writer.open()
    for events in (1, 4, 1):
        writer.append(events, source="mailer")
    os.kill(os.getpid(), signal.SIGKILL)


def unsynced(writer):
    """The same, and nothing of it known to be synced."""
    writer.open(sync="never")
    for events in (2, 1, 3):
        writer.append(events)
    os.kill(os.getpid(), signal.SIGKILL)


def growing(writer):
    """An index file of the growing segment's beginning, and frames behind it."""
    writer.open()
    writer.append(12, source="mailer")
    writer.append(3, data={"fill": "0123456789abcdef" * 5500})
    writer.append(5)
    writer.close()
    writer.open()
    writer.append(3, source="mailer")
    os.kill(os.getpid(), signal.SIGKILL)


def empty(writer):
    """No event at all."""
    writer.open()
    writer.close()


SCENARIOS = {
    scenario.__name__: scenario for scenario in (empty, ten, epochs, segments, oversized, killed, unsynced, growing)
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[2]](Writer(Library(sys.argv[1]), sys.argv[3]))
