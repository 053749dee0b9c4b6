"""What docs/LANGUAGES.md says of closing, threads and cancelling, from Python."""

import os
import threading
import time

import runestore

EVENT = {"type": "T", "domain": "d", "instance_id": "i"}


def opened():
    return runestore.open(os.environ["OUTCOMES_STORE"])


def outcome(work):
    try:
        work()
        return "nothing"
    except runestore.StoreError as error:
        return error.code


class Running(threading.Thread):
    """Work in a thread of its own."""

    def __init__(self, work):
        super().__init__()
        self.work = work
        self.start()

    def run(self):
        self.outcome = outcome(self.work)

    def ended(self):
        self.join()
        return self.outcome


def closed_meanwhile(store, work):
    running = Running(work)
    time.sleep(0.1)
    store.close()
    return running.ended()


def append_for_ever(store, acknowledged):
    while True:
        acknowledged.extend(event.sequence_number for event in store.append(EVENT))


def append_a_thousand(store, instance_id):
    for data in range(1, 1001):
        store.append({"type": "T", "domain": "two", "instance_id": instance_id, "data": data})


store = opened()
store.append(EVENT)
cursor = store.events()
store.close()
print("append after close:", outcome(lambda: store.append(EVENT)))
print("get_events after close:", outcome(store.get_events))
print("a cursor after close:", outcome(lambda: list(cursor)))
print("close again:", "no harm" if outcome(store.close) == "nothing" else "harm")

store = opened()
print("a wait, closed meanwhile:", closed_meanwhile(store, lambda: store.wait(1_000_000)))

store = opened()
print("a follower, closed meanwhile:", closed_meanwhile(store, lambda: list(store.subscribe())))

store = opened()
acknowledged = list(range(1, store.head + 1))
print("appends, closed meanwhile:", closed_meanwhile(store, lambda: append_for_ever(store, acknowledged)))
store = opened()
there = [event.sequence_number for event in store.events()]
print("what was acknowledged:", "all there" if len(there) > 1 and there == acknowledged else "not what is there")

before = store.head
threads = [Running(lambda name=name: append_a_thousand(store, name)) for name in "01"]
for thread in threads:
    thread.ended()
events = store.get_events({"domain": "two"})
gapless = [event.sequence_number for event in events] == list(range(before + 1, before + 2001))
ordered = all([event.data for event in events if event.instance_id == name] == list(range(1, 1001)) for name in "01")
print(
    f"two threads on one store: {len(events)} events, {'no' if gapless else 'a'} gap,"
    f" each thread's in {'its' if ordered else 'another'} order"
)

follower = store.subscribe()
running = Running(lambda: list(follower))
time.sleep(0.1)
follower.stop()
ending = running.ended()
goes_on = outcome(lambda: store.append(EVENT))
print(
    f"a follower, cancelled: it {'ends' if ending == 'nothing' else ending},"
    f" and the store {'goes on' if goes_on == 'nothing' else goes_on}"
)
store.close()
