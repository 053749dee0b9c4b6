"""The file engine: what is kept, what its options say, and what an error tells."""

import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import Threads, flip, in_a_new_process, new, small

import runestore
from runestore import Store


def varied(count: int) -> list[dict[str, Any]]:
    """Events of every kind."""
    payloads: list[Any] = [None, {"n": 10**40, "t": -0.0}, b"\x00\xff", "ünïcode \U0001f426", [1, [2, {"a": None}]], "x" * 5000]
    return [
        new(
            payloads[n % len(payloads)],
            type=f"T{n % 3}",
            instance_id=f"a-{n % 7}",
            tags=[f"t{n % 5}"],
            metadata={"by": n},
            inserted_at=datetime(2020, 1, 1 + n % 20, tzinfo=UTC),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("options", [{}, small(), {"sync": "never"}, {"sync": {"interval_ms": 5}}, {**small(), "sync": "never"}])
def test_reopening_keeps_everything(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "ledger.runes"
    own = [{**new(n, instance_id="own"), "id": uuid.uuid4()} for n in range(3)]
    with runestore.open(path, **options) as store:
        for first in range(0, 300, 30):
            store.append(varied(300)[first : first + 30])
        stored = store.append(own, tracking={"source": "s", "position": 7})
        events, head, info = store.get_events(), store.head, store.info()
    assert head == 303 and (info["segments"] > 3) == (options.get("segment_bytes") is not None)
    assert info["path"] == str(path) and info["sync"] == options.get("sync", "always") and not info["read_only"]
    for turn in range(3):
        with runestore.open(path, **options) as store:
            assert store.get_events() == events and list(store.events(direction="backward")) == events[::-1]
            assert store.get_events_json() == b"[" + b",".join(event.json for event in events) + b"]"
            assert list(store.subscribe(limit=head)) == events
            assert store.tracking("s") == 7 and store.info()["epoch"] == info["epoch"] + turn + 1
            query = {"type": "T1", "tags": ["t2"], "from": datetime(2020, 1, 5, tzinfo=UTC)}
            expected = [e for e in events if e.type == "T1" and "t2" in e.tags and e.inserted_at.day >= 5]
            assert store.get_events(query) == expected and expected
            assert store.get_page(query, limit=1).pagination.total_count == len(expected)
            # What is stored already is answered again, and what is decided rests on what was stored.
            assert store.append(own) == stored
            with pytest.raises(runestore.DuplicateIdError):
                store.append({**own[0], "data": "another"})
            with pytest.raises(runestore.ConflictError) as caught:
                store.append(new(instance_id="own"), expected_version=0)
            assert caught.value.details["actual"] == 3
            with pytest.raises(runestore.ConflictError):
                store.append(new(), tracking={"source": "s", "position": 7})
            assert store.head == head
    with runestore.open(path) as store:
        [event] = store.append(new(instance_id="own"), expected_version=3)
        assert event.sequence_number == head + 1 and event.stream_version == 4


class Named(os.PathLike[str]):
    def __fspath__(self) -> str:
        return "named.runes"


@pytest.mark.parametrize("target", ["ledger.runes", Path("a") / "b" / "ledger.runes", b"ledger.runes", Named(), "~", "file:x", "größe ☃"])
def test_the_target_is_a_path(target: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with runestore.open(target) as store:
        store.append(new(1))
    assert (tmp_path / os.fsdecode(target)).is_dir()
    with runestore.open(str(tmp_path / os.fsdecode(target))) as store:
        assert [event.data for event in store.events()] == [1]
    with Store({"store": "file", "store_opts": {"path": os.fsdecode(target), "read_only": True}}) as store:
        assert store.head == 1


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"sync": "sometimes"}, "sync"),
        ({"sync": {"interval_ms": 0}}, "interval_ms"),
        ({"sync": {"interval": 5}}, "sync"),
        ({"sync": 5}, "sync"),
        ({"read_only": "yes"}, "read_only"),
        ({"create": 1}, "create"),
        ({"segment_bytes": 65535}, "segment_bytes"),
        ({"segment_bytes": 2.5}, "segment_bytes"),
        ({"sink": "always"}, "sink"),
        ({"path": "another"}, "path"),
    ],
)
def test_what_is_no_option_is_refused_and_nothing_is_made(tmp_path: Path, options: dict[str, Any], option: str) -> None:
    with pytest.raises(runestore.InvalidOptionsError) as caught:
        runestore.open(tmp_path / "ledger.runes", **options)
    assert option in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["", "a\0b", b"\xff"])
def test_what_is_no_path_is_refused(target: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((runestore.InvalidOptionsError, runestore.InvalidJsonError)):
        runestore.open(target)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (tmp_path / "missing", empty):
        for options in ({"create": False}, {"read_only": True}, {"read_only": True, "create": True}):
            with pytest.raises(runestore.NotFoundError) as caught:
                runestore.open(path, **options)
            assert caught.value.details["path"] == str(path) and str(path) in str(caught.value)
    assert not (tmp_path / "missing").exists()
    file = tmp_path / "file"
    file.write_text("text")
    for options in ({}, {"read_only": True}):
        with pytest.raises(runestore.IoError, match="file"):
            runestore.open(file, **options)
    assert file.read_text() == "text"


def test_to_read_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    with runestore.open(path, **small()) as store:
        events = [event for _ in range(5) for event in store.append(varied(40))]
    files = {file.name: file.read_bytes() for file in path.iterdir()}
    with runestore.open(path, read_only=True) as reader, runestore.open(path, read_only=True) as another:
        assert reader.get_events() == events == list(another.events()) and reader.head == 200
        assert reader.info()["read_only"] is True and reader.wait(200, 0.01) is None
        for call in (lambda: reader.append(new()), lambda: reader.append([]), lambda: reader.append_json("[]")):
            with pytest.raises(runestore.ReadOnlyError):
                call()
        assert reader.verify()["ok"]
    assert {file.name: file.read_bytes() for file in path.iterdir()} == files


def test_a_second_writer_is_locked_out_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    program = f"""
import runestore
try:
    runestore.open({str(path)!r})
except runestore.LockedError as error:
    print(error.details["path"])
with runestore.open({str(path)!r}, read_only=True) as store:
    print(store.get_events()[0].data)
"""
    with runestore.open(path) as store:
        store.append(new(5))
        begun = time.monotonic()
        for name in (path, tmp_path / "x" / ".." / "ledger.runes"):
            (tmp_path / "x").mkdir(exist_ok=True)
            with pytest.raises(runestore.LockedError, match="in this process or another"):
                runestore.open(name)
        assert time.monotonic() - begun < 1
        assert in_a_new_process(program) == f"{path}\n5\n"
        with runestore.open(path, read_only=True) as reader:
            assert reader.get_events() == store.get_events()
        # Whoever was refused has not taken the lock with it.
        with pytest.raises(runestore.LockedError):
            runestore.open(path)
        assert store.append(new())[0].sequence_number == 2
    for _ in range(3):
        with runestore.open(path) as store:
            assert store.head == 2


def was_closed(path: Path) -> bool:
    """Whether the last writer took its leave: it gives back the room that was set aside for what never came."""
    [log] = path.glob("*.log")
    return log.stat().st_size < 64 << 10


def test_a_store_that_nobody_refers_to_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    store = runestore.open(path, sync="never")
    store.append(new(5))
    subscription = store.subscribe()
    del store
    with pytest.raises(runestore.LockedError):
        runestore.open(path)
    assert next(subscription).data == 5 and not was_closed(path)
    del subscription
    assert was_closed(path)
    with runestore.open(path) as store:
        assert [event.data for event in store.events()] == [5]


@pytest.mark.parametrize("ending", ["", "raise SystemExit(0)", "import threading; threading.Thread(target=lambda: list(store.subscribe()), daemon=True).start()"])
def test_a_program_that_ends_closes_its_stores(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "ledger.runes"
    program = f"""
import runestore
store = runestore.open({str(path)!r}, sync="never")
store.append({new()!r})
{ending}
"""
    assert in_a_new_process(program) == ""
    # Where a thread still waits in it, it is left as by a process that was killed.
    assert was_closed(path) or ending.startswith("import")
    with runestore.open(path) as store:
        assert store.head == 1


def test_a_reader_follows_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    count = 5000
    with runestore.open(path, sync="never", **small()) as writer, runestore.open(path, read_only=True) as reader:
        seen: list[Any] = []
        heads: list[int | None] = []
        threads = Threads(
            lambda: seen.extend(event.data for event in reader.subscribe(limit=count)),
            lambda: heads.append(reader.wait(count - 1)),
        )
        for first in range(0, count, 10):
            writer.append([new(n) for n in range(first, first + 10)])
        threads.join()
        assert seen == list(range(count)) and heads == [count]
        assert reader.get_events() == writer.get_events() and reader.tracking("s") == 0
        writer.append([], tracking={"source": "s", "position": 3})
        assert reader.tracking("s") == 3


def closed_store(path: Path) -> list[runestore.Event]:
    with runestore.open(path, **small()) as store:
        return [event for _ in range(8) for event in store.append(varied(60))]


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("ordinal", [1, 2, -1])
def test_a_flipped_byte_is_found(tmp_path: Path, ordinal: int, place: float) -> None:
    path = tmp_path / "ledger.runes"
    events = closed_store(path)
    logs = sorted(path.glob("*.log"))
    assert len(logs) > 3
    log = logs[ordinal if ordinal < 0 else ordinal - 1]
    data = log.read_bytes()
    # What was set aside behind the last event holds nothing.
    flip(log, int(len(data.rstrip(b"\0")) * place))
    with runestore.open(path, read_only=True) as store:
        report = store.verify()
        assert report["ok"] is False
        [first_problem, *_] = report["problems"]
        assert first_problem["file"] == log.name and first_problem["message"]
        assert 0 <= first_problem["offset"] <= len(data)
        with pytest.raises(runestore.CorruptError) as caught:
            store.get_events()
        details = caught.value.details
        assert details["file"] == log.name and details["offset"] >= 0
        lost = details["first"]
        assert 1 <= lost <= details["last"] <= len(events)
        with pytest.raises(runestore.CorruptError):
            list(store.subscribe(limit=len(events)))
        # What lies before the damage can be read, and is right.
        assert store.get_events({"up_to": lost - 1}) == events[: lost - 1]
    try:
        store = runestore.open(path)
    except runestore.CorruptError as error:
        assert error.details["file"] == log.name
    else:
        with store, pytest.raises(runestore.CorruptError):
            store.get_events()


@pytest.mark.parametrize("ordinal", [1, 2, -1])
def test_a_damaged_store_is_not_backed_up_as_if_it_were_whole(tmp_path: Path, ordinal: int) -> None:
    path = tmp_path / "ledger.runes"
    closed_store(path)
    logs = sorted(path.glob("*.log"))
    log = logs[ordinal if ordinal < 0 else ordinal - 1]
    flip(log, len(log.read_bytes().rstrip(b"\0")) // 2)
    with runestore.open(path, read_only=True) as store, pytest.raises(runestore.CorruptError):
        store.backup(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", ["idx", "lock", "watermark"])
def test_what_can_be_made_anew_may_be_lost_or_damaged(tmp_path: Path, name: str) -> None:
    path = tmp_path / "ledger.runes"
    events = closed_store(path)
    for file in path.iterdir():
        if name in file.name:
            if len(file.name) % 2 or file.stat().st_size == 0:
                file.unlink()
            else:
                flip(file, file.stat().st_size // 2)
    for options in ({"read_only": True}, {}):
        with runestore.open(path, **options) as store:
            assert store.get_events() == events
            query = {"type": "T1", "tags": ["t2"]}
            assert store.get_events(query) == [event for event in events if event.type == "T1" and "t2" in event.tags]
            for event in events[::50]:
                assert store.get_events({"id": event.id}) == [event]


def test_a_log_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    closed_store(path)
    log = sorted(path.glob("*.log"))[1]
    with open(log, "r+b") as file:
        file.truncate(log.stat().st_size // 2)
    for options in ({"read_only": True}, {}):
        with pytest.raises(runestore.CorruptError) as caught, runestore.open(path, **options) as store:
            store.get_events()
        assert caught.value.details["file"] == log.name


def test_a_log_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.runes"
    closed_store(path)
    log = sorted(path.glob("*.log"))[1]
    log.unlink()
    for options in ({"read_only": True}, {}):
        with pytest.raises(runestore.CorruptError) as caught, runestore.open(path, **options) as store:
            store.get_events()
        assert caught.value.details["first"] == 61
