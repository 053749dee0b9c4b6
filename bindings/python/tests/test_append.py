"""Appending: decisions that hold, and retries that do no harm."""

import json
import uuid
from collections import UserDict
from typing import Any

import pytest
from support import new

import runestore
from runestore import ConflictError


def test_a_batch_has_adjacent_positions_and_one_time(store: runestore.Store) -> None:
    store.append(new())
    events = store.append([new(), new(instance_id="a-2"), new()])
    assert [event.sequence_number for event in events] == [2, 3, 4]
    assert [event.stream_version for event in events] == [2, 1, 3]
    assert len({event.inserted_at for event in events}) == 1 and len({event.id for event in events}) == 3
    assert all(event.id.version == 7 for event in events)


def test_expected_version(store: runestore.Store) -> None:
    store.append(new(), expected_version=0)
    store.append(new(), expected_version=1)
    store.append([new(), new()], expected_version="exists")
    store.append(new(), expected_version="any")
    store.append(new(), expected_version=None)
    for version, instance in [(0, "a-1"), (5, "a-1"), (7, "a-1"), (1, "a-2"), ("exists", "a-2")]:
        with pytest.raises(ConflictError) as caught:
            store.append(new(instance_id=instance), expected_version=version)  # type: ignore[arg-type]
        actual = 6 if instance == "a-1" else 0
        assert caught.value.details == {
            "reason": "expected_version",
            "expected": version,
            "actual": actual,
            "domain": "account",
            "instance_id": instance,
        }
    assert store.head == 6


def test_expectations_of_other_streams(store: runestore.Store) -> None:
    store.append(new())
    there = {"domain": "account", "instance_id": "a-1", "version": 1}
    absent = {"domain": "account", "instance_id": "a-2", "version": 0}
    store.append(new(instance_id="a-3"), expect=[there, UserDict(absent)])
    with pytest.raises(ConflictError) as caught:
        store.append(new(instance_id="a-4"), expect=(there, {**absent, "version": 1}))
    assert caught.value.details["reason"] == "expect" and caught.value.details["instance_id"] == "a-2"
    assert store.head == 2


def test_conditions(store: runestore.Store) -> None:
    [event] = store.append(new(tags=["seat:1"]))
    query = {"tags": ["seat:1"]}
    with pytest.raises(ConflictError) as caught:
        store.append(new(), condition={"fail_if_events_match": query})
    assert caught.value.details == {"reason": "condition", "expected": "none", "actual": 1, "sequence_number": 1}
    store.append(new(), condition={"fail_if_events_match": query, "after": 1})
    store.append(new(), condition={"fail_if_events_match": [{"to": event.inserted_at}, {"id": uuid.uuid4()}]})
    with pytest.raises(runestore.InvalidQueryError):
        store.append(new(), condition={"fail_if_events_match": []})


def test_tracking(store: runestore.Store) -> None:
    assert store.tracking("mailer") == 0
    store.append(new(), tracking={"source": "mailer", "position": 5})
    assert (store.tracking("mailer"), store.tracking("other")) == (5, 0)
    with pytest.raises(ConflictError) as caught:
        store.append(new(), tracking={"source": "mailer", "position": 5})
    assert caught.value.details == {"reason": "tracking", "expected": 5, "actual": 5, "source": "mailer"}
    with pytest.raises(runestore.InvalidOptionsError):
        store.tracking("")


def test_an_empty_batch_is_checked_and_recorded(store: runestore.Store) -> None:
    assert store.append([], tracking={"source": "s", "position": 9}) == []
    assert store.tracking("s") == 9 and store.head == 0
    with pytest.raises(ConflictError):
        store.append([], expect=[{"domain": "d", "instance_id": "i", "version": "exists"}])
    with pytest.raises(runestore.InvalidOptionsError):
        store.append([], expected_version=0)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"expected_version": -1}, "expected_version"),
        ({"expected_version": True}, "expected_version"),
        ({"expected_version": "none"}, "expected_version"),
        ({"expected_version": 1.0}, "expected_version"),
        ({"expect": [{"domain": "d"}]}, "expect"),
        ({"expect": {}}, "expect"),
        ({"condition": {"fail": 1}}, "fail"),
        ({"condition": {}}, "condition"),
        ({"tracking": {"source": "s"}}, "tracking"),
        ({"tracking": {"source": "s", "position": float("nan")}}, None),
        ({"tracking": {"source": "s", "position": 2**63}}, "tracking"),
    ],
)
def test_an_option_that_is_none(store: runestore.Store, options: dict[str, Any], option: str | None) -> None:
    with pytest.raises(runestore.InvalidOptionsError) as caught:
        store.append(new(), **options)
    assert option is None or option in caught.value.details["option"]
    assert store.head == 0


def test_options_go_by_name_and_a_wrong_name_is_told(store: runestore.Store) -> None:
    append: Any = store.append
    with pytest.raises(TypeError):
        append(new(), 0)
    with pytest.raises(TypeError, match="expected_versoin"):
        append(new(), expected_versoin=0)
    assert store.head == 0


def test_a_batch_with_ids_may_be_sent_twice(store: runestore.Store) -> None:
    batch = [new({"n": 10**25}, id=uuid.uuid4()), new(b"x", id=uuid.uuid4(), tags=["b", "a"])]
    first = store.append(batch, expected_version=0, tracking={"source": "s", "position": 1})
    again = store.append(batch, expected_version=0, tracking={"source": "s", "position": 2})
    assert again == first and store.head == 2 and store.tracking("s") == 2
    batch[1]["tags"] = ["a", "b"]
    assert store.append(batch) == first


def test_an_id_is_stored_once(store: runestore.Store) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    store.append(new(1, id=one))
    for batch in ([new(2, id=one)], [new(1, id=one), new(1, id=two)], [new(3, id=two), new(4, id=one)]):
        with pytest.raises(runestore.DuplicateIdError) as caught:
            store.append(batch)
        assert caught.value.details["ids"] == [str(one)]
    with pytest.raises(runestore.DuplicateIdError) as caught:
        store.append([new(id=two), new(id=two)])
    assert caught.value.details["ids"] == [str(two)] and store.head == 1


def test_a_decision_that_is_taken_again_until_it_holds(store: runestore.Store) -> None:
    """The loop of the guide: read, decide, append, and once more where another was faster."""
    turns = 0

    def withdraw(amount: int) -> None:
        nonlocal turns
        while True:
            turns += 1
            stream = store.get_events({"domain": "account", "instance_id": "a-1"})
            if turns == 1:
                store.append(new(-80))
            balance = sum(event.data for event in stream)
            if balance < amount:
                raise LookupError(balance)
            try:
                store.append(new(-amount), expected_version=len(stream))
                return
            except ConflictError:
                continue

    store.append(new(100), expected_version=0)
    with pytest.raises(LookupError, match="20"):
        withdraw(50)
    assert turns == 2 and store.head == 2


def test_append_json_takes_and_gives_text(store: runestore.Store) -> None:
    text = json.dumps([new({"a": 1}), new()])
    answer = store.append_json(text)
    assert type(answer) is bytes and [event["sequence_number"] for event in json.loads(answer)] == [1, 2]
    assert answer == store.get_events_json()
    summary = store.append_json(text.encode(), b'{"return":"summary","expected_version":2}')
    assert summary == b'{"first":3,"last":4,"count":2,"head":4}'
    bad: list[Any] = [None, 5, {}, [new()]]
    for events in bad:
        with pytest.raises(runestore.InvalidEventError):
            store.append_json(events)
    for broken in ("", "{", b"\xff", "\ud800", '{"type":"\\ud800"}'):
        with pytest.raises(runestore.InvalidJsonError):
            store.append_json(broken)
    with pytest.raises(runestore.InvalidJsonError) as caught:
        store.append_json("[]", "{")
    assert caught.value.details["in"] == "options" and store.head == 4


def test_too_much_for_one_batch(store: runestore.Store) -> None:
    with pytest.raises(runestore.TooLargeError) as caught:
        store.append([new()] * 100_001)
    assert caught.value.details["limit"] == 100_000
    with pytest.raises(runestore.TooLargeError):
        store.append(new("x" * (16 << 20)))
    assert store.head == 0
