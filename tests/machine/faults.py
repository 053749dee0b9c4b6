"""
System calls that fail: strace answers the Nth call of a kind in the writer's stead, with EIO, ENOSPC, EDQUOT or EINTR.

Which calls the engine makes is found out first, from a writer that nothing happens to. Then each kind fails at each of
its first 20 calls. What has to hold:

    EIO of a write, any error of a sync    the append is `indeterminate`, with its ids; later ones are `io`. Where the
                                           next segment is prepared, nothing of it is written yet: `io` will do
    EIO where room is made                 nothing was written: the append may be `io`, and the next one go on
    ENOSPC, EDQUOT of a write or of room   `no_space`; nothing of the batch is stored; the next append goes on
    EINTR of a write                       nobody is told: the call is made again
    while the store is being opened        an error, nothing acknowledged
    always                                 reads go on, and show what was acknowledged and nothing else; the store
                                           opens again with everything acknowledged; an append in doubt can be sent
                                           again with its ids, and is there once

The call that failed was not made: so a page that a failed sync left in memory is one that the disk may never have.
"""

import os
import re
import subprocess

from harness import BUILD, Failure, Skip, case, check, discard, fresh, note, report, write
from ledger import Ledger
from store import Store, StoreError, lines

CALLS_MAX = 20  # of one kind
SYNCS = ["fdatasync", "fsync", "sync_file_range", "syncfs", "msync"]
WRITES = ["pwrite64", "pwritev", "pwritev2", "writev"]
ROOM = ["fallocate", "ftruncate"]
# Enough batches for each kind of call to be made 20 times, and for more than one small segment.
BATCHES = 60
SMALL = {"segment_bytes": 65536}
TRACE = os.path.join(BUILD, "strace.out")
INJECTED = re.compile(r"\(INJECTED\)")

tally = {"points": 0, "opening": 0, "indeterminate": 0, "no_space": 0, "io": 0, "unnoticed": 0}


def strace(kinds, inject=None):
    traced = ",".join(["write", *kinds])
    prefix = ["strace", "-f", "-qq", "-y", "-o", TRACE, "-e", f"trace={traced}", "-e", "signal=none"]
    return prefix + (["-e", f"inject={inject}"] if inject else [])


def trace():
    with open(TRACE, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def calls_made():
    """How often the writer makes each call on its store's files, its opening included."""
    path, ledger = fresh("calls"), Ledger()
    write(path, ledger.run(1), SMALL, strace(SYNCS + WRITES + ROOM), batches=BATCHES)
    counts = {}
    for line in trace():
        match = re.match(r"\d+ +(\w+)\((\d+<[^>]*>)?", line)
        if match and (match[1] != "write" or os.path.dirname(path) in (match[2] or "")):
            counts[match[1]] = counts.get(match[1], 0) + 1
    discard(path)
    return counts


def injected_at():
    """The lines of the trace, and the first that was tampered with; None where the call was never made."""
    told = trace()
    return told, next((index for index, line in enumerate(told) if INJECTED.search(line)), None)


def acknowledgements(told):
    return [line for line in told if re.search(r'write\(1<[^>]*>, "ack ', line)]


def one_point(call, error, nth, threads=1):
    """The Nth call fails. Returns the writer's failures, and whether it was hit at all."""
    path, ledger = fresh("fault"), Ledger()
    # A store that is there already, so that its opening has something to recover.
    write(path, ledger.run(1), SMALL, batches=3)
    run = ledger.run(threads)
    write(
        path,
        run,
        SMALL,
        strace([call], f"{call}:error={error}:when={nth}"),
        batches=BATCHES,
        after_error=3,
        read_back=1,
    )
    told, hit = injected_at()
    if hit is None:
        discard(path)
        return None
    # An index or the watermark can be made anew from the log, so an engine may also go on without.
    hint = bool(re.search(r"\.idx|index\.tmp|watermark", told[hit]))
    # The next segment, in its file or by its name in the directory.
    preparing = bool(re.search(r"spare\.tmp>|/store>", told[hit]))
    tally["points"] += 1
    if run.opened is None:
        tally["opening"] += 1
        check(run.refused and run.acknowledged == 0, f"the store did not open, and the writer said {run.refused}")
        check(run.refused[0] in ("io", "no_space"), f"it did not open as {run.refused}")
    else:
        judge(call, error, run, threads, acknowledgements(told[hit:]), hint, preparing)
        check(run.closed is not None, "store_close did not return")
    # What the failed writer left is opened, compared, appended to, and compared again.
    with Store(path, **SMALL) as store:
        found = ledger.compare(lines(store), whole=True)
        check(not found, f"{found}")
        verified = store.verify()
        check(verified["ok"], f"verify: {verified}")
    again(path, ledger, run)
    discard(path)
    return run


def judge(call, error, run, threads, acknowledged_later, hint, preparing):
    # The store had this, and what was acknowledged since: a read behind the failure has to show just that.
    visible = run.opened + sum(
        last - first + 1 for thread in run.threads for first, last in thread.acknowledged.values()
    )
    codes = [[code for number, _, code, _ in run.failures if number == thread] for thread in range(threads)]
    told = f"the threads were told {codes}"
    check(run.read == ("ok", visible, visible), f"a read gave {run.read}, not {visible} events; {told}")
    if error == "EINTR":
        # A sync that was interrupted may be taken for failed; it may not be taken for done.
        check(not any(codes) or call in SYNCS, told)
        tally["unnoticed" if not any(codes) else "indeterminate"] += 1
        if any(codes):
            poisoned(run, codes, threads, acknowledged_later, preparing)
    elif call in ROOM and error == "EIO":
        tally["unnoticed" if not any(codes) else "io"] += 1
        for told_to_one in codes:
            check(set(told_to_one) <= {"io"} or told_to_one == ["indeterminate", "io", "io", "io"], told)
    elif call in SYNCS or error == "EIO":
        if not any(codes) and hint:
            tally["unnoticed"] += 1
            return
        if not any(codes) and not acknowledged_later:
            tally["unnoticed"] += 1  # it hit the close
            check(run.closed != "ok", f"the close's {call} failed, and it said ok")
            return
        tally["indeterminate"] += 1
        poisoned(run, codes, threads, acknowledged_later, preparing)
    else:
        if not any(codes):
            tally["unnoticed"] += 1  # room that was wanted ahead of time, or at the close
            return
        tally["no_space"] += 1
        for told_to_one in codes:
            check(set(told_to_one) <= {"no_space"}, told)
        check(acknowledged_later, f"appends did not go on; {told}")


def poisoned(run, codes, threads, acknowledged_later, preparing):
    told = f"the threads were told {codes}"
    check(any(codes), f"no append failed, and {len(acknowledged_later)} were acknowledged behind the call that did")
    if threads == 1:
        check(not acknowledged_later, f"{len(acknowledged_later)} batches were acknowledged behind the failed call")
    for told_to_one in codes:
        check(
            set(told_to_one[1:]) <= {"io"}, f"an append behind the failure did something else than fail as io; {told}"
        )
        check(not told_to_one or told_to_one[0] in ("indeterminate", "io"), told)
    check(preparing or "indeterminate" in sum(codes, []), f"nobody was told that the outcome is unknown; {told}")
    if threads == 1:
        check(codes[0] in (["indeterminate", "io", "io", "io"], ["io"] * 4 if preparing else None), told)
    for number, batch, code, error in run.failures:
        if code == "indeterminate":
            prefix = f"{run.number:08x}-{number:04x}-4000-8000-{batch:08x}"
            ids = error.get("ids") or []
            check(ids == [f"{prefix}{index:04x}" for index in range(len(ids))] and ids, f"its ids are {error}")


def again(path, ledger, run):
    """What was in doubt is sent again with its ids: stored before or not, it is there once then."""
    for _, batch, code, _ in run.failures[:1]:
        if code == "indeterminate" and len(run.threads) == 1:
            next_life = ledger.run(1, first_batch=batch, number=run.number)
            write(path, next_life, SMALL, first_batch=batch, batches=2)
            check(batch in next_life.threads[0].acknowledged, f"sent again, it was {next_life.failures}")
    write(path, ledger.run(2), SMALL, batches=5)
    with Store(path, **SMALL) as store:
        found = ledger.compare(lines(store), whole=True)
    check(not found, f"after more appends: {found}")


def sweep(calls, errors, threads=1):
    """Every call of these kinds that the engine makes fails at each of its first calls."""
    points, failures = 0, []
    for call in calls:
        if call not in made:
            continue
        for error in errors:
            for nth in range(1, min(CALLS_MAX, made[call]) + 1):
                try:
                    if one_point(call, error, nth, threads) is None:
                        break
                    points += 1
                except (Failure, StoreError, ValueError) as failure:
                    points += 1
                    failures.append(f"{error} from {call} {nth}: {failure}")
    check(not failures, f"{len(failures)} of {points} points failed:\n    " + "\n    ".join(failures[:12]))
    return points


def strace_works():
    try:
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", TRACE, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"],
            capture_output=True,
            timeout=30,
        )
    except FileNotFoundError:
        return "strace is missing"
    return None if done.returncode == 0 else f"strace may not trace here: {done.stderr.decode().strip()}"


obstacle = strace_works()
made = {} if obstacle else calls_made()


def sweeping(name, calls, errors, threads=1, required=True):
    @case(name)
    def _():
        if obstacle:
            raise Skip(obstacle)
        points = sweep(calls, errors, threads)
        if not points and required:
            raise Failure(f"the engine makes none of these calls: {', '.join(calls)}")
        note(f"{name}: {points} points")


@case("the writer's store calls are seen")
def _():
    if obstacle:
        raise Skip(obstacle)
    check(sum(made.get(call, 0) for call in SYNCS) >= CALLS_MAX, f"{BATCHES} batches made the calls {made}")
    check(sum(made.get(call, 0) for call in WRITES) >= CALLS_MAX, f"{BATCHES} batches made the calls {made}")
    note("calls of a writer: " + ", ".join(f"{count} {call}" for call, count in sorted(made.items())))


sweeping("EIO at each of the first 20 syncs", SYNCS, ["EIO"])
sweeping("ENOSPC at each of the first 20 syncs", SYNCS, ["ENOSPC"])
sweeping("EIO at each of the first 20 syncs, 4 threads", SYNCS, ["EIO"], threads=4)
sweeping("EIO at each of the first 20 writes", WRITES, ["EIO"])
sweeping("ENOSPC and EDQUOT at each of the first 20 writes", WRITES, ["ENOSPC", "EDQUOT"])
sweeping("ENOSPC at each of the first 20 writes, 4 threads", WRITES, ["ENOSPC"], threads=4)
sweeping("ENOSPC and EDQUOT where room is made", ["fallocate"], ["ENOSPC", "EDQUOT"], required=False)
sweeping("EIO where room is made, or taken back", ROOM, ["EIO"], required=False)
sweeping("EINTR at each of the first 20 writes", WRITES, ["EINTR"])
sweeping("EINTR where room is made, and of syncs", ["fallocate", *SYNCS], ["EINTR"])


@case("a sync that fails in the background: appends fail from then on, and the store is as sound as ever")
def _():
    if obstacle:
        raise Skip(obstacle)
    options, points = {**SMALL, "sync": {"interval_ms": 5}}, 0
    for call in ("fdatasync", "fsync"):
        for nth in range(1, 9):
            path, ledger = fresh("interval"), Ledger()
            run = ledger.run(1)
            prefix = strace([call], f"{call}:error=EIO:when={nth}")
            write(path, run, options, prefix, batches=100, pause_us=2000, after_error=3, read_back=1)
            told, hit = injected_at()
            if hit is not None and run.opened is not None and run.acknowledged < 100:
                points += 1
                codes = [code for _, _, code, _ in run.failures]
                # An append is acknowledged without a sync here, so its own outcome is known.
                check(codes and set(codes) <= {"io", "indeterminate"}, f"{call} {nth}: {codes}")
                check(run.read and run.read[0] == "ok", f"{call} {nth}: a read behind it was {run.read}")
                later = len(acknowledgements(told[hit:]))
                check(later <= 2, f"{call} {nth}: {later} batches were acknowledged behind it")
            elif hit is not None and run.opened is not None and not re.search(r"\.idx|index\.tmp", told[hit]):
                check(run.closed != "ok", f"{call} {nth} failed, and nobody was told: {told[hit]}")
            with Store(path, **options) as store:
                found = ledger.compare(lines(store), whole=True)
            check(not found, f"{call} {nth}: {found}")
            discard(path)
    check(points >= 4, f"only {points} syncs in the background failed")
    note(f"{points} syncs in the background failed")


@case("a file system that cannot make room ahead is none the worse")
def _():
    if obstacle:
        raise Skip(obstacle)
    path, ledger = fresh("fallocate"), Ledger()
    run = ledger.run(1)
    write(path, run, SMALL, strace(["fallocate"], "fallocate:error=EOPNOTSUPP"), batches=BATCHES, read_back=1)
    check(run.acknowledged == BATCHES, f"{run.refused} {run.failures[:1]}")
    with Store(path) as store:
        found = ledger.compare(lines(store))
    check(not found, f"{found}")
    discard(path)


note(
    f"{tally['points']} calls failed, {tally['opening']} of them while the store was being opened: "
    f"{tally['indeterminate']} times indeterminate, {tally['no_space']} times no_space, {tally['io']} times io, "
    f"{tally['unnoticed']} times unnoticed"
)
report()
