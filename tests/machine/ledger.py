"""What the writers were told, and whether a store holds just that.

A ledger lives as long as its store. Each writer process is a run; its lines say which batches were acknowledged, and
where. After the run the store's events are compared with the ledger:

- every acknowledged batch is there, whole, at its positions, with its payload: else it is lost or torn;
- a batch whose outcome nobody learnt is there whole, or not at all: the one that a thread had in flight when it was
  killed, those that failed as `indeterminate`, those acknowledged by a disk that had been cut off already;
- nothing else is there, and positions and stream versions have no gap.

An unlearnt batch that was seen once is acknowledged from then on: what a reader saw may not go away.
"""

import json
from itertools import pairwise

# What says that nothing was stored.
REFUSALS = {"no_space", "io", "locked", "read_only", "closed", "interrupted", "conflict", "too_large"}


class Thread:
    """One thread of one run."""

    def __init__(self, first_batch):
        self.acknowledged = {}  # batch -> (first, last)
        self.doubtful = set()
        self.latest = first_batch - 1  # the last batch that it has an answer for


class Run:
    """What one writer process said."""

    def __init__(self, number, threads, first_batch=1):
        self.number = number
        self.threads = [Thread(first_batch) for _ in range(threads)]
        self.opened = None
        self.refused = None
        self.failures = []  # (thread, batch, code, error), in order
        self.child = None
        self.read = None  # (code, count, last)
        self.closed = None
        self.settled = False  # nothing it wrote is still in doubt
        self.acknowledged = 0

    def hear(self, line, believed=True):
        """Takes one line of the writer. A line that is not believed is an answer that nobody may rely on."""
        word, *rest = line.split(b" ")
        if word == b"ack":
            number, batch, first, last = map(int, rest)
            thread = self.threads[number]
            thread.latest = batch
            if believed:
                thread.acknowledged[batch] = (first, last)
                self.acknowledged += 1
            else:
                thread.doubtful.add(batch)
        elif word == b"failed":
            number, batch, code = int(rest[0]), int(rest[1]), rest[2].decode()
            self.failures.append((number, batch, code, _json(b" ".join(rest[3:]))))
            self.threads[number].latest = batch
            if code not in REFUSALS:
                self.threads[number].doubtful.add(batch)
        elif word == b"opened":
            self.opened = int(rest[0])
        elif word == b"refused":
            self.refused = (rest[0].decode(), _json(b" ".join(rest[1:])))
        elif word == b"child":
            self.child = int(rest[0])
        elif word == b"read":
            self.read = (rest[0].decode(), int(rest[1]), int(rest[2]))
        elif word == b"closed":
            self.closed = rest[0].decode()
        else:
            raise ValueError(f"the writer said {line!r}")

    def ended_in_flight(self, count=1):
        """
        The process was ended from outside: each thread may have had one more batch under way, or `count` that it was
        answered and that did not come through.
        """
        for thread in self.threads:
            thread.doubtful.update(range(thread.latest + 1, thread.latest + 1 + count))


def _json(text):
    try:
        return json.loads(text)
    except ValueError:  # a line longer than a pipe takes whole is cut
        return {"message": text.decode(errors="replace")}


class Findings:
    """What a comparison found; nothing, if all is well."""

    def __init__(self):
        self.lost, self.torn, self.wrong = [], [], []
        self.dropped = 0  # acknowledged batches that were allowed to go, from the end of the log

    def __bool__(self):
        return bool(self.lost or self.torn or self.wrong)

    def __str__(self):
        parts = []
        for name in ("lost", "torn", "wrong"):
            found = getattr(self, name)
            if found:
                parts.append(f"{len(found)} {name}: " + "; ".join(found[:5]) + (" ..." if len(found) > 5 else ""))
        return " | ".join(parts) or "nothing"


class Ledger:
    """The runs of one store, and how far it was compared."""

    def __init__(self):
        self.runs = {}
        self.checked = 0  # the head when it was last compared
        self.versions = {}  # stream -> version, at `checked`

    def run(self, threads, first_batch=1, number=None):
        """A new writer; or the next life of a run whose batches are sent again."""
        number = number or len(self.runs) + 1
        if number in self.runs:
            run = self.runs[number]
            run.settled = False
            run.failures, run.refused, run.read, run.closed = [], None, None, None
            for thread in run.threads:
                thread.latest = first_batch - 1
            return run
        run = self.runs[number] = Run(number, threads, first_batch)
        return run

    def acknowledged(self):
        return sum(run.acknowledged for run in self.runs.values())

    def compare(self, lines, whole=False, end_may_go=False):
        """
        Compares with the events behind `checked`, or with all of them where `whole`: lines of JSON in order.

        Batches found settle what was in doubt, so this is done once for each opening of the store. With `end_may_go`
        acknowledged batches may be missing from the end on: what a power cut may take where not every append is synced.
        """
        found = Findings()
        position = 0 if whole else self.checked
        versions = {} if whole else dict(self.versions)
        begun_at, seen, current = position, {}, None
        for line in lines:
            try:
                event = json.loads(line)
                data = event["data"]
                key = (data["run"], data["thread"], data["batch"])
                index, of = data["index"], data["of"]
            except (ValueError, KeyError, TypeError):
                found.wrong.append(f"behind position {position} stands {line[:120]!r}")
                break
            position += 1
            if event["sequence_number"] != position:
                found.wrong.append(f"position {event['sequence_number']} stands where {position} is due")
                position = event["sequence_number"]
            _payload(event, found)
            stream = (event["domain"], event["instance_id"])
            versions[stream] = versions.get(stream, 0) + 1
            if event["stream_version"] != versions[stream]:
                found.wrong.append(
                    f"position {position}: stream version {event['stream_version']}, not {versions[stream]}"
                )
                versions[stream] = event["stream_version"]
            if index == 0:
                _whole(current, found)
                if key in seen:
                    found.wrong.append(f"batch {key} is there twice, at {seen[key][0]} and {position}")
                current = [key, position, 1, of]
            elif current is None or current[0] != key or current[2] != index or current[3] != of:
                found.torn.append(f"position {position} is event {index} of {of} of batch {key}, out of its place")
                current = None
            else:
                current[2] += 1
            if current:
                seen[key] = (current[1], position)
        _whole(current, found)
        self._settle(seen, begun_at, position if end_may_go else None, found)
        self.checked, self.versions = position, versions
        return found

    def _settle(self, seen, begun_at, end, found):
        unexpected = dict(seen)
        for run in self.runs.values():
            if run.settled and begun_at > 0:
                continue  # what it wrote was compared, and stands before where this comparison began
            for number, thread in enumerate(run.threads):
                for batch, (first, last) in list(thread.acknowledged.items()):
                    if end is not None and first > end:
                        del thread.acknowledged[batch]
                        found.dropped += 1
                        continue
                    if first <= begun_at:
                        continue
                    there = unexpected.pop((run.number, number, batch), None)
                    if there is None:
                        found.lost.append(
                            f"batch {batch} of run {run.number}, thread {number}, positions {first} to {last}"
                        )
                    elif there != (first, last):
                        found.wrong.append(
                            f"batch {batch} of run {run.number}, thread {number} was acknowledged at "
                            f"{first} to {last}, and is at {there[0]} to {there[1]}"
                        )
                missing = set()
                for batch in sorted(thread.doubtful):
                    there = unexpected.pop((run.number, number, batch), None)
                    if there is None:
                        missing.add(batch)
                        continue
                    thread.acknowledged[batch] = there
                    if batch - 1 in missing:
                        found.wrong.append(
                            f"batch {batch} of run {run.number}, thread {number} is there, and the one "
                            "that was appended before it is not"
                        )
                thread.doubtful = set()
                in_order = sorted(thread.acknowledged)
                if any(thread.acknowledged[a][1] >= thread.acknowledged[b][0] for a, b in pairwise(in_order)):
                    found.wrong.append(f"the batches of run {run.number}, thread {number} are not in order")
            run.settled = True
        for key, (first, last) in unexpected.items():
            found.wrong.append(f"batch {key} at {first} to {last} was refused, or nobody wrote it")


def _whole(current, found):
    if current and current[2] != current[3]:
        found.torn.append(f"batch {current[0]} at {current[1]} has {current[2]} of {current[3]} events")


def _payload(event, found):
    data = event["data"]
    letter = chr(ord("a") + (data["run"] + data["thread"] + data["batch"] + data["index"]) % 26)
    if data["pad"] != letter * data["length"]:
        found.wrong.append(f"position {event['sequence_number']} has another payload than was appended")
    if event["instance_id"] != f"{data['run']}-{data['thread']}" or event["tags"] != [f"batch:{data['batch'] % 100}"]:
        found.wrong.append(f"position {event['sequence_number']} has another stream or tag than was appended")
