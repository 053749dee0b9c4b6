"""What the tests share."""

import atexit
import functools
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import runestore

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "examples" / "engines"), str(ROOT / "examples" / "flights")]
from postgres_server import Server  # noqa: E402
from sqlite_engine import SqliteEngine  # noqa: E402

# How long anything may take that takes no time. A test that needs it fails: it is never waited for.
PATIENCE = 60.0


# The last is written in Python: an example, and held to everything that the others are.
ENGINES = ("memory", "file", "postgres", "SqliteEngine")

schemas = (f"store_{number}" for number in itertools.count())


@functools.cache
def server() -> Server:
    """The PostgreSQL server that all tests share. Crashes of the machine are not among them."""
    # Role `locked` must give its password; see test_postgres.py.
    started = Server(["max_connections=400", "fsync=off"], ["host all locked all scram-sha-256"])
    atexit.register(started.stop)
    return started


def make_store(engine: str, path: Path) -> runestore.Store:
    """An empty store; `path` is for engines that keep it in files."""
    if engine == "postgres":
        return runestore.open(server().url, schema=next(schemas))
    if engine == "SqliteEngine":
        return runestore.Store(store=SqliteEngine(), store_opts={"path": str(path)})
    return runestore.open() if engine == "memory" else runestore.open(path)


def new(data: Any = None, **fields: Any) -> dict[str, Any]:
    """An event to append."""
    event = {"type": "Opened", "domain": "account", "instance_id": "a-1", **fields}
    if data is not None:
        event["data"] = data
    return event


def small() -> dict[str, Any]:
    """Options of a file store whose log begins a new file often."""
    return {"segment_bytes": 64 << 10}


def flip(file: Path, offset: int) -> None:
    """Damages a byte."""
    data = bytearray(file.read_bytes())
    data[offset] ^= 0x55
    file.write_bytes(data)


class Threads:
    """Threads whose errors are not lost: `join` waits for all, within a bound, and raises the first."""

    def __init__(self, *works: Callable[[], object]) -> None:
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._run, args=(work,), daemon=True) for work in works]
        for thread in self.threads:
            thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self.errors.append(error)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a thread hangs"
        if self.errors:
            raise self.errors[0]


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another thread is about to do, where that has no event to tell it."""
    look = threading.Event()
    for _ in range(int(PATIENCE / 0.002)):
        if condition():
            return
        look.wait(0.002)
    raise AssertionError("it did not come")


def in_a_new_process(program: str, folder: Path | None = None) -> str:
    """What a Python program prints, which must end well and say nothing on stderr. It runs in `folder`, or here."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=folder)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    assert done.stderr == "", done.stderr
    return done.stdout
