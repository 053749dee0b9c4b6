"""What the suites share: cases and their counts, and the life of a writer process."""

import os
import shutil
import subprocess
import sys
import tempfile
import traceback

from store import config

BUILD = os.environ["RUNESTORE_BUILD_DIR"]
WRITER = os.path.join(BUILD, "writer")
SEED = int(os.environ.get("RUNESTORE_TEST_SEED") or int.from_bytes(os.urandom(4), "little"))
SYNCS = ["always", {"interval_ms": 20}, "never"]
SECONDS_MAX = 120  # longer than any writer is meant to live

_passed = _failed = _skipped = 0


class Failure(AssertionError):
    """A case that did not hold."""


class Skip(Exception):
    """A case that this machine does not allow."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def case(name):
    """Runs the function that it decorates as one test case, at once."""

    def run(function):
        global _passed, _failed, _skipped
        try:
            function()
        except Skip as reason:
            _skipped += 1
            note(f"skipped {name}: {reason}")
        except Failure as failure:
            _failed += 1
            print(f"FAILED {name}\n    {failure}", flush=True)
        except Exception:
            _failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        else:
            _passed += 1
        return function

    return run


def note(text):
    print(f"note: {text}", flush=True)


def report():
    """The last line, which run.sh adds up."""
    print(f"result: {_passed} passed, {_failed} failed, {_skipped} skipped")
    sys.exit(1 if _failed or not (_passed or _skipped) else 0)


def fresh(name):
    """The path of a store that does not exist yet."""
    folder = os.path.join(BUILD, "stores")
    os.makedirs(folder, exist_ok=True)
    return os.path.join(tempfile.mkdtemp(prefix=name + "-", dir=folder), "store")


def discard(path):
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)


class Writer:
    """A running writer.c: its lines go to `run`, a ledger's."""

    def __init__(self, path, run, options=None, prefix=(), **settings):
        self.run = run
        settings = {"run": run.number, "threads": len(run.threads), **settings}
        self.process = subprocess.Popen(
            [*prefix, WRITER, "append", config(path, **(options or {})), *(f"{k}={v}" for k, v in settings.items())],
            stdout=subprocess.PIPE,
        )

    def hear(self, count=None):
        """Takes the next `count` lines, or all until the pipe ends; how many came."""
        heard = 0
        while count is None or heard < count:
            line = self.process.stdout.readline()
            if not line.endswith(b"\n"):
                break  # the end
            self.run.hear(line.rstrip(b"\n"))
            heard += 1
        return heard

    def kill(self):
        """kill -9, and what it had still said."""
        self.process.kill()
        self.hear()
        self.process.stdout.close()
        self.process.wait()
        self.run.ended_in_flight()

    def finish(self):
        """Lets it come to its end; its exit status."""
        self.hear()
        self.process.stdout.close()
        return self.process.wait(timeout=SECONDS_MAX)


def write(path, run, options=None, prefix=(), **settings):
    """A writer from beginning to end; its exit status."""
    return Writer(path, run, options, prefix, **settings).finish()
