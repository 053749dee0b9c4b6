"""Every case of `tests/vectors`, through the package. `tests/vectors/README.md` says what they mean.

Texts go in as they are, below the public classes: those could not express a broken one. What a
cursor gives piece by piece, the package hands out event by event; here it is put together again.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import ENGINES

import runestore
from runestore import _native

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "vectors"
FILES = sorted(FOLDER.glob("*.json"))
EXPECTED = {"call", "note", "status", "answer", "position", "head", "details", "message_has"}
INPUTS: dict[str, set[str]] = {
    "append": {"events", "options"},
    "get_events": {"query", "options"},
    "cursor_open": {"query", "options", "cursor"},
    "cursor_next": {"cursor", "max_events", "timeout_ms"},
    "cursor_cancel": {"cursor"},
    "cursor_close": {"cursor"},
    "wait": {"after", "timeout_ms"},
    "tracking": {"source"},
    "info": set(),
    "status_name": {"code"},
}
Step = dict[str, Any]
counts: Counter[str] = Counter()


def text_of(value: Any, texts: dict[str, Any] | None) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return b"".join(text_of(part, texts) for part in value)
    match value:
        case {"repeat": str(text), "times": int(times), **rest} if not rest:
            return text.encode() * times
        case {"hex": str(digits), **rest} if not rest:
            return bytes.fromhex(digits)
        case {"use": str(name), **rest} if not rest and texts is not None:
            return text_of(texts[name], None)
    raise AssertionError(f"{value!r} is no part of a text")


class LeftOut(Exception):
    """Python has no way to make this call."""


class Outcome:
    def __init__(self, status: str, **parts: Any) -> None:
        self.status = status
        self.answer: bytes | None = parts.get("answer")
        self.position: int | None = parts.get("position")
        self.head: int | None = parts.get("head")
        self.members: dict[str, Any] | None = parts.get("members")


class Follower:
    """A cursor of the package, as the vectors see one."""

    def __init__(self, cursor: _native.Cursor, array: bool, options: bytes) -> None:
        self.cursor = cursor
        self.array = array
        self.bounded = b'"max_bytes"' in options
        self.backward = b'"backward"' in options
        self.stopped = False
        self.left = False

    def next(self, max_events: int, timeout: float | None) -> Outcome:
        if self.stopped:
            # The package ends its iteration where the core says that it was interrupted.
            assert self.cursor.fill(timeout) is False and self.cursor.take() is None
            raise LeftOut
        filled = self.cursor.fill(timeout)
        events: list[bytes] = []
        # `max_events` is for the core's pieces, which the package takes whole: what is left of one may be fewer.
        more = filled
        while more and len(events) != (max_events or -1):
            if (event := self.cursor.take()) is not None:
                events.append(event.json)
            else:
                more = self.left and not self.bounded and self.cursor.fill(0.0)
                self.left = False
        self.left = bool(more)
        if not filled:
            return Outcome("timeout" if filled is None else "done", position=self.cursor.position)
        answer = b"[" + b",".join(events) + b"]" if self.array else b"".join(event + b"\n" for event in events)
        # What is in the middle of a piece has a position in forward iterations alone: no other is public.
        position = None if self.backward and self.left else self.cursor.position
        return Outcome("ok", answer=answer, position=position)


class Run:
    def __init__(self, store: runestore.Store, texts: dict[str, Any]) -> None:
        self.store = store
        self.native = self.store._native
        self.texts = texts
        self.cursors: dict[str, Follower | None] = {}

    def text(self, step: Step, member: str) -> bytes | None:
        return text_of(step[member], self.texts) if member in step else None

    def step(self, step: Step) -> Outcome:
        try:
            outcome: Outcome = getattr(self, step["call"])(step)
        except runestore.StoreError as error:
            return Outcome(error.code, members={"code": error.code, "message": str(error), **error.details})
        return outcome

    def append(self, step: Step) -> Outcome:
        events = self.text(step, "events")
        if events is None:
            raise LeftOut
        options = self.text(step, "options")
        # The stub says what the public classes give; the texts of the vectors come before that.
        return Outcome("ok", answer=self.native.append_json(events, options))

    def get_events(self, step: Step) -> Outcome:
        query, options = self.text(step, "query"), self.text(step, "options")
        answer = self.native.get_events_json(query, options)
        parsed = {} if options is None else json.loads(options) or {}
        if parsed.get("format") != "ndjson" and not parsed.get("pagination"):
            # The same as objects: another way through the core.
            events = self.native.get_events(query, json.dumps({**parsed, "format": "ndjson"}))
            assert b"[" + b",".join(event.json for event in events) + b"]" == answer
        return Outcome("ok", answer=answer)

    def cursor_open(self, step: Step) -> Outcome:
        self.cursors[step["cursor"]] = None
        options, array = lines(self.text(step, "options"))
        cursor = self.native.cursor(self.text(step, "query"), options, 0)
        self.cursors[step["cursor"]] = Follower(cursor, array, options or b"")
        return Outcome("ok")

    def cursor_next(self, step: Step) -> Outcome:
        cursor = self.cursors[step["cursor"]]
        if cursor is None:
            raise LeftOut
        return cursor.next(step["max_events"], seconds(step))

    def cursor_cancel(self, step: Step) -> Outcome:
        cursor = self.cursors[step["cursor"]]
        if cursor is None:
            raise LeftOut
        cursor.cursor.stop()
        cursor.stopped = True
        return Outcome("ok")

    def cursor_close(self, step: Step) -> Outcome:
        # What is not referred to any more is closed.
        self.cursors[step["cursor"]] = None
        raise LeftOut

    def wait(self, step: Step) -> Outcome:
        head = self.native.wait(step["after"], seconds(step))
        return Outcome("timeout", head=self.store.head) if head is None else Outcome("ok", head=head)

    def tracking(self, step: Step) -> Outcome:
        source = text_of(step["source"], self.texts)
        return Outcome("ok", position=self.native.tracking(source.decode()))

    def info(self, step: Step) -> Outcome:
        return Outcome("ok", members=self.store.info())

    def status_name(self, step: Step) -> Outcome:
        # Python has no numbers, but its classes stand in the order of theirs.
        *classes, internal = [kind.code for kind in runestore.StoreError.__subclasses__()]
        names = {0: "ok", 1: "done", 2: "timeout", -99: internal}
        names |= {-number: code for number, code in enumerate(classes, 1)}
        return Outcome("ok", answer=names.get(step["code"], "unknown").encode())


def lines(options: bytes | None) -> tuple[bytes | None, bool]:
    """A cursor's options for the package, which reads one event a line; and whether an array was asked for."""
    try:
        parsed = json.loads(b"{}" if options is None else options)
    except ValueError:
        return options, True
    if parsed is None:
        parsed, options = {}, None
    if not isinstance(parsed, dict) or parsed.get("format") not in (None, "array", "ndjson"):
        return options, True
    array = parsed.pop("format", None) != "ndjson"
    if array and isinstance(parsed.get("max_bytes"), int) and 1 < parsed["max_bytes"] < 2**62:
        # Two brackets and the commas between events: one byte more than the newlines.
        parsed["max_bytes"] -= 1
    if options is not None and json.dumps(json.loads(options)) != re.sub(r"([,:])", r"\1 ", options.decode()):
        # A key that stands twice, or another thing that would get lost.
        return options, array
    return json.dumps({**parsed, "format": "ndjson"}).encode(), array


def seconds(step: Step) -> float | None:
    if step["timeout_ms"] < -1:
        raise LeftOut
    return None if step["timeout_ms"] == -1 else step["timeout_ms"] / 1000


def check(step: Step, outcome: Outcome, texts: dict[str, Any]) -> None:
    assert step["status"] == outcome.status, outcome.members or (outcome.answer or b"")[:600]
    is_error = outcome.status not in ("ok", "done", "timeout")
    if is_error:
        assert outcome.members is not None and outcome.members["code"] == outcome.status and outcome.members["message"]
    if "answer" in step:
        assert outcome.answer is not None
        same_answer(text_of(step["answer"], texts), outcome.answer)
    if "position" in step and not is_error and outcome.position is not None:
        low, high = step["position"] if isinstance(step["position"], list) else (step["position"],) * 2
        counts["positions"] += 1
        assert low <= outcome.position <= high, outcome.position
    if "head" in step:
        assert outcome.head == step["head"]
    for name, value in step.get("details", {}).items():
        assert outcome.members is not None and outcome.members.get(name) == value, (name, value, outcome.members)
    for part in step.get("message_has", []):
        assert outcome.members is not None and part in outcome.members["message"], outcome.members


UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def same_answer(expected: bytes, answer: bytes) -> None:
    if expected == answer:
        return
    parts = re.split("«(.*?)»", expected.decode())
    # Literals and wildcards take turns; what a wildcard stands for is looked at afterwards.
    patterns = {"uuid7": f"({UUID7.pattern})", "now": f"({NOW.pattern})", "any": "(.*?)"}
    pattern = "".join(patterns[part] if at % 2 else re.escape(part) for at, part in enumerate(parts))
    found = re.fullmatch(pattern, answer.decode(), re.DOTALL)
    assert found, f"{expected[:600]!r} was expected, there is {answer[:600]!r}"
    stands_for: dict[str, list[str]] = {"uuid7": [], "now": [], "any": []}
    for wildcard, value in zip(parts[1::2], found.groups(), strict=True):
        stands_for[wildcard].append(value)
    assert len(set(stands_for["uuid7"])) == len(stands_for["uuid7"]), "an id is there twice"
    assert len(set(stands_for["now"])) <= 1, "a batch has one time"
    for time in stands_for["now"][:1]:
        assert abs(datetime.fromisoformat(time) - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file(path: Path, make: Callable[[], runestore.Store]) -> None:
    file = json.loads(path.read_text())
    assert set(file) <= {"title", "texts", "cases"} and isinstance(file["title"], str) and file["cases"]
    names = [case["name"] for case in file["cases"]]
    assert len(set(names)) == len(names)
    texts = file.get("texts", {})
    counts["files"] += 1
    for case in file["cases"]:
        assert set(case) == {"name", "steps"} and case["steps"]
        counts["cases"] += 1
        run = Run(make(), texts)
        for index, step in enumerate(case["steps"]):
            counts["steps"] += 1
            assert set(step) <= EXPECTED | INPUTS[step["call"]], step
            try:
                check(step, run.step(step), texts)
            except LeftOut:
                counts["left out"] += 1
            except AssertionError as fault:
                raise AssertionError(f"{path.name}, {case['name']!r}, step {index} ({step['call']}): {fault}") from fault
        run.store.close()


def test_all_of_them_were_run(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            f"\nvectors: {counts['files']} files, {counts['cases']} cases, {counts['steps']} steps, of which Python "
            f"has no words for {counts['left out']}"
        )
    if counts["files"] < len(ENGINES) * len(FILES):
        pytest.skip("only some files were selected")
    # These were there when it was written.
    engines = len(ENGINES)
    assert counts["files"] >= 23 * engines and counts["cases"] >= 216 * engines and counts["steps"] >= 2560 * engines
    assert counts["positions"] >= 200 * engines
    assert counts["left out"] * 100 < counts["steps"]


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("[]", "[ ]"),
        ("«uuid7»", "0190a000-0000-4000-8000-000000000001"),
        ("«uuid7» «uuid7»", "0190a000-0000-7000-8000-000000000001 0190a000-0000-7000-8000-000000000001"),
        ("«now»", "2001-01-01T00:00:00.000000Z"),
        ("a«any»b", "a b c"),
    ],
)
def test_the_runner_sees_a_wrong_answer(expected: str, answer: str) -> None:
    with pytest.raises(AssertionError):
        same_answer(expected.encode(), answer.encode())
