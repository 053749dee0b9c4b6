"""Engines that are written in Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from . import _native
from ._errors import EngineError, IndeterminateError, InvalidOptionsError
from ._native import Event


class EngineEvent(dict[str, Any]):
    """An event on its way to an engine: all its fields but the two numbers, as Python values.

    `json` is its text, byte for byte. A dict cannot hold all that JSON can (keys that stand twice, how a number was
    written): an engine that keeps `json`, or these objects themselves, gives back what was stored.
    """

    __slots__ = ("json",)

    json: bytes
    """The event's JSON text, one line, without the two numbers."""

    def numbered(self, sequence_number: int, stream_version: int) -> bytes:
        """The event's text with its numbers: what an engine answers."""
        return b'{"sequence_number":%d,"stream_version":%d,%s' % (sequence_number, stream_version, self.json[1:])


Answer: TypeAlias = Iterable[Mapping[str, Any] | Event | bytes | str]
"""Events that an engine gives back, with their numbers: dicts, or the text of each."""


@runtime_checkable
class Engine(Protocol):
    """What an engine of your own must have: an object with these methods opens as `Store(store=engine)`.

    The store completes and checks what is appended, and looks at what comes back; docs/ENGINES.md has the rules. By
    default its methods are called by one thread at a time, and nobody else may write to its storage. An engine may
    also have:

    - `tracking(source) -> int`: the position last recorded for a source, 0 if none. `append` finds it under
      `tracking` in its `opts` then, and records it in the same step. Without, tracking is unsupported.
    - `concurrent = True`: its methods may run in several threads at once (`append` never twice).
    - `shared = True`: others may write to its storage. Expectations, conditions, tracking and given ids are
      unsupported then.
    - `wait(after, timeout)`: for a shared engine, waits at most `timeout` seconds for an event behind `after`.
    """

    def init(self, opts: dict[str, Any], /) -> object:
        """Opens the storage that `opts` names: the `store_opts` of the store. What it returns is not looked at."""
        ...

    def append(self, events: list[EngineEvent], opts: dict[str, Any], /) -> Answer:
        """Stores the events, all or nothing, behind all others; the events with their numbers.

        `opts` has the numbers that they are to get, `first` and `stream_versions`, and `tracking` if a position is to
        be recorded. An exception says that nothing was stored, save `IndeterminateError`.
        """
        ...

    def get_events(self, query: list[dict[str, Any]] | None, opts: dict[str, Any], /) -> Answer:
        """The events that match any of the filters (None: all), in order.

        `opts` has `after`, `up_to`, `limit` and `direction`, which it must heed. It may give more than the filters
        ask for: what does not match is passed over.
        """
        ...

    def close(self) -> object:
        """Releases what it holds. Called once."""
        ...


def adapted(engine: object, store_opts: Mapping[str, Any] | None) -> tuple[Adapter, str]:
    """The engine as the core calls it, opened, and its name."""
    name = type(engine).__name__
    missing = [method for method in ("init", "append", "get_events", "close") if not callable(getattr(engine, method, None))]
    if missing:
        raise InvalidOptionsError(
            f"store: `{name}` is neither an engine's name nor an engine: it has no method `{missing[0]}`", {"option": "store", "method": missing[0]}
        )
    adapter = Adapter(engine)
    try:
        adapter.engine.init(dict(store_opts or {}))
    except Exception as error:
        details = {"engine": name, "function": "init", "engine_code": type(error).__name__}
        raise EngineError(f"engine `{name}`, init: {described(error)}", details) from error
    return adapter, name


def described(error: BaseException) -> str:
    """An exception in words, for a message."""
    return str(error) or type(error).__name__


class Adapter:
    """An engine, texts in and texts out. The core calls this."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.abilities = (
            bool(getattr(engine, "concurrent", False)),
            bool(getattr(engine, "shared", False)),
            callable(getattr(engine, "wait", None)),
            callable(getattr(engine, "tracking", None)),
        )

    def append(self, events: bytes, opts: bytes) -> bytes:
        given = [_event(line) for line in _lines(events)]
        stored = self.engine.append(given, json.loads(opts))
        texts = []
        for index, event in enumerate(_iterable("append", stored)):
            before = given[index] if index < len(given) else None
            texts.append(_text(event, before))
        return _array(texts)

    def get_events(self, query: bytes, opts: bytes) -> bytes:
        found = self.engine.get_events(json.loads(query), json.loads(opts))
        return _array([_text(event, None) for event in _iterable("get_events", found)])

    def wait(self, after: int, timeout: float) -> None:
        self.engine.wait(after, timeout)

    def tracking(self, source: str) -> int:
        position = self.engine.tracking(source)
        if not isinstance(position, int) or not 0 <= position < 1 << 63:
            raise TypeError(f"tracking returned {position!r}: it must be an int from 0 to 2**63-1")
        return position

    def close(self) -> None:
        self.engine.close()

    @staticmethod
    def failure(error: BaseException) -> tuple[str, str, bool]:
        """What the core is told of an exception: in words, its name, and whether it leaves the outcome open."""
        return described(error), type(error).__name__, isinstance(error, IndeterminateError)


def _lines(events: bytes) -> list[bytes]:
    lines = events[1:-1].split(b"\n")
    return [line.removesuffix(b",") for line in lines if line]


def _event(line: bytes) -> EngineEvent:
    event = EngineEvent(json.loads(line))
    event.json = line
    return event


def _iterable(function: str, answer: Any) -> Iterable[Any]:
    if isinstance(answer, (bytes, str, Mapping)) or not isinstance(answer, Iterable):
        raise TypeError(f"{function} returned {type(answer).__name__}: it must be a list of events, each a dict or its text")
    return answer


def _array(texts: Sequence[bytes]) -> bytes:
    return b"[" + b",\n".join(texts) + b"]"


_NUMBERS = ("sequence_number", "stream_version")


def _text(event: Any, given: EngineEvent | None) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode()
    if isinstance(event, Event):
        return event.json
    if isinstance(event, EngineEvent) and all(isinstance(event.get(name), int) for name in _NUMBERS):
        return event.numbered(event["sequence_number"], event["stream_version"])
    if given is not None and isinstance(event, Mapping):
        rest = {name: value for name, value in event.items() if name not in _NUMBERS}
        numbers = [event.get(name) for name in _NUMBERS]
        # The same values: then their text is known, to the byte.
        if rest == {name: value for name, value in given.items() if name not in _NUMBERS}:
            if all(isinstance(number, int) for number in numbers):
                return given.numbered(int(numbers[0]), int(numbers[1]))  # type: ignore[arg-type]
    return _native.encode_event(event)
