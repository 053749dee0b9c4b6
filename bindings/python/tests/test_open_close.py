"""Opening and closing."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support import Threads, new, until

import runestore
from runestore import ClosedError, Store


def test_without_a_target_events_are_kept_in_memory() -> None:
    with runestore.open() as store, runestore.open(None) as other, Store() as third, Store({"store": "memory"}) as last:
        store.append(new())
        assert (store.head, other.head, third.head, last.head) == (1, 0, 0, 0)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_an_address_that_nobody_answers_at_is_named_without_its_password(scheme: str) -> None:
    with pytest.raises(runestore.IoError, match="no server lets it in .localhost:1: ") as caught:
        runestore.open(f"{scheme}://user:secret@localhost:1/database")
    assert (caught.value.code, caught.value.details) == ("io", {}) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "option"),
    [
        ({"stroe": "memory"}, "stroe"),
        ({"store": "memroy"}, "store"),
        ({"store": 5}, "store"),
        ({"store": "memory", "store_opts": {"path": "x"}}, "path"),
        ({"store": "memory", "store_opts": {"path": float("nan")}}, None),
        ([], None),
        (5, None),
    ],
)
def test_a_configuration_that_is_none(config: Any, option: str | None) -> None:
    with pytest.raises(runestore.InvalidOptionsError) as caught:
        Store(config)
    assert option is None or caught.value.details["option"] == option


def test_an_option_that_the_engine_does_not_have() -> None:
    with pytest.raises(runestore.InvalidOptionsError, match="sync"):
        runestore.open(sync="always")
    # One of the two would be passed over.
    for target, option in (("a", "path"), ("postgresql://a", "url")):
        with pytest.raises(runestore.InvalidOptionsError, match="already"):
            runestore.open(target, **{option: "b"})
    for wrong in (5, object()):
        target_: Any = wrong
        with pytest.raises(TypeError):
            runestore.open(target_)


def test_closing_twice_is_fine(store: Store) -> None:
    store.append(new())
    store.close()
    store.close()
    with store:
        pass


def test_every_call_on_a_closed_store_says_so(store: Store) -> None:
    store.append([new(), new()])
    stream, subscription = store.events(), store.subscribe()
    next(stream)
    store.close()
    calls: list[Any] = [
        lambda: store.append(new()),
        lambda: store.append_json("[]"),
        store.get_events,
        store.get_events_json,
        store.get_page,
        store.events,
        store.subscribe,
        lambda: store.head,
        lambda: store.wait(0),
        lambda: store.wait(5, 0),
        lambda: store.tracking("s"),
        store.info,
        store.verify,
        lambda: store.backup("x"),
        lambda: next(subscription),
    ]
    for call in calls:
        with pytest.raises(ClosedError) as caught:
            call()
        assert caught.value.code == "closed"
    subscription.stop()
    assert list(subscription) == []


def test_a_with_block_closes_whatever_happens(make: Callable[[], Store]) -> None:
    with pytest.raises(LookupError), make() as store:
        raise LookupError
    with pytest.raises(ClosedError):
        store.append(new())


def test_events_outlive_their_store(make: Callable[[], Store]) -> None:
    with make() as store:
        [event] = store.append(new({"a": 1}))
    assert event.data == {"a": 1} and event.type == "Opened"


def test_a_subscription_keeps_its_store_open(make: Callable[[], Store]) -> None:
    store = make()
    store.append(new(5))
    subscription, stream = store.subscribe(), store.events()
    del store
    assert next(subscription).data == 5 == next(stream).data


def test_closing_ends_all_that_waits(store: Store) -> None:
    errors: list[str] = []

    def waits(wait: Any) -> Any:
        def work() -> None:
            with pytest.raises(ClosedError) as caught:
                wait()
            errors.append(caught.value.code)

        return work

    subscriptions = [store.subscribe() for _ in range(3)]
    works = [waits(lambda: store.wait(9)), waits(lambda: store.wait(9, 600))]
    works += [waits(lambda each=each: list(each)) for each in subscriptions]
    threads = Threads(*works)
    store.append(new())
    until(lambda: all(each.position == 1 for each in subscriptions))
    store.close()
    threads.join()
    assert errors == ["closed"] * 5


def test_stores_and_iterators_are_neither_pickled_nor_deeply_copied(store: Store) -> None:
    for thing in (store, store.subscribe(), store.events()):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(thing)
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.deepcopy(thing)


def test_the_command_tells_the_version() -> None:
    command = [sys.executable, "-m", "runestore"]
    told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith(f"runestore {runestore.__version__} (CPython 3.") and told.stderr == ""
    helped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--version" in helped.stdout
    wrong = subprocess.run([*command, "--verzion"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "usage" in wrong.stderr


def test_every_public_name_is_there_and_says_where_it_is_from() -> None:
    for name in runestore.__all__:
        thing = getattr(runestore, name)
        if isinstance(thing, type):
            assert (thing.__module__, thing.__qualname__) == ("runestore", name)
    assert len(set(runestore.__all__)) == len(runestore.__all__)
