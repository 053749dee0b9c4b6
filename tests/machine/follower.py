"""
The process that follows a store while another writes it: `follower.py DIR EVENTS`. Every event has to come exactly once
and in order, batches whole, and no head may lie inside a batch. It prints what it found wrong, or
"followed N events, HEADS heads, WAITS waits".
"""

import re
import sys
import time

from store import DONE, OK, Store, StoreError

# The parts of an event that tell its place; parsing a million events whole would measure the parser.
PLACE = re.compile(
    rb'^\{"sequence_number":(\d+),.*"data":\{"run":(\d+),"thread":(\d+),"batch":(\d+),"index":(\d+),"of":(\d+),.*\}\n',
    re.MULTILINE,
)


def follow(path, events):
    deadline = time.monotonic() + 30
    while True:
        try:
            store = Store(path, read_only=True)
            break
        except StoreError as error:
            if error.code != "not_found" or time.monotonic() > deadline:
                raise
            time.sleep(0.001)  # the writer has not made it yet
    position, current, ends, heads, waits = 0, (None, 0, 0), set(), set(), 0
    with store, store.cursor(follow=True, format="ndjson", limit=events) as cursor:
        while position < events:
            heads.add(store.head())
            status, told, text = cursor.next(timeout_ms=20_000)
            if status == DONE:
                break
            if status != OK:
                return f"no event came for 20 s; {position} had"
            waits += len(text) < 100_000
            places = PLACE.findall(text)
            if len(places) != text.count(b"\n"):
                return f"behind position {position}: {text.count(10)} lines, {len(places)} events"
            for number, *batch, index, of in places:
                index, of = int(index), int(of)
                position += 1
                if int(number) != position:
                    return f"position {int(number)} came where {position} was due"
                if index == 0 and current[1] != current[2] or index > 0 and current != (batch, index, of):
                    return f"position {position} is event {index} of {of} of batch {batch}, behind {current}"
                current = (batch, index + 1, of)
                if index + 1 == of:
                    ends.add(position)
            if told != position:
                return f"the cursor says {told} behind position {position}"
        # A head that lies behind what was read cannot be judged.
        inside = {head for head in heads if head <= position} - ends - {0}
        if inside:
            return f"the heads {sorted(inside)[:5]} are inside of batches"
        whole = store.events({"after": max(0, position - 1000)})
    if [event["sequence_number"] for event in whole[:1000]] != list(range(max(0, position - 1000) + 1, position + 1)):
        return "a read behind the cursor gives something else"
    return f"followed {position} events, {len(heads)} heads, {waits} waits"


print(follow(sys.argv[1], int(sys.argv[2])))
