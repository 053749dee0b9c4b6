"""What is no event is refused, the message names the place, and nothing is stored."""

import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from support import Threads, new

import runestore


class Plain(Enum):
    RED = 1


@dataclass
class Price:
    price: Any


def holding_itself() -> tuple[list[Any], dict[str, Any]]:
    items: list[Any] = [1]
    items.append(items)
    members: dict[str, Any] = {}
    members["again"] = {"and": members}
    return items, members


ITEMS, MEMBERS = holding_itself()


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "place", "what"),
    [
        (float("nan"), "data", "no JSON number"),
        ({"price": float("inf")}, "data.price", "no JSON number"),
        ([1, {"p": [-float("inf")]}], "data[1].p[0]", "no JSON number"),
        ({"at": datetime(2026, 1, 1)}, "data.at", "no time zone"),
        ({"at": date(2026, 1, 1)}, "data.at", "`date` has no JSON form"),
        ({"s": {1, 2}}, "data.s", "`set` has no JSON form"),
        (frozenset(), "data", "`frozenset` has no JSON form"),
        ({"price": Decimal("1.5")}, "data.price", "`Decimal` has no JSON form"),
        (Price(Decimal("1.5")), "data.price", "`Decimal` has no JSON form"),
        (Plain.RED, "data", "`Plain` has no JSON form"),
        (object(), "data", "`object` has no JSON form"),
        ({"f": len}, "data.f", "has no JSON form"),
        (Price, "data", "`type` has no JSON form"),
        ({"b": b"raw"}, "data.b", "base64"),
        (memoryview(b"raw"), "data", "`memoryview` has no JSON form"),
        ({1: 2}, "data", "the key 1 is of type `int`"),
        ({"a": [{None: 2}]}, "data.a[0]", "the key None is of type `NoneType`"),
        (1j, "data", "`complex` has no JSON form"),
    ],
)
def test_a_payload_that_is_no_json(store: runestore.Store, data: Any, place: str, what: str) -> None:
    with pytest.raises(runestore.InvalidEventError) as caught:
        store.append([new(), new(), new(), new(data) if data is not None else new()])
    assert str(caught.value).startswith(f"events[3].{place}: ") and what in str(caught.value)
    assert caught.value.details == {"index": 3, "field": "data"}
    with pytest.raises(runestore.InvalidEventError) as caught:
        store.append(new(data))
    assert str(caught.value).startswith(f"event.{place}: ") and caught.value.details["index"] == 0
    assert store.head == 0


@pytest.mark.parametrize(
    ("data", "place", "what"),
    [
        ("\ud800", "data", "unpaired surrogate"),
        ({"a": ["b", "\udfff!"]}, "data.a[1]", "unpaired surrogate"),
        ({"a": {"\udc00": 1}}, "data.a", "a key holds an unpaired surrogate"),
        (ITEMS, "data[1][1][1]", "holds itself"),
        (MEMBERS, "data.again.and.again", "holds itself"),
        (deep(5000), "data[0][0]", "nests deeper"),
    ],
)
def test_what_some_readers_could_not_read_back(store: runestore.Store, data: Any, place: str, what: str) -> None:
    with pytest.raises(runestore.InvalidJsonError) as caught:
        store.append([new(), new(data)])
    assert str(caught.value).startswith(f"events[1].{place}") and what in str(caught.value)
    assert caught.value.details == {"index": 1, "field": "data"}
    assert store.head == 0


def test_payloads_nest_128_levels(store: runestore.Store) -> None:
    assert store.append(new(deep(128)))[0].data == deep(128)
    assert store.append(new(metadata={"m": deep(127)}))[0].metadata == {"m": deep(127)}
    for event in (new(deep(129)), new(deep(199)), new(metadata={"m": deep(128)})):
        with pytest.raises(runestore.InvalidJsonError):
            store.append(event)
    assert store.head == 2


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (None, "events: `NoneType` is no event"),
        (5, "events: `int` is no event"),
        ("{}", "for JSON text there is append_json"),
        (b"{}", "for JSON text there is append_json"),
        (bytearray(b"{}"), "for JSON text there is append_json"),
        (Price, "events: `type` is no event"),
        ([Price], "events[0]: `type` is no event"),
        ([new(), None], "events[1]: `NoneType` is no event"),
        ([new(), [new()]], "events[1]: `list` is no event"),
        ([new(), "{}"], "events[1]: `str` is no event"),
        ([new(), b"{}"], "events[1]: `bytes` is no event"),
        ((new() for _ in range(0)) and 5.0, "events: `float` is no event"),
    ],
)
def test_what_is_no_event_at_all(store: runestore.Store, events: Any, message: str) -> None:
    with pytest.raises(runestore.InvalidEventError) as caught:
        store.append(events)
    assert message in str(caught.value)
    assert caught.value.details["index"] == (1 if "[1]" in message else 0)
    assert store.head == 0


@pytest.mark.parametrize(
    ("event", "index", "field"),
    [
        ({"tpye": "T"}, 1, "tpye"),
        (new(sequence_number=5), 1, "sequence_number"),
        (new(tags={"a"}), 1, "tags"),
        (new(tags="a"), 1, "tags"),
        (new(tags=["a", "a"]), 1, "tags"),
        (new(version=True), 1, "version"),
        (new(version=1.0), 1, "version"),
        (new(id="not an id"), 1, "id"),
        (new(inserted_at="yesterday"), 1, "inserted_at"),
        (new(inserted_at=datetime(2026, 1, 1)), 1, "inserted_at"),
        (new(metadata=[1]), 1, "metadata"),
        (new(metadata=b"x"), 1, "metadata"),
        ({**new(), "type": "a\0b"}, 1, "type"),
        ({"type": "T", "domain": "d"}, 1, "instance_id"),
    ],
)
def test_a_field_that_is_not_as_it_must_be(store: runestore.Store, event: Any, index: int, field: str) -> None:
    with pytest.raises(runestore.InvalidEventError) as caught:
        store.append([new(), event])
    assert caught.value.details == {"index": index, "field": field}
    assert f"events[{index}]" in str(caught.value) and field in str(caught.value)
    assert store.head == 0


class Ours(Exception):
    pass


class Failing(Mapping[str, Any]):
    def __init__(self, at: str) -> None:
        self.at = at

    def __getitem__(self, key: str) -> Any:
        if self.at == "getitem":
            raise Ours("getitem")
        return new()[key]

    def __iter__(self) -> Iterator[str]:
        if self.at == "iter":
            raise Ours("iter")
        return iter(new())

    def __len__(self) -> int:
        return 3


class FailingBatch:
    def __iter__(self) -> Iterator[dict[str, Any]]:
        raise Ours("batch")




@pytest.mark.parametrize("at", ["getitem", "iter"])
def test_what_a_mapping_raises_comes_out_unchanged(store: runestore.Store, at: str) -> None:
    for events in (Failing(at), [new(), Failing(at)], new({"a": [Failing(at)]})):
        with pytest.raises(Ours, match=f"^{at}$"):
            store.append(events)
    assert store.head == 0


def test_what_a_generator_raises_comes_out_unchanged(store: runestore.Store) -> None:
    def events() -> Iterator[dict[str, Any]]:
        yield new()
        raise Ours("generator")

    with pytest.raises(Ours, match="^generator$"):
        store.append(events())
    failing: Any = FailingBatch()
    with pytest.raises(Ours, match="^batch$"):
        store.append(failing)
    assert store.head == 0


@pytest.mark.parametrize("engine", ["memory"], indirect=True)
def test_a_dict_that_another_thread_changes_is_whole(store: runestore.Store) -> None:
    """Keys and values of one moment: each value belongs to its key."""
    data: dict[str, Any] = {f"k{n}": n for n in range(50)}
    items: list[Any] = list(range(50))
    done = False

    def change() -> None:
        n = 0
        while not done:
            n = (n + 1) % 50
            data.pop(f"k{n}", None)
            data[f"k{n}"] = n
            items.pop()
            items.append(n)

    def append() -> None:
        nonlocal done
        try:
            for _ in range(2000):
                [event] = store.append(new({"d": data, "i": items}))
                assert all(key == f"k{value}" for key, value in event.data["d"].items())
        finally:
            done = True

    Threads(change, append).join()


def test_a_dict_that_the_garbage_collector_changes_is_whole(store: runestore.Store) -> None:
    """The collector runs when memory is asked for, and may run any code then."""
    data: dict[str, int] = {}
    event: dict[str, Any] = {}

    def collected(phase: str, info: dict[str, int]) -> None:
        # The first key: all the others would have another one's value.
        data.pop("k0", None)
        event.pop("version", None)

    thresholds = gc.get_threshold()
    for after in range(1, 30):
        data.update({f"k{n}": n for n in range(5)})
        event.clear()
        event.update({"version": 1, **new(data)})
        # Lists that were freed are kept for reuse, and to reuse one does not run the collector.
        held: list[list[int]] = [[] for _ in range(200)]
        gc.collect(0)
        gc.callbacks.append(collected)
        gc.set_threshold(after)
        try:
            [stored] = store._native.append(event, None)
        finally:
            gc.set_threshold(*thresholds)
            gc.callbacks.remove(collected)
        assert (stored.type, stored.domain, stored.instance_id) == ("Opened", "account", "a-1") and len(held) == 200
        assert all(key == f"k{value}" for key, value in stored.data.items()), stored.json
        data.clear()
