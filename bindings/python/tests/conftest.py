import faulthandler
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from support import ENGINES, make_store

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


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """What is to hold with each engine."""
    return str(request.param)


@pytest.fixture
def make(engine: str, tmp_path: Path) -> Callable[[], runestore.Store]:
    """Makes an empty store at each call."""
    numbers = itertools.count()
    return lambda: make_store(engine, tmp_path / f"store-{next(numbers)}.runes")


@pytest.fixture
def store(make: Callable[[], runestore.Store]) -> Iterator[runestore.Store]:
    with make() as store:
        yield store
