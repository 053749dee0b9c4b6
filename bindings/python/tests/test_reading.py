"""Reading: lists, texts, pages, streams and subscriptions."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Threads, new, until

import runestore
from runestore import Store


@pytest.fixture
def ten(store: Store) -> Store:
    store.append(new(n, instance_id=f"a-{n % 2}", tags=[f"t{n % 3}"]) for n in range(10))
    return store


def numbers(events: Iterator[runestore.Event] | list[runestore.Event]) -> list[Any]:
    return [event.data for event in events]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, list(range(10))),
        ({"limit": 3}, [0, 1, 2]),
        ({"limit": 0}, []),
        ({"limit": 3, "offset": 8}, [8, 9]),
        ({"offset": 20}, []),
        ({"limit": 2, "direction": "backward"}, [9, 8]),
        ({"limit": 2, "offset": 1, "direction": "backward"}, [8, 7]),
        ({"limit": None, "offset": 9}, [9]),
    ],
)
def test_the_options_of_a_read(ten: Store, options: dict[str, Any], expected: list[int]) -> None:
    events = ten.get_events(**options)
    assert numbers(events) == expected == numbers(ten.events(**options))
    text = ten.get_events_json(**options)
    assert text == b"[" + b",".join(event.json for event in events) + b"]"
    assert ten.get_events_json(**options, format="ndjson") == b"".join(event.json + b"\n" for event in events)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(store: Store, enabled: bool) -> None:
    """While many events are made it rests."""
    if not enabled:
        gc.disable()
    try:
        appended = store.append([new("x" * 100)] * 2000)
        assert gc.isenabled() is enabled
        assert store.get_events() == appended == store.get_page(limit=2000).events
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, list(range(10))),
        ({}, list(range(10))),
        ([], []),
        ({"instance_id": "a-1"}, [1, 3, 5, 7, 9]),
        ({"instance_id": ("a-1", "a-9"), "tags": ["t0"]}, [3, 9]),
        ([{"after": 8}, {"up_to": 1}], [0, 8, 9]),
        (({"after": 8},), [8, 9]),
        ({"domain": "account", "instance_id": "a-0", "after_version": 3}, [6, 8]),
        ('{"after":8}', [8, 9]),
        (b'[{"after":8}]', [8, 9]),
    ],
)
def test_queries(ten: Store, query: Any, expected: list[int]) -> None:
    assert numbers(ten.get_events(query)) == expected == numbers(ten.events(query))
    assert [event["data"] for event in json.loads(ten.get_events_json(query))] == expected
    assert numbers(ten.get_page(query).events) == expected
    assert numbers(ten.subscribe(query, limit=len(expected))) == expected


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"tpye": "T"}, runestore.InvalidQueryError),
        ({"after": None}, runestore.InvalidQueryError),
        ({"after": -1}, runestore.InvalidQueryError),
        ({"after": float("nan")}, runestore.InvalidQueryError),
        ({"type": {1, 2}}, runestore.InvalidQueryError),
        ({5: 1}, runestore.InvalidQueryError),
        ([{}, 5], runestore.InvalidQueryError),
        (5, runestore.InvalidQueryError),
        ('{"type":"a","type":"b"}', runestore.InvalidQueryError),
        ({"type": "\ud800"}, runestore.InvalidJsonError),
        ("", runestore.InvalidJsonError),
        ("{", runestore.InvalidJsonError),
        (b"\xff", runestore.InvalidJsonError),
    ],
)
def test_what_is_no_query_is_refused_by_every_call(ten: Store, query: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        ten.get_events(query)
    with pytest.raises(error):
        ten.get_events_json(query)
    with pytest.raises(error):
        ten.get_page(query)
    with pytest.raises(error):
        ten.events(query)
    for after in (0, 1):
        with pytest.raises(error):
            ten.subscribe(query, after=after)
    assert ten.head == 10


@pytest.mark.parametrize("options", [{"limit": -1}, {"limit": 2**63}, {"limit": 1.5}, {"limit": True}, {"offset": -1}, {"direction": "up"}])
def test_what_is_no_option_is_refused(ten: Store, options: dict[str, Any]) -> None:
    for read in (ten.get_events, ten.get_events_json, ten.events):
        with pytest.raises(runestore.InvalidOptionsError) as caught:
            read(**options)
        assert caught.value.details["option"] in options


def test_pages_tile_and_stay_stable(ten: Store) -> None:
    first = ten.get_page({"type": "Opened"}, limit=4)
    assert numbers(first.events) == [0, 1, 2, 3]
    assert first.pagination == runestore.Pagination(10, 4, 1, 3, True, False, 10)
    ten.append(new(10))
    stable = {"type": "Opened", "up_to": first.pagination.head}
    pages = [ten.get_page(stable, limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [numbers(page.events) for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    last = pages[-1].pagination
    assert (last.page_number, last.total_pages, last.has_next, last.has_prev) == (3, 3, False, True)
    assert (last.total_count, last.page_size, last.head) == (10, 4, 11)
    assert ten.get_page().pagination.page_size == 100
    for limit, offset in ((0, 0), (-1, 0), (1, -1)):
        with pytest.raises(runestore.InvalidOptionsError):
            ten.get_page(limit=limit, offset=offset)
    with pytest.raises(AttributeError):
        first.events = []  # type: ignore[misc]
    text = json.loads(ten.get_events_json(stable, limit=4, pagination=True))
    assert text["pagination"]["total_count"] == 10 and len(text["events"]) == 4


def test_a_stream_is_of_the_moment_when_it_was_made(ten: Store) -> None:
    stream = ten.events({"instance_id": "a-0"})
    ten.append(new(10, instance_id="a-0"))
    assert iter(stream) is stream
    assert numbers(stream) == [0, 2, 4, 6, 8]
    assert next(stream, None) is None
    backward = ten.events(direction="backward")
    assert next(backward).data == 10 and next(backward).data == 9


def test_a_subscription_goes_on_from_where_one_left_off(ten: Store) -> None:
    first = ten.subscribe({"instance_id": "a-1"}, after=2)
    assert first.position == 2
    seen = []
    for event in first:
        seen.append(event.data)
        assert first.position >= event.sequence_number
        if event.data == 5:
            break
    again = ten.subscribe({"instance_id": "a-1"}, after=first.position)
    ten.append(new(11, instance_id="a-1"))
    seen += numbers([next(again) for _ in range(3)])
    assert seen == [3, 5, 7, 9, 11] and again.position == 11


@pytest.mark.parametrize("query", [{}, "{}", "null", b"[{}]", [{}], [{"after": 3}, {"after": 7}], {"after": 1}])
def test_after_stands_beside_every_query(ten: Store, query: Any) -> None:
    subscription = ten.subscribe(query, after=8, limit=2)
    assert numbers(subscription) == [8, 9]


@pytest.mark.parametrize("query", [[], "[]", b" [] "])
def test_a_query_without_alternatives_matches_nothing(ten: Store, query: Any) -> None:
    for after in (0, 3):
        subscription = ten.subscribe(query, after=after)
        assert subscription._cursor.fill(0.0) is None


def test_a_position_that_is_none(ten: Store) -> None:
    for after in (-1, 2**64):
        with pytest.raises(runestore.InvalidOptionsError, match="after"):
            ten.subscribe(after=after)
        with pytest.raises(runestore.InvalidOptionsError, match="after"):
            ten.wait(after, 0)
    with pytest.raises(TypeError):
        ten.wait("5", 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ten.subscribe({"after": 1}, after="5")  # type: ignore[arg-type]
    # A query in any of its forms can begin behind a position.
    assert numbers(ten.subscribe(b'{"after":2}', after=8, limit=2)) == [8, 9]


def test_a_subscription_ends_by_limit_and_by_up_to(ten: Store) -> None:
    assert numbers(ten.subscribe(limit=3)) == [0, 1, 2]
    assert numbers(ten.subscribe({"up_to": 12}, after=8, limit=2)) == [8, 9]
    short = ten.subscribe({"up_to": 4, "tags": ["t0"]})
    assert numbers(short) == [0, 3] and short.position == 4
    assert numbers(ten.subscribe(limit=0)) == []


def test_a_stopped_subscription_stays_stopped(ten: Store) -> None:
    subscription = ten.subscribe()
    next(subscription)
    subscription.stop()
    subscription.stop()
    assert list(subscription) == [] == list(subscription)
    assert subscription.position == 1


def test_wait_tells_the_head(ten: Store) -> None:
    assert ten.wait(0) == ten.wait(9, timeout=60) == ten.head == 10
    assert ten.wait(10, timeout=0) is ten.wait(10, timeout=0.001) is ten.wait(2**63, 0) is None
    for timeout in (-1, -0.5, float("nan")):
        with pytest.raises(runestore.InvalidOptionsError) as caught:
            ten.wait(0, timeout)
        assert caught.value.details == {"option": "timeout"}
    answers: list[int | None] = []
    threads = Threads(lambda: answers.append(ten.wait(10)), lambda: answers.append(ten.wait(10, float("inf"))))
    ten.append(new(10))
    threads.join()
    assert answers == [11, 11]


def test_a_position_can_be_asked_for_while_a_thread_waits(ten: Store) -> None:
    subscription = ten.subscribe()
    threads = Threads(lambda: list(subscription))
    until(lambda: subscription.position == 10)
    ten.append([new(instance_id="never read")] * 3)
    until(lambda: subscription.position == 13)
    subscription.stop()
    threads.join()


def test_what_is_told_about_a_store(ten: Store, engine: str) -> None:
    info = ten.info()
    assert (info["engine"], info["head"], info["events"], info["read_only"]) == (engine, 10, 10, False)
    assert info["version"] == runestore.__version__
    assert info["bytes"] > 0 if engine in ("memory", "file") else info["unsupported"] == ["verify", "backup"]


def test_a_store_in_memory_has_nothing_to_verify_or_to_copy(tmp_path: Path) -> None:
    with runestore.open() as store:
        calls: list[Any] = [store.verify, lambda: store.backup(tmp_path / "copy"), lambda: store.backup("copy", progress=print)]
        for call in calls:
            with pytest.raises(runestore.UnsupportedError):
                call()
    assert list(tmp_path.iterdir()) == []


