"""Engines that are written in Python: what they are given, what of them is looked at, and how they fail."""

import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_engine import SqliteEngine
from support import Threads, new

import runestore


class ListEngine:
    """The least: a list of dicts, and of a read no more is heeded than must be."""

    def init(self, opts: dict[str, Any]) -> None:
        self.opts = opts
        self.events: list[Any] = []
        self.closed = 0

    def append(self, events: list[runestore.EngineEvent], opts: dict[str, Any]) -> list[Any]:
        stored: list[dict[str, Any]] = []
        for event, version in zip(events, opts["stream_versions"], strict=True):
            stored.append({"sequence_number": len(self.events) + len(stored) + 1, "stream_version": version, **event})
        self.events += stored
        return stored

    def get_events(self, query: list[dict[str, Any]] | None, opts: dict[str, Any]) -> list[Any]:
        found = [event for event in self.events if opts["after"] < event["sequence_number"] <= opts["up_to"]]
        if opts["direction"] == "backward":
            found.reverse()
        return found[: opts["limit"]]

    def close(self) -> None:
        self.closed += 1


def test_an_engine_is_an_object_with_four_methods() -> None:
    engine = ListEngine()
    assert isinstance(engine, runestore.Engine)
    with runestore.Store(store=engine, store_opts={"colour": "red"}) as store:
        assert engine.opts == {"colour": "red"}
        [first] = store.append(new({"price": 1.5, "big": 10**40}), expected_version=0)
        store.append([new(instance_id="b"), new("later")])
        assert (first.sequence_number, first.data) == (1, {"price": 1.5, "big": 10**40})
        assert [event.stream_version for event in store.get_events()] == [1, 1, 2]
        assert [event.sequence_number for event in store.events({"instance_id": "a-1"})] == [1, 3]
        assert store.info()["engine"] == "ListEngine"
        assert store.info()["unsupported"] == ["tracking", "verify", "backup"]
        with pytest.raises(runestore.UnsupportedError, match="tracking"):
            store.tracking("reader")
        with pytest.raises(runestore.UnsupportedError, match="tracking"):
            store.append(new(), tracking={"source": "reader", "position": 1})
        assert store.head == 3
    assert engine.closed == 1


def test_a_config_may_hold_the_engine_too() -> None:
    with runestore.Store({"store": ListEngine(), "store_opts": {"a": 1}}) as store:
        assert store.head == 0
    with pytest.raises(runestore.InvalidOptionsError, match="`stor`"):
        runestore.Store({"store": ListEngine(), "stor": 1})
    with pytest.raises(runestore.InvalidOptionsError, match="not both"):
        runestore.Store({"store": "memory"}, store_opts={})
    with runestore.Store(store="memory") as store:
        assert store.info()["engine"] == "memory"


def test_what_lacks_a_method_is_no_engine() -> None:
    with pytest.raises(runestore.InvalidOptionsError, match="no method `append`"):
        runestore.Store(store=type("Half", (), {"init": lambda self, opts: None})())


def test_the_text_of_an_event_comes_as_it_is_and_is_kept_by_who_keeps_it() -> None:
    seen: list[bytes] = []

    class Keeping(ListEngine):
        def append(self, events: list[runestore.EngineEvent], opts: dict[str, Any]) -> list[Any]:
            seen.extend(event.json for event in events)
            numbers = enumerate(opts["stream_versions"], opts["first"])
            for event, (position, version) in zip(events, numbers, strict=True):
                event["sequence_number"], event["stream_version"] = position, version
                self.events.append(event)
            return list(events)

    odd = b'{"type":"T","domain":"d","instance_id":"i","data":{"a":1.50,"a":1e2,"n":12345678901234567890123456789012345678901}}'
    with runestore.Store(store=Keeping()) as store:
        answer = store.append_json(odd)
        assert b'"data":{"a":1.50,"a":1e2,"n":12345678901234567890123456789012345678901}' in answer
        assert store.get_events_json() == answer
    assert seen[0].startswith(b'{"id":"') and b"sequence_number" not in seen[0]


def failing(**methods: Callable[..., Any]) -> ListEngine:
    return type("Broken", (ListEngine,), methods)()  # type: ignore[no-any-return]


def test_an_exception_travels_as_the_cause() -> None:
    fault = KeyError("the shelf is full")

    def append(self: ListEngine, events: Any, opts: Any) -> Any:
        raise fault

    with runestore.Store(store=failing(append=append)) as store:
        with pytest.raises(runestore.EngineError, match="engine `Broken`, append: 'the shelf is full'") as caught:
            store.append(new())
        assert caught.value.__cause__ is fault
        assert caught.value.details == {
            "engine": "Broken", "function": "append", "engine_code": "KeyError", "stored": False,
        }  # fmt: skip
        assert isinstance(pickle.loads(pickle.dumps(caught.value)), runestore.EngineError)
        assert store.head == 0


def test_an_init_that_raises_opens_nothing() -> None:
    def init(self: ListEngine, opts: Any) -> None:
        raise OSError("no such shelf")

    with pytest.raises(runestore.EngineError, match="init: no such shelf") as caught:
        runestore.Store(store=failing(init=init))
    assert isinstance(caught.value.__cause__, OSError)


def test_an_engine_that_is_opened_and_cannot_be_read_is_closed_once() -> None:
    def get_events(self: ListEngine, query: Any, opts: Any) -> Any:
        raise OSError("dark")

    engine = failing(get_events=get_events)
    with pytest.raises(runestore.EngineError, match="get_events: dark"):
        runestore.Store(store=engine)
    assert engine.closed == 1


def test_an_engine_that_gives_everything_each_time_is_read_all_the_same() -> None:
    reads: list[int] = []

    def get_events(self: ListEngine, query: Any, opts: Any) -> Any:
        reads.append(1)
        return self.events if opts["direction"] == "forward" else self.events[::-1]

    with runestore.Store(store=failing(get_events=get_events)) as store:
        store.append([new(number, type="Even" if number % 2 == 0 else "Odd") for number in range(1, 3001)])
        assert len(store.get_events()) == 3000
        assert [event.data for event in store.get_events({"type": "Even", "after": 100, "up_to": 105})] == [102, 104]
        assert len(list(store.events({"type": "Odd"}))) == 1500
        assert [event.data for event in store.get_events(limit=2, direction="backward")] == [3000, 2999]
        assert store.get_events({"type": "None"}) == []


def test_an_engine_that_heeds_the_limit_alone_is_found_out() -> None:
    def get_events(self: ListEngine, query: Any, opts: Any) -> Any:
        events = self.events if opts["direction"] == "forward" else self.events[::-1]
        return events[: opts["limit"]]

    with runestore.Store(store=failing(get_events=get_events)) as store:
        store.append([new(number) for number in range(3000)])
        for query in ({}, {"type": "Opened"}):
            with pytest.raises(runestore.EngineError, match="position"):
                store.get_events(query)


def test_ctrl_c_inside_an_engine_is_ctrl_c() -> None:
    def get_events(self: ListEngine, query: Any, opts: Any) -> Any:
        if self.events:
            raise KeyboardInterrupt
        return []

    with runestore.Store(store=failing(get_events=get_events)) as store:
        store.append(new())
        with pytest.raises(KeyboardInterrupt):
            store.get_events()


def test_an_outcome_that_the_engine_does_not_know_is_indeterminate_and_settled_by_a_retry() -> None:
    class Losing(ListEngine):
        lose = True

        def append(self, events: list[runestore.EngineEvent], opts: dict[str, Any]) -> list[Any]:
            stored = super().append(events, opts)
            if self.lose:
                raise runestore.IndeterminateError("the line went dead")
            return stored

    engine = Losing()
    with runestore.Store(store=engine) as store:
        with pytest.raises(runestore.IndeterminateError, match="the line went dead") as caught:
            store.append(new())
        [event_id] = caught.value.details["ids"]
        engine.lose = False
        [stored] = store.append(new(id=event_id))
        assert (stored.sequence_number, store.head) == (1, 1)


ANSWERS: list[tuple[str, Callable[[list[Any]], Any], str]] = [
    ("nothing", lambda stored: None, "append returned NoneType"),
    ("a dict", lambda stored: stored[0], "append returned dict"),
    ("too few", lambda stored: stored[:-1], "1 events of the 2"),
    ("too many", lambda stored: [*stored, {**stored[-1], "sequence_number": 3, "stream_version": 3}], "more events than"),
    ("another position", lambda stored: [{**stored[0], "sequence_number": 7}, stored[1]], "position 7 where 1 is next"),
    ("a position twice", lambda stored: [stored[0], {**stored[1], "sequence_number": 1}], "position 1 where 2"),
    ("another version", lambda stored: [{**stored[0], "stream_version": 2}, stored[1]], "stream version 2 where 1"),
    ("no version", lambda stored: [{k: v for k, v in stored[0].items() if k != "stream_version"}, stored[1]], "`stream_version`"),
    ("other data", lambda stored: [{**stored[0], "data": {"a": 2}}, stored[1]], "event 0 is not the one"),
    ("another time", lambda stored: [{**stored[0], "inserted_at": "2020-01-01T00:00:00.000000Z"}, stored[1]], "event 0 is not the one"),
    ("another order", lambda stored: stored[::-1], "position 2 where 1 is next"),
    ("numbers as text", lambda stored: [{**stored[0], "sequence_number": "1"}, stored[1]], "`sequence_number`"),
    ("no JSON", lambda stored: [b"{]", b"{}"], "no JSON array of events"),
    ("no object", lambda stored: [b"7", b"8"], "must be a JSON object"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_what_an_append_answers_is_looked_at(answer: Callable[[list[Any]], Any], words: str) -> None:
    def append(self: ListEngine, events: Any, opts: Any) -> Any:
        stored = ListEngine.append(self, events, opts)
        return answer(stored)

    with runestore.Store(store=failing(append=append)) as store:
        with pytest.raises(runestore.EngineError, match=words) as caught:
            store.append([new(), new()])
        assert caught.value.details["stored"] == "unknown", "it did store them"
        assert len(caught.value.details["ids"]) == 2


def test_what_a_read_answers_is_looked_at() -> None:
    lie: Callable[[list[Any]], Any] = list

    def get_events(self: ListEngine, query: Any, opts: Any) -> Any:
        return lie(ListEngine.get_events(self, query, opts))

    with runestore.Store(store=failing(get_events=get_events)) as store:
        store.append([new(index) for index in range(5)])
        lies: list[tuple[Callable[[list[Any]], Any], str]] = [
            (lambda found: found[::-1], "position 1 is missing before 5"),
            (lambda found: found[:2] + found[3:], "position 3 is missing before 4"),
            (lambda found: found[:-1], "position 5 is missing"),
            (lambda found: [], "position 1 is missing"),
            (lambda found: [found[0], *found], "must be ascending"),
            (lambda found: [{**found[0], "tags": "x"}], "`tags`"),
            (lambda found: [{**found[0], "colour": "red"}], "`colour`"),
            (lambda found: found[0], "returned dict"),
        ]
        for lie, words in lies:  # noqa: B007
            with pytest.raises(runestore.EngineError, match=words):
                store.get_events()
        lie = list
        assert len(store.get_events()) == 5


def test_an_engine_that_is_not_concurrent_is_entered_by_one_thread_at_a_time() -> None:
    inside = threading.Lock()

    def get_events(self: ListEngine, query: Any, opts: Any) -> Any:
        assert inside.acquire(blocking=False), "two threads at once"
        found = ListEngine.get_events(self, query, opts)
        inside.release()
        return found

    with runestore.Store(store=failing(get_events=get_events)) as store:
        store.append([new(index) for index in range(50)])

        def work() -> None:
            for _ in range(20):
                assert len(store.get_events()) >= 50
                store.append(new())

        Threads(*[work] * 4).join()
        assert store.head == 50 + 4 * 20


def test_a_store_is_misused_from_inside_its_own_engine() -> None:
    errors: list[runestore.StoreError] = []

    def append(self: ListEngine, events: Any, opts: Any) -> Any:
        for call in (lambda: store.append(new()), store.get_events, store.close):
            with pytest.raises(runestore.MisuseError) as caught:
                call()
            errors.append(caught.value)
        return ListEngine.append(self, events, opts)

    store = runestore.Store(store=failing(append=append))
    store.append(new())
    assert len(errors) == 3
    store.close()


def test_others_may_write_what_is_shared_but_nothing_is_checked_then() -> None:
    class Shared(ListEngine):
        shared = True
        waited = 0

        def init(self, opts: dict[str, Any]) -> None:
            self.events = opts["events"]

        def append(self, events: list[runestore.EngineEvent], opts: dict[str, Any]) -> list[Any]:
            versions = {"first": 0, "stream_versions": [len(self.events) + index + 1 for index in range(len(events))]}
            return super().append(events, versions)

        def wait(self, after: int, timeout: float) -> None:
            Shared.waited += 1
            threading.Event().wait(min(timeout, 0.01))

        def close(self) -> None: ...

    events: list[Any] = []
    with (
        runestore.Store(store=Shared(), store_opts={"events": events}) as one,
        runestore.Store(store=Shared(), store_opts={"events": events}) as other,
    ):
        assert one.wait(0, timeout=0.02) is None
        one.append(new())
        [second] = other.append(new())
        assert (second.sequence_number, one.head, one.wait(1)) == (2, 2, 2)
        assert [event.sequence_number for event in one.get_events()] == [1, 2]
        for options in ({"expected_version": 2}, {"condition": {"fail_if_events_match": None}}):
            with pytest.raises(runestore.UnsupportedError, match="others may write"):
                one.append(new(), **options)
        with pytest.raises(runestore.UnsupportedError, match="ids"):
            one.append(second)
        assert "condition" in one.info()["unsupported"]
    assert Shared.waited > 0


def test_the_sqlite_engine_keeps_its_events_and_has_one_writer(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.sqlite")
    with runestore.Store(store=SqliteEngine(), store_opts={"path": path}) as store:
        store.append([new({"n": 1}), new({"n": 2})], tracking={"source": "s", "position": 4})
        with pytest.raises(runestore.EngineError, match="locked"):
            runestore.Store(store=SqliteEngine(), store_opts={"path": path})
    with runestore.Store(store=SqliteEngine(), store_opts={"path": path}) as store:
        assert (store.head, store.tracking("s")) == (2, 4)
        [event] = store.append(new({"n": 3}), expected_version=2)
        assert event.stream_version == 3
        assert [json.loads(line)["data"]["n"] for line in store.get_events_json(format="ndjson").splitlines()] == [1, 2, 3]
    with pytest.raises(runestore.EngineError, match="no option 'pth'"):
        runestore.Store(store=SqliteEngine(), store_opts={"pth": path})
