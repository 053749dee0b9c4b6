"""One event a call, and one event a read, in memory: usage: calls.py CALLS. Prints seconds."""

import sys
from time import perf_counter

import runestore

calls = int(sys.argv[1])
with runestore.open() as store:
    begun = perf_counter()
    for n in range(calls):
        [event] = store.append(
            {"type": "Deposited", "domain": "account", "instance_id": f"a-{n % 1000}", "data": {"cents": n}}
        )
        assert event.sequence_number == n + 1
    print("append", perf_counter() - begun)
    begun = perf_counter()
    for n in range(calls):
        [event] = store.get_events({"after": n, "up_to": n + 1})
        assert event.data["cents"] == n
    print("get_events", perf_counter() - begun)
