"""`Event`: what it says about itself, and that it never changes."""

import copy
import json
import pickle
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from support import new

import runestore
from runestore import Event

ID = uuid.UUID("0190a000-0000-7000-8000-000000000001")
FIELDS: dict[str, Any] = {
    "sequence_number": 1,
    "id": ID,
    "type": "Opened",
    "domain": "account",
    "instance_id": "a-1",
    "stream_version": 1,
    "version": 2,
    "inserted_at": datetime(2026, 11, 23, 3, 50, 0, 5, UTC),
    "tags": ("vip", "b"),
    "data": {"owner": "Ada", "n": [10**30, 1.5, None]},
    "metadata": {"by": "test"},
}


@pytest.fixture
def event(store: runestore.Store) -> Event:
    given = {name: FIELDS[name] for name in FIELDS if name not in ("sequence_number", "stream_version")}
    [event] = store.append(given)
    return event


def test_every_field_is_an_attribute_of_its_type(event: Event) -> None:
    for name, value in FIELDS.items():
        assert getattr(event, name) == value and type(getattr(event, name)) is type(value), name
    assert event.inserted_at.tzinfo is UTC
    assert {name for name in dir(event) if not name.startswith("_")} == {*FIELDS, "json", "from_json", "to_dict"}


def test_to_dict_is_what_json_loads_gives(event: Event) -> None:
    assert event.to_dict() == json.loads(event.json)
    assert list(event.to_dict()) == list(FIELDS)
    assert event.to_dict()["id"] == str(ID) and event.to_dict()["inserted_at"] == "2026-11-23T03:50:00.000005Z"


STRINGS = ["a", 'quote " and \\', '\\"', "\\", "{[", "]}", '","metadata":{}}', "Zürich \u2028", "\x1f", "x" * 100]


@pytest.mark.parametrize("text", STRINGS)
def test_fields_are_found_whatever_stands_around_them(store: runestore.Store, text: str) -> None:
    inside: list[Any] = [{}, {"k": text}, {"metadata": {}}, {"a": [], "metadata": {"metadata": {}}}, {text: [{text: []}]}]
    for tags in ([], [text], ["]", text, "["]):
        for data in (*inside, None, 1, -1.5, True, text, "", [], [[], {}], inside, b"", b"\0", b"more bytes"):
            for metadata in inside:
                fields = {"type": text, "domain": text + "d", "instance_id": text + "i", "tags": tags, "version": 2**32 - 1}
                [event] = store.append({**fields, "data": data, "metadata": metadata})
                shown = event.to_dict()
                for name in ("sequence_number", "type", "domain", "instance_id", "stream_version", "version", "metadata"):
                    assert getattr(event, name) == shown[name], event.json
                assert (str(event.id), list(event.tags)) == (shown["id"], tags)
                assert event.inserted_at == datetime.fromisoformat(shown["inserted_at"])
                assert event.data == data, event.json


@pytest.mark.parametrize("name", [*FIELDS, "json", "to_dict", "other", "__dict__"])
def test_no_attribute_can_be_set_or_deleted(event: Event, name: str) -> None:
    before = event.json
    with pytest.raises(AttributeError):
        setattr(event, name, 5)
    with pytest.raises(AttributeError):
        delattr(event, name)
    assert event.json == before


def test_what_an_event_gave_away_is_not_the_event(event: Event) -> None:
    event.data["owner"] = "Eve"
    event.data["n"].clear()
    event.metadata.clear()
    event.to_dict()["data"].clear()
    assert event.data == FIELDS["data"] and event.metadata == FIELDS["metadata"]
    assert event == Event.from_json(event.json)


def test_events_with_the_same_text_are_equal(event: Event) -> None:
    twin = Event.from_json(event.json)
    assert event == twin and not event != twin and hash(event) == hash(twin) and len({event, twin}) == 1
    other = Event.from_json(event.json.replace(b"Ada", b"Eve"))
    assert event != other and not event == other and len({event, other}) == 2
    # As the lines of a file come.
    assert Event.from_json(event.json + b"\n") == Event.from_json(b" " + event.json) == event


def test_an_event_is_no_other_thing(event: Event) -> None:
    for other in (None, 5, "x", event.json, event.to_dict(), object()):
        assert (event == other) is False and (event != other) is True
        assert event.__eq__(other) is NotImplemented
    # So that the other side is asked.
    assert event == ANY and ANY == event
    assert event not in [1, None] and event in [ANY]
    with pytest.raises(TypeError):
        sorted([event, Event.from_json(event.json.replace(b"Ada", b"Eve"))])  # type: ignore[type-var]


def test_copies_and_pickles_are_equal(event: Event) -> None:
    copies = [pickle.loads(pickle.dumps(event, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    copies += [copy.copy(event), copy.deepcopy(event), copy.deepcopy([event])[0]]
    for each in copies:
        assert each == event and type(each) is Event and each.json == event.json


def test_events_are_made_by_stores_only() -> None:
    make: Any = Event
    with pytest.raises(TypeError):
        make()
    with pytest.raises(TypeError):
        type("Mine", (make,), {})


def test_the_repr_is_short_and_escapes(store: runestore.Store) -> None:
    [event] = store.append(new("x" * 10_000, type="it's\n\U0001f600"))
    assert repr(event) == (
        'Event(sequence_number=1, type="it\'s\\n\U0001f600", domain=\'account\', '
        "instance_id='a-1', stream_version=1)"
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ((b"{", b""), runestore.InvalidJsonError),
        ((b"}}", b"}},"), runestore.InvalidJsonError),
        ((b"Ada", b"\xff"), runestore.InvalidJsonError),
        ((b"Ada", b"\\ud800"), runestore.InvalidJsonError),
        ((b"1.5", b"1e400"), runestore.InvalidJsonError),
        ((b"1.5", b"NaN"), runestore.InvalidJsonError),
        ((b'"type"', b'"tpye"'), runestore.InvalidEventError),
        ((b'"type":"Opened",', b""), runestore.InvalidEventError),
        ((b'"type":"Opened"', b'"type":"Opened","type":"Opened"'), runestore.InvalidEventError),
        ((b'"sequence_number":1', b'"sequence_number":0'), runestore.InvalidEventError),
        ((b'"sequence_number":1', b'"sequence_number":1.0'), runestore.InvalidEventError),
        ((b'"stream_version":1', b'"stream_version":"1"'), runestore.InvalidEventError),
        ((b'"stream_version":1,', b""), runestore.InvalidEventError),
        ((b'"version":2', b'"version":4294967296'), runestore.InvalidEventError),
        ((b"0190a000-", b"0190a000+"), runestore.InvalidEventError),
        ((b"2026-11-23T", b"2026-11-33T"), runestore.InvalidEventError),
        ((b'["vip","b"]', b'"vip"'), runestore.InvalidEventError),
        ((b'["vip","b"]', b'["vip",5]'), runestore.InvalidEventError),
        ((b'{"by":"test"}', b"[]"), runestore.InvalidEventError),
        ((b'"data":', b'"data_base64":"","data":'), runestore.InvalidEventError),
        ((b"0190a000-", b"0190A000-"), runestore.InvalidEventError),
        ((b"2026-11-23T", b"2026-11-23t"), runestore.InvalidEventError),
        ((b'["vip","b"]', b'["vip","vip"]'), runestore.InvalidEventError),
        ((b'["vip","b"]', b'["vip",""]'), runestore.InvalidEventError),
    ],
)
def test_from_json_refuses_what_no_store_wrote(event: Event, change: tuple[bytes, bytes], error: type[Exception]) -> None:
    text = event.json.replace(*change, 1)
    assert text != event.json
    with pytest.raises(error):
        Event.from_json(text)


def test_from_json_refuses_what_is_no_text_of_an_event(store: runestore.Store) -> None:
    for text in (b"", b" ", b"null", b"[]", b"{}", b'"x"', b"\0"):
        with pytest.raises(ValueError):
            Event.from_json(text)
    from_json: Any = Event.from_json
    wrong: list[Any] = ["{}", None, 5, {}]
    for value in wrong:
        with pytest.raises(TypeError):
            from_json(value)
    [binary] = store.append(new(b"abc"))
    with pytest.raises(runestore.InvalidEventError, match="data_base64"):
        Event.from_json(binary.json.replace(b"YWJj", b"YW!j"))


def test_the_order_of_fields_and_white_space_do_not_matter(event: Event) -> None:
    fields = json.loads(event.json)
    assert Event.from_json(json.dumps(fields, indent=1, ensure_ascii=False).encode()) == event
    backwards = json.dumps(dict(reversed(fields.items())), ensure_ascii=False).encode()
    assert Event.from_json(backwards) == event and Event.from_json(backwards).json == event.json


def test_a_broken_text_is_refused_or_can_be_read(event: Event) -> None:
    """As a pickle from anywhere may hold one: what `from_json` lets in, every attribute can read."""
    source = random.Random(7)
    for _ in range(20_000):
        text = bytearray(event.json)
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(text))
            match source.randrange(3):
                case 0:
                    text[at] = source.choice(b'"\\{}[],:0129eE-+.TZ u\n\xff')
                case 1:
                    del text[at : at + source.randrange(1, 9)]
                case _:
                    text[at:at] = text[source.randrange(len(text)) :][: source.randrange(1, 9)]
        try:
            read = Event.from_json(bytes(text))
        except ValueError:
            continue
        assert read.to_dict().keys() == event.to_dict().keys()
        for name, value in FIELDS.items():
            assert type(getattr(read, name)) is type(value) or name == "data", (name, read.json)
        assert pickle.loads(pickle.dumps(read)) == read


def test_the_year_0_is_a_text_only(store: runestore.Store) -> None:
    [event] = store.append(new(inserted_at="0000-12-31T23:59:59Z"))
    assert event.to_dict()["inserted_at"] == "0000-12-31T23:59:59.000000Z"
    with pytest.raises(ValueError, match="year 0"):
        event.inserted_at
    for year in ("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"):
        [event] = store.append(new(inserted_at=year))
        assert event.inserted_at - datetime.fromisoformat(year) == timedelta(0)


def test_the_text_keeps_order_and_keys_that_stand_twice(store: runestore.Store) -> None:
    data = b'{"b":1,"a":2,"b":3,"\\u0061":4.0e0}'
    store.append_json(b'{"type":"t","domain":"d","instance_id":"i","data":%s}' % data)
    [event] = store.get_events()
    assert b'"data":' + data in event.json
    assert event.data == {"b": 3, "a": 4.0} and list(event.data) == ["b", "a"]
