"""
kill -9 of writer processes at random instants. A process' death takes nothing back in any sync mode: what was
acknowledged is there when the store is opened again, whole and in order, and a child that the writer left behind
stands in nobody's way.

ROUNDS=200; RUNESTORE_TEST_SEED repeats the choices, though not the instants.
"""

import os
import random
import signal
import time

from harness import SEED, SYNCS, Failure, Writer, case, check, discard, fresh, note, report
from ledger import Ledger
from store import Store, lines

ROUNDS = int(os.environ.get("ROUNDS") or 200)
chance = random.Random(SEED)
lost = torn = acknowledged = opened = 0
kinds = {"opening": 0, "appending": 0}


def life_and_death(path, ledger, threads, options, acks, **settings):
    """
    A writer that is killed: after so many acknowledgements and a moment, or, without a number, at any instant from its
    start on, so that openings and recoveries are hit as well.
    """
    run = ledger.run(threads)
    writer = Writer(path, run, options, **settings)
    if acks is None:
        time.sleep(chance.uniform(0, 0.03))
    else:
        writer.hear(1 + acks)
        time.sleep(chance.uniform(0, 0.002))
    writer.kill()
    if run.refused:
        raise Failure(f"the writer could not open: {run.refused}")
    kinds["appending" if run.opened is not None else "opening"] += 1
    return run


def reopen(path, ledger, options, whole=False):
    """Opens for writing, and compares; all of the store, and by its own verify, where `whole`."""
    global lost, torn
    with Store(path, **options) as store:
        if store.head() < ledger.checked:
            raise Failure(f"the head is {store.head()}, and {ledger.checked} events had been read")
        found = ledger.compare(lines(store, 0 if whole else ledger.checked), whole)
        if whole:
            verified = store.verify()
            check(
                verified["ok"] and verified["events"] == ledger.checked, f"verify: {verified}, {ledger.checked} events"
            )
    lost, torn = lost + len(found.lost), torn + len(found.torn)
    check(not found, f"{found}")


def one_round(number, path, ledger):
    options = {"sync": SYNCS[number % 3]}
    if number % 4 < 2:
        options["segment_bytes"] = 65536
    settings = {"given_ids": chance.randrange(3)}
    if number % 10 == 9:
        settings["pad_max"] = 8000  # batches larger than a small segment
    acks = None if chance.random() < 0.25 else chance.randrange(100)
    if options["sync"] == "always" and acks:
        acks //= 3  # each waits for the disk
    life_and_death(path, ledger, (1, 4)[number // 2 % 2], options, acks, **settings)
    reopen(path, ledger, options, whole=number % 25 == 24)


@case(f"{ROUNDS} rounds")
def _():
    global acknowledged
    growing, growing_ledger = fresh("growing"), Ledger()
    failures = []
    for number in range(ROUNDS):
        own = number % 4 == 3  # every fourth round has a store of its own
        path, ledger = (fresh("round"), Ledger()) if own else (growing, growing_ledger)
        try:
            one_round(number, path, ledger)
        except Exception as failure:  # the other rounds tell how often it happens
            failures.append(f"round {number}: {type(failure).__name__}: {failure}; its store is {path}")
            if not own:
                growing, growing_ledger = fresh("growing"), Ledger()
            acknowledged += ledger.acknowledged()
            continue
        if own:
            acknowledged += ledger.acknowledged()
            discard(path)
    try:
        reopen(growing, growing_ledger, {}, whole=True)
        discard(growing)
    except Exception as failure:
        failures.append(f"at the end: {failure}; its store is {growing}")
    acknowledged += growing_ledger.acknowledged()
    note(f"{ROUNDS} rounds, {acknowledged} acknowledged batches, {lost} lost, {torn} torn")
    note(
        f"seed {SEED}; killed {kinds['appending']} times while appending, {kinds['opening']} times before; "
        f"{growing_ledger.checked} events in the store that grew"
    )
    check(not failures, f"{len(failures)} rounds failed:\n    " + "\n    ".join(failures[:10]))


def with_a_child(rounds):
    path, ledger = fresh("child"), Ledger()
    for number in range(rounds):
        run = ledger.run(threads=(1, 4)[number % 2])
        writer = Writer(path, run, {"sync": SYNCS[number % 3]}, child=1)
        while run.child is None and writer.hear(1):
            pass
        writer.hear(chance.randrange(10))
        writer.kill()
        check(run.child is not None, f"the writer had no child: {run.refused}")
        try:
            os.kill(run.child, 0)  # it lives
            begun = time.monotonic()
            reopen(path, ledger, {})
            check(time.monotonic() - begun < 20, "the open waited for the child")
            os.kill(run.child, 0)
        finally:
            os.kill(run.child, signal.SIGKILL)
    discard(path)


@case("a forked child that lives on does not keep the next writer out")
def _():
    with_a_child(10)


report()
