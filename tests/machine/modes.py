"""
Files and directories: what the store makes is its owner's alone, no link is followed below its directory, and a path
that cannot be a store is refused without a trace.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile

from harness import WRITER, Skip, case, check, discard, fresh, note, report, write
from ledger import Ledger
from store import Store, StoreError, config, lines

SMALL = {"segment_bytes": 65536}
EVENT = {"type": "t", "domain": "d", "instance_id": "i"}


def refused(path, codes, **options):
    try:
        Store(path, **options).close()
    except StoreError as error:
        check(error.code in codes, f"{error}")
        check(str(path) in str(error), f"the message does not name the path: {error}")
    else:
        check(False, "it opened")


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@case("files are 0600 in a directory 0700, whatever the umask")
def _():
    for umask in (0o000, 0o022, 0o077):
        path, ledger = fresh("modes"), Ledger()
        before = os.umask(umask)
        try:
            write(path, ledger.run(4), SMALL, batches=60)
            with Store(path, **SMALL) as store:  # while it is open, too
                store.append(EVENT)
                seen = {name: mode(os.path.join(path, name)) for name in os.listdir(path)}
        finally:
            os.umask(before)
        seen.update({name: mode(os.path.join(path, name)) for name in os.listdir(path)})
        check(mode(path) == 0o700, f"umask {umask:o}: the directory is {mode(path):o}")
        wrong = {name: f"{bits:o}" for name, bits in seen.items() if bits != 0o600}
        check(not wrong, f"umask {umask:o}: {wrong}")
        if umask == 0:
            note("files of a store: " + ", ".join(sorted({re.sub("[0-9]{20}", "N", name) for name in seen})))
        discard(path)


@case("a directory that is there keeps its mode")
def _():
    path = fresh("modes")
    os.mkdir(path, 0o750)
    os.chmod(path, 0o750)
    with Store(path) as store:
        store.append(EVENT)
    check(mode(path) == 0o750, f"{mode(path):o}")
    discard(path)


@case("one missing directory is made; with create false it is not_found, and nothing is made")
def _():
    path = fresh("missing")
    refused(path, {"not_found"}, create=False)
    check(not os.path.exists(path), "it was made")
    Store(path).close()
    Store(path, create=False).close()
    discard(path)


@case("an empty directory is no store for create false, and none for a reader")
def _():
    path = fresh("empty")
    os.mkdir(path)
    refused(path, {"not_found"}, create=False)
    check(os.listdir(path) == [], f"it left {os.listdir(path)}")
    refused(path, {"not_found"}, read_only=True)
    check(os.listdir(path) == [], f"a reader left {os.listdir(path)}")
    discard(path)


@case("a path that is a file is refused, and the file is as it was")
def _():
    path = fresh("file")
    with open(path, "w") as file:
        file.write("mine")
    refused(path, {"io", "not_found", "invalid_options"})
    refused(path, {"io", "not_found", "invalid_options"}, read_only=True)
    with open(path) as file:
        check(file.read() == "mine", "it changed the file")
    discard(path)


@case("a directory that is a symbolic link is the user's own choice")
def _():
    path = fresh("link")
    real = os.path.join(os.path.dirname(path), "real")
    os.mkdir(real)
    os.symlink(real, path)
    with Store(path) as store:
        store.append(EVENT)
    with Store(real) as store:
        check(store.head() == 1, f"the head is {store.head()}")
    discard(path)


def names_of_a_store():
    """Every name that a store uses in its life, also those that it gives up again."""
    path, ledger = fresh("names"), Ledger()
    trace = os.path.join(os.path.dirname(path), "trace")
    names = set()
    calls = "openat,open,rename,renameat,renameat2,creat,unlink,unlinkat,link,linkat"
    for batches in (60, 60):
        write(
            path,
            ledger.run(1),
            SMALL,
            ["strace", "-f", "-qq", "-y", "-o", trace, "-e", f"trace={calls}"],
            batches=batches,
        )
        with open(trace, errors="replace") as file:
            for line in file:
                for name in re.findall(r'"([^"]*)"', line) if f"{path}>" in line or f"{path}/" in line else []:
                    names.add(os.path.basename(name))
    names |= set(os.listdir(path))
    discard(path)
    return sorted(name for name in names if name not in ("", ".", "..", os.path.basename(path)))


@case("no symbolic link is followed below the directory")
def _():
    try:
        names = names_of_a_store()
    except FileNotFoundError:
        raise Skip("strace is missing") from None
    check(any(name.endswith(".log") for name in names), f"the names that a store uses: {names}")
    followed = []
    for name in names:
        for there in (True, False):  # a link to a file that exists, and one that would make a file
            for planted in ("before", "after"):
                path, ledger = fresh("symlink"), Ledger()
                target = os.path.join(os.path.dirname(path), "target")
                if there:
                    with open(target, "w") as file:
                        file.write("mine")
                if planted == "before":
                    os.mkdir(path)
                else:
                    write(path, ledger.run(1), SMALL, batches=3)
                    if name in os.listdir(path):
                        os.remove(os.path.join(path, name))
                os.symlink(target, os.path.join(path, name))
                # Whether it opens is its own affair; what lies behind the link is not.
                for options in (SMALL, {"read_only": True}):
                    subprocess.run(
                        [WRITER, "append", config(path, **options), "run=9", "batches=60"],
                        stdout=subprocess.DEVNULL,
                        timeout=60,
                    )
                after = open(target).read() if os.path.exists(target) else None
                if after != ("mine" if there else None):
                    followed.append(f"{name}, planted {planted}, target {'there' if there else 'missing'}")
                discard(path)
    note(f"links planted as {', '.join(re.sub('[0-9]{20}', 'N', name) for name in names)}")
    check(not followed, f"{len(followed)} links were followed: {followed[:8]}")


@case("a store whose newest segment is a link does not open as if it had fewer events")
def _():
    path, ledger = fresh("symlink"), Ledger()
    write(path, ledger.run(4), SMALL, batches=60)
    last = max(name for name in os.listdir(path) if name.endswith(".log"))
    elsewhere = os.path.join(os.path.dirname(path), "elsewhere")
    os.rename(os.path.join(path, last), elsewhere)
    os.symlink(elsewhere, os.path.join(path, last))
    for options in ({}, {"read_only": True}):
        try:
            with Store(path, **options) as store:
                found = Ledger.compare(ledger, lines(store), whole=True)
                check(not found, f"{options}: it opened, and {found}")
        except StoreError as error:
            check(error.code in ("corrupt", "io"), f"{options}: {error}")
    discard(path)


def read_only_directory(path, user=None):
    """What a user who may read but not write gets: written by writer.c as that user, since root may do everything."""

    def drop():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)

    return lambda *arguments: subprocess.run(
        [*arguments], capture_output=True, text=True, timeout=60, preexec_fn=drop if user else None
    )


@case("a directory that may not be written: a writer is refused, a reader reads")
def _():
    base = "/dev/shm" if os.geteuid() == 0 else None
    user = 65534 if os.geteuid() == 0 else None
    path, ledger = fresh("readonly"), Ledger()
    if user:
        # The way to it has to be open to another user, which a build folder need not be.
        if not os.access(base, os.W_OK):
            raise Skip(f"{base} cannot be written")
        held = tempfile.mkdtemp(dir=base)
        os.chmod(held, 0o755)
        path = os.path.join(held, "store")
        for name in (WRITER, os.path.join(os.environ["RUNESTORE_LIB_DIR"], "librunestore.so.1")):
            shutil.copy(name, held)
    try:
        run = ledger.run(1)
        write(path, run, SMALL, batches=60)
        os.chmod(path, 0o555)
        for name in os.listdir(path):
            os.chmod(os.path.join(path, name), 0o444)
        started = read_only_directory(path, user)
        program = os.path.join(held, "writer") if user else WRITER
        prefix = ["env", f"LD_LIBRARY_PATH={held}"] if user else []
        told = started(*prefix, program, "append", config(path), "run=7", "batches=1")
        check(told.stdout.startswith("refused io "), f"the writer: {told.stdout} {told.stderr}")
        told = started(*prefix, program, "dump", config(path, read_only=True))
        stored = told.stdout.splitlines()
        check(stored and stored[-1].startswith("#{"), f"the reader: {told.stdout[-300:]} {told.stderr}")
        found = ledger.compare(line.encode() for line in stored[:-1])
        check(not found, f"the reader: {found} {stored[-1]}")
    finally:
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)


report()
