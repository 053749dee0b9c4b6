import faulthandler
import os
from collections.abc import Iterator
from typing import TextIO

import pytest

import runestore

# No test takes a tenth of that.
SECONDS_MAX = 60
stderr = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    # Before pytest captures it.
    config.stash[stderr] = os.fdopen(os.dup(2), "w")


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[stderr].close()


@pytest.fixture(autouse=True)
def nothing_hangs(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs ends the run, and shows where its threads are."""
    faulthandler.dump_traceback_later(SECONDS_MAX, exit=True, file=request.config.stash[stderr])
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def store() -> Iterator[runestore.Store]:
    with runestore.open() as store:
        yield store
