"""What can be given as an event, and that it comes back as it was."""

import json
import sys
import uuid
from collections import OrderedDict, UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support import new

import runestore


def stored(store: runestore.Store, data: Any) -> Any:
    """What comes back of a payload: from the append, and read again."""
    [event] = store.append(new(data))
    assert store.get_events(limit=1, direction="backward") == [event]
    return event.data


class Lazy(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, inner: dict[str, Any]) -> None:
        self.inner = inner

    def __getitem__(self, key: str) -> Any:
        return self.inner[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)


@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict, Lazy, MappingProxyType])
def test_every_mapping_is_an_event(store: runestore.Store, kind: Any) -> None:
    [event] = store.append(kind(new(kind({"owner": kind({"name": "Ada"})}))))
    assert (event.type, event.data) == ("Opened", {"owner": {"name": "Ada"}})


def test_a_dict_with_an_order_of_its_own_keeps_it(store: runestore.Store) -> None:
    data = OrderedDict(a=1, b=2)
    data.move_to_end("a")
    [event] = store.append(new(data))
    assert b'"data":{"b":2,"a":1}' in event.json


@dataclass
class Money:
    amount: int
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    instance_id: str
    data: Any
    type: str = "Opened"
    domain: str = "account"
    id: uuid.UUID | None = None
    version: int | None = None
    inserted_at: datetime | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None


@dataclass
class Everything:
    type: str = "Opened"
    domain: str = "account"
    instance_id: str = "a-1"
    data: dict[str, Any] = field(default_factory=dict)


def test_dataclasses_are_events_and_payloads(store: runestore.Store) -> None:
    [event] = store.append(Opened("a-1", [Money(5, "EUR"), {"m": Money(7)}]))
    assert event.data == [{"amount": 5, "currency": "EUR"}, {"m": {"amount": 7, "currency": None}}]
    assert (event.version, event.tags, event.metadata) == (1, (), {})


def test_none_is_absent_in_every_field_but_data(store: runestore.Store) -> None:
    nones = dict.fromkeys(("id", "version", "inserted_at", "tags", "metadata", "sequence_number", "stream_version"))
    [event] = store.append({**new(), **nones, "data": None})
    assert (event.data, event.tags, event.version) == (None, (), 1)
    assert store.append(Opened("a-2", None))[0].data is None


def test_a_batch_is_a_list_a_tuple_or_a_generator_of_any_of_them(store: runestore.Store) -> None:
    assert len(store.append([new(), Everything(), Lazy(new())])) == 3
    assert len(store.append((new(), Everything()))) == 2
    assert [event.data for event in store.append(new(n) for n in range(3))] == [0, 1, 2]
    assert store.append([]) == [] == store.append(new() for _ in ())
    assert store.head == 8


def test_a_generator_without_an_end_is_refused(store: runestore.Store) -> None:
    big = new("x" * 1_000_000)
    with pytest.raises(runestore.TooLargeError):
        store.append(big for _ in iter(int, 1))
    assert store.head == 0


def test_an_event_goes_into_another_store_with_its_id_and_time(store: runestore.Store) -> None:
    store.append(new())
    [event] = store.append(new({"a": 10**40}, tags=["x", "y"], metadata={"by": "Ada"}, version=3))
    [binary] = store.append(new(b"\0\xff"))
    with runestore.open() as other:
        [again] = other.append(event)
        [again_binary] = other.append([binary])
    ignored = {"sequence_number", "stream_version"}
    assert {**event.to_dict(), **dict.fromkeys(ignored)} == {**again.to_dict(), **dict.fromkeys(ignored)}
    assert (again.sequence_number, again.stream_version) == (1, 1) != (event.sequence_number, event.stream_version)
    assert again_binary.id == binary.id and again_binary.data == b"\0\xff"


def test_an_event_given_back_to_its_own_store_is_a_retry(store: runestore.Store) -> None:
    [event] = store.append(new({"a": 1.5}))
    assert store.append(event) == [event] and store.head == 1


class Level(IntEnum):
    HIGH = 3


class Colour(StrEnum):
    RED = "red"


class Shout(str):
    def __str__(self) -> str:
        return "never asked"


class Loud(int):
    def __repr__(self) -> str:
        return "never asked"

    __str__ = __repr__


UUID = uuid.UUID("0190A000-0000-7000-8000-00000000000A")


@pytest.mark.parametrize(
    ("given", "comes"),
    [
        ("", ""),
        ("Zürich \U0001f600 \U0010ffff", "Zürich \U0001f600 \U0010ffff"),
        ("a\0b\x1f\x7f\u2028\"\\/", "a\0b\x1f\x7f\u2028\"\\/"),
        ({"\0": {"": 1}}, {"\0": {"": 1}}),
        (True, True),
        ([True, 1, False, 0, None], [True, 1, False, 0, None]),
        ((1, (2, [3])), [1, [2, [3]]]),
        ([], []),
        ({}, {}),
        (Level.HIGH, 3),
        (Colour.RED, "red"),
        ({Colour.RED: Level.HIGH}, {"red": 3}),
        (Shout("as it is"), "as it is"),
        ({Shout("key"): Loud(5)}, {"key": 5}),
        (Loud(10**30), 10**30),
        (UUID, "0190a000-0000-7000-8000-00000000000a"),
    ],
)
def test_a_payload_comes_back(store: runestore.Store, given: Any, comes: Any) -> None:
    back = stored(store, given)
    assert back == comes
    # True is not 1, and 1 is not 1.0: json writes them apart.
    assert json.dumps(back) == json.dumps(comes)


@pytest.mark.parametrize("escape", ["\0", "\x1f", '"', "\\", "\x20", "!", "\x7f", "é", "\u2028", "😀"])
def test_a_string_comes_back_whatever_its_length_and_wherever_it_has_an_escape(store: runestore.Store, escape: str) -> None:
    texts = ["x" * length for length in range(80)]
    texts += ["x" * before + escape + "y" * after for before in range(34) for after in range(34)]
    # As a value, and twice as a key: a key that comes again is written in another way.
    for event, text in zip(store.append(new({text: [text]}) for text in texts * 2), texts * 2, strict=True):
        assert event.data == {text: [text]} == json.loads(event.json)["data"]


def test_keys_of_a_batch_come_back_however_many_they_are(store: runestore.Store) -> None:
    payloads = [{f"key {n * step}": n for n in range(step)} for step in (0, 1, 2, 300, 5, 300, 1)]
    same: list[dict[str, Any]] = [dict.fromkeys(payloads[3], row) for row in range(5)]
    long = [{"k" * length: length for length in range(60)}] * 3
    for given, event in zip([*payloads, *same, *long], store.append(map(new, [*payloads, *same, *long])), strict=True):
        assert event.data == given and list(event.data) == list(given)


def test_members_keep_their_order_whatever_they_are(store: runestore.Store) -> None:
    kinds: list[Any] = [1, "s", 1.5, None, True, 10**30, UUID, {"in": 10**30, "x": 1}, [], {}, Money(1), Level.HIGH]
    kinds_out = [*kinds[:6], str(UUID), *kinds[7:10], {"amount": 1, "currency": None}, 3]
    for turn in range(len(kinds)):
        given, comes = (values[turn:] + values[:turn] for values in (kinds, kinds_out))
        payload = {f"k{n}": value for n, value in enumerate(given)}
        back = stored(store, payload)
        assert list(back.items()) == list(zip(payload, comes, strict=True))


@pytest.mark.parametrize("payload", [b"", b"\0\xff" * 1000, bytearray(b"abc")])
def test_bytes_are_a_binary_payload(store: runestore.Store, payload: bytes | bytearray) -> None:
    [event] = store.append(new(payload))
    assert type(event.data) is bytes and event.data == bytes(payload)
    assert "data_base64" in event.to_dict() and "data" not in event.to_dict()
    assert store.append(Opened("a-9", payload))[0].data == payload


def test_times_keep_their_moment_whatever_their_offset(store: runestore.Store) -> None:
    local = datetime(2026, 11, 23, 3, 50, 0, 123456)
    zones = [
        UTC,
        timezone(timedelta(hours=5, minutes=30)),
        timezone(-timedelta(hours=9, minutes=30)),
        timezone(timedelta(hours=1, seconds=7)),
        timezone(-timedelta(seconds=1, microseconds=5)),
        ZoneInfo("Europe/Zurich"),
    ]
    for zone in zones:
        time = local.replace(tzinfo=zone)
        [event] = store.append(new({"at": time}, inserted_at=time))
        assert event.inserted_at == time and event.inserted_at.utcoffset() == timedelta(0)
        assert datetime.fromisoformat(event.data["at"]) == time
        assert store.get_events({"from": time, "to": time + timedelta(microseconds=1), "after": event.sequence_number - 1})
    # As local time was in Zurich before there were zones: an offset of 34:08.
    old = datetime(1850, 1, 1, tzinfo=ZoneInfo("Europe/Zurich"))
    assert store.append(new(inserted_at=old))[0].inserted_at == old


def test_ids_and_queries_take_uuids_and_times(store: runestore.Store) -> None:
    [event] = store.append(new(id=UUID))
    assert event.id == UUID and type(event.id) is uuid.UUID
    assert store.get_events({"id": UUID}) == store.get_events([{"id": [UUID]}]) == [event]
    assert store.get_events({"to": event.inserted_at}) == []


def test_arguments_are_not_kept(store: runestore.Store) -> None:
    # Objects of their own: what a literal has is shared.
    text, tag, number, payload = "owner" * 10, "t" * 50, 10**20, {"a": [1.5]}
    things: list[object] = [text, tag, number, payload, event := new({text: number, "p": payload}, tags=[tag])]
    query = {"tags": [tag], "type": "Opened"}
    things += [query, batch := [event]]

    def use() -> None:
        for _ in range(50):
            store.append(event)
            store.append(batch, condition={"fail_if_events_match": {"type": "Never"}})
            store.get_events(query)
            store.get_events_json(query)
            list(store.events(query, limit=1))
            with pytest.raises(runestore.InvalidEventError):
                store.append([event, {"tpye": text, "data": payload}])

    use()
    before = [sys.getrefcount(thing) for thing in things]
    use()
    assert [sys.getrefcount(thing) for thing in things] == before
