"""Copies from engine to engine."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support import new

import runestore


def test_a_store_is_copied_into_every_engine_and_back(make: Callable[[], runestore.Store], tmp_path: Path) -> None:
    with runestore.open() as source, make() as target, runestore.open(tmp_path / "last.runes") as last:
        source.append([new({"n": number}) for number in range(25_000)])
        told: list[tuple[int, int]] = []
        copied = runestore.copy(source, target, lambda done, total: told.append((done, total)))
        assert copied == {"copied": 25_000, "events": 25_000, "head": 25_000}
        assert told[-1] == (50_000, 50_000)
        assert runestore.copy(target, last)["copied"] == 25_000
        assert last.get_events_json() == source.get_events_json()


def test_what_progress_raises_ends_it_and_copying_again_goes_on(tmp_path: Path) -> None:
    with runestore.open(tmp_path / "source.runes") as source:
        source.append([new({"n": number}) for number in range(30_000)], tracking={"source": "s", "position": 5})

    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runestore.copy(tmp_path / "source.runes", tmp_path / "copy.runes", stop)
    copied = runestore.copy(tmp_path / "source.runes", tmp_path / "copy.runes")
    assert 0 < copied["copied"] < copied["events"] == 30_000
    with runestore.open(tmp_path / "copy.runes") as copy:
        assert (copy.head, copy.tracking("s")) == (30_000, 5)


def test_a_target_of_other_events_is_refused(tmp_path: Path) -> None:
    with runestore.open() as source, runestore.open() as target:
        source.append(new())
        target.append(new())
        with pytest.raises(runestore.ConflictError, match="the event at 1") as caught:
            runestore.copy(source, target)
        assert caught.value.details == {"reason": "copy", "sequence_number": 1}
        with pytest.raises(runestore.MisuseError):
            runestore.copy(source, source)
    with pytest.raises(runestore.NotFoundError):
        runestore.copy(tmp_path / "nothing.runes", tmp_path / "copy.runes")


def test_a_store_cannot_be_closed_by_what_its_copy_calls() -> None:
    with runestore.open() as source, runestore.open() as target:
        source.append(new())

        def close(done: int, total: int) -> None:
            for store in (source, target):
                with pytest.raises(runestore.MisuseError):
                    store.close()

        assert runestore.copy(source, target, close)["copied"] == 1
