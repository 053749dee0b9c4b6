"""
The checker and the writer prove themselves: each defect that is planted here must be reported, as what it is. A checker
that finds nothing in a store that lost something would make every other suite worthless.
"""

import json
import os

from harness import case, check, discard, fresh, report, write
from ledger import Ledger
from store import Store, StoreError, lines

path = fresh("selftest")
SMALL = {"segment_bytes": 65536}
ledger = Ledger()
# Several segments: 4 threads, enough batches for more than twice 64 KiB.
run = ledger.run(threads=4)
write(path, run, SMALL, batches=60)
with Store(path) as store:
    events = list(lines(store))
acknowledged = [
    (number, batch, span) for number, thread in enumerate(run.threads) for batch, span in thread.acknowledged.items()
]
middle = sorted(acknowledged, key=lambda entry: entry[2])[len(acknowledged) // 2]


def compare(changed, change_ledger=None):
    """What a fresh ledger of the same acknowledgements says to these lines."""
    copy = Ledger()
    other = copy.run(threads=4)
    for number, batch, (first, last) in acknowledged:
        other.hear(b"ack %d %d %d %d" % (number, batch, first, last))
    if change_ledger:
        change_ledger(other)
    return copy.compare(changed)


def renumbered(kept):
    """The lines with their positions closed up, so that only the batches tell."""
    changed = []
    for position, line in enumerate(kept, 1):
        changed.append(json.dumps({**json.loads(line), "sequence_number": position}))
    return changed


@case("the store as it is has nothing wrong")
def _():
    check(len(events) > 1000, f"the writer appended {len(events)} events")
    check(run.acknowledged == 240, f"{run.acknowledged} batches were acknowledged, of 240")
    found = compare(events)
    check(not found, f"{found}")


@case("an acknowledgement of a batch that was never appended is a lost batch")
def _():
    found = compare(events, lambda other: other.hear(b"ack 0 61 %d %d" % (len(events) + 1, len(events) + 3)))
    check(len(found.lost) == 1, f"{found}")


@case("a last batch that is gone is a lost batch")
def _():
    last = max(span[0] for _, _, span in acknowledged)
    found = compare(events[: last - 1])
    check(len(found.lost) == 1 and not found.torn, f"{found}")


@case("a batch that lacks its last event is torn")
def _():
    found = compare(events[:-1])
    check(found.torn or found.lost, f"{found}")
    cut = next(span for _, _, span in acknowledged if span[1] - span[0] >= 2)
    found = compare(renumbered(events[: cut[1] - 1] + events[cut[1] :]))
    check(found.torn, f"an event from the middle: {found}")


@case("a batch missing in the middle is a lost batch, even where positions were closed up")
def _():
    first, last = middle[2]
    found = compare(renumbered(events[: first - 1] + events[last:]))
    check(len(found.lost) == 1, f"{found}")


@case("two batches that changed places, and two events that did")
def _():
    first, last = middle[2]
    found = compare(renumbered(events[last:] + events[:last]))
    check(found.wrong, f"batches: {found}")
    first, last = next(span for _, _, span in acknowledged if span[1] > span[0])
    swapped = list(events)
    swapped[first - 1], swapped[last - 1] = swapped[last - 1], swapped[first - 1]
    check(compare(swapped), "events")


@case("a batch that stands there twice")
def _():
    first, last = middle[2]
    check(compare(renumbered(events + events[first - 1 : last])).wrong, "not reported")


@case("a batch that was refused, and one that nobody wrote")
def _():
    def refuse(other):
        del other.threads[middle[0]].acknowledged[middle[1]]
        other.hear(b"failed %d %d no_space {}" % middle[:2])

    check(len(compare(events, refuse).wrong) == 1, "the refused batch was not reported")

    def forget(other):
        del other.threads[middle[0]].acknowledged[middle[1]]

    check(len(compare(events, forget).wrong) == 1, "the unwritten batch was not reported")

    def doubt(other):
        del other.threads[middle[0]].acknowledged[middle[1]]
        other.hear(b"failed %d %d indeterminate {}" % middle[:2])

    found = compare(events, doubt)
    check(not found, f"a batch in doubt may be there: {found}")


@case("of batches in doubt, one without the one before it is a hole; the end alone may go where that is allowed")
def _():
    number, batch, (first, last) = max(acknowledged, key=lambda entry: entry[2])
    batches_before = [span for other, _, span in acknowledged if other == number]
    first, last = batches_before[-2]

    def doubt_two(other):
        for doubted in (batch - 1, batch):
            del other.threads[number].acknowledged[doubted]
            other.threads[number].doubtful.add(doubted)

    kept = events[: first - 1]
    for other, one, span in acknowledged:
        if (other, one) == (number, batch):
            kept = kept + events[span[0] - 1 : span[1]]
    found = compare(renumbered(kept), doubt_two)
    check(any("before it is not" in text for text in found.wrong), f"{found}")

    copy = Ledger()
    other = copy.run(threads=4)
    for thread, one, span in acknowledged:
        other.hear(b"ack %d %d %d %d" % (thread, one, *span))
    begun, ended = middle[2]
    found = copy.compare(events[:ended], end_may_go=True)
    check(not found and found.dropped == sum(span[0] > ended for _, _, span in acknowledged), f"{found}")
    found = compare(events[:ended])
    check(found.lost, f"where the end may not go: {found}")


@case("one changed letter in a payload")
def _():
    changed = list(events)
    place = next(index for index, line in enumerate(events) if json.loads(line)["data"]["length"] > 0)
    event = json.loads(events[place])
    event["data"]["pad"] = "?" + event["data"]["pad"][1:]
    changed[place] = json.dumps(event)
    check(len(compare(changed).wrong) == 1, "not reported")


def logs():
    return sorted(name for name in os.listdir(path) if name.endswith(".log"))


def damaged(name, damage):
    """Opens the store with one file damaged, and puts the file back: what the store said, or what the ledger did."""
    file = os.path.join(path, name)
    with open(file, "rb") as opened:
        content = opened.read()
    others = {other: open(os.path.join(path, other), "rb").read() for other in os.listdir(path) if other != name}
    try:
        damage(file, content)
        try:
            with Store(path) as store:
                return compare(list(lines(store)))
        except StoreError as error:
            return error.code
    finally:
        for left in os.listdir(path):
            os.remove(os.path.join(path, left))
        for other, text in {**others, name: content}.items():
            with open(os.path.join(path, other), "wb") as opened:
                opened.write(text)
            os.chmod(os.path.join(path, other), 0o600)


def reported(outcome):
    return outcome == "corrupt" or (not isinstance(outcome, str) and bool(outcome.lost or outcome.wrong))


@case("a last segment deleted from the disk is reported, by the store or by the ledger")
def _():
    check(len(logs()) >= 2, f"the store has the segments {logs()}")
    outcome = damaged(logs()[-1], lambda file, content: os.remove(file))
    check(reported(outcome), f"{outcome}")


@case("a last segment cut short within its events is reported, by the store or by the ledger")
def _():
    def cut(file, content):
        with open(file, "r+b") as opened:
            opened.truncate(content.rindex(b'"data"'))

    outcome = damaged(logs()[-1], cut)
    check(reported(outcome), f"{outcome}")


@case("after all this the store is as it was")
def _():
    with Store(path) as store:
        found = compare(list(lines(store)))
    check(not found, f"{found}")


discard(path)
report()
