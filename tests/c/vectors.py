"""Turns tests/vectors/*.json into a C table for vectors.c.

    vectors.py FOLDER OUTPUT

A step that this script does not understand whole is an error: nothing is left out silently.
"""

import json
import re
import sys
from pathlib import Path

CALLS = {
    "append": ({"events", "options"}, {"answer"}),
    "get_events": ({"query", "options"}, {"answer"}),
    "cursor_open": ({"query", "options", "cursor"}, set()),
    "cursor_next": ({"cursor", "max_events", "timeout_ms"}, {"answer", "position"}),
    "cursor_cancel": ({"cursor"}, set()),
    "cursor_close": ({"cursor"}, set()),
    "wait": ({"after", "timeout_ms"}, {"head"}),
    "tracking": ({"source"}, {"position"}),
    "info": (set(), set()),
    "status_name": ({"code"}, {"answer"}),
}
ALWAYS = {"call", "note", "status", "details", "message_has"}
TEXTS = ("events", "query", "options", "source", "answer")


def c_string(data: bytes) -> str:
    """A C literal. Everything that C could read in another way (trigraphs, too) is written in octal."""
    safe = set(range(32, 127)) - set(b'"\\?')
    return '"' + "".join(chr(byte) if byte in safe else f"\\{byte:03o}" for byte in data) + '"'


class Table:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.texts: dict[tuple, str] = {}

    def text(self, value: object, texts: dict[str, object]) -> str:
        """The name of a table of parts, NULL where the text is missing."""
        if value is None:
            return "NULL"
        parts = tuple(self.parts(value, texts))
        if parts not in self.texts:
            self.texts[parts] = name = f"text_{len(self.texts)}"
            rows = [f"    {{{c_string(data)}, {len(data)}, {times}}}," for data, times in parts]
            self.lines += [f"static const struct part {name}[] = {{", *rows, "    {NULL, 0, 0},", "};"]
        return self.texts[parts]

    def parts(self, value: object, texts: dict[str, object]):
        for part in value if isinstance(value, list) else [value]:
            match part:
                case str():
                    yield part.encode(), 1
                case {"repeat": str(text), "times": int(times), **rest} if not rest:
                    yield text.encode(), times
                case {"hex": str(digits), **rest} if not rest:
                    yield bytes.fromhex(digits), 1
                case {"use": str(name), **rest} if not rest:
                    yield from self.parts(texts[name], {})
                case _:
                    raise ValueError(f"not a part of a text: {part!r}")

    def strings(self, values: list[str]) -> str:
        if not values:
            return "NULL"
        name = f"strings_{len(self.lines)}"
        literals = ", ".join(c_string(value.encode()) for value in values)
        self.lines.append(f"static const char *const {name}[] = {{{literals}, NULL}};")
        return name


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def detail(name: str, value: object) -> str:
    strings = isinstance(value, list) and all(isinstance(element, str) for element in value)
    if not (isinstance(value, (str, int)) or strings):
        raise ValueError(f"details may hold strings, integers, booleans and arrays of strings: {value!r}")
    return f"{as_json(name)}:{as_json(value)}"


def step_row(table: Table, step: dict, texts: dict, cursors: dict[str, int]) -> str:
    inputs, outputs = CALLS[step["call"]]
    if unknown := set(step) - inputs - outputs - ALWAYS:
        raise ValueError(f"unknown members {unknown} in {step}")
    if not isinstance(step["status"], str):
        raise ValueError(f"no status in {step}")
    position = step.get("position")
    low, high = position if isinstance(position, list) else (position, position)
    fields = {
        "call": f"CALL_{step['call'].upper()}",
        "status": c_string(step["status"].encode()),
        **{name: table.text(step.get(name), texts) for name in TEXTS},
        "max_events": step.get("max_events", 0),
        "timeout_ms": step.get("timeout_ms", 0),
        "after": f"UINT64_C({step.get('after', 0)})",
        "code": step.get("code", 0),
        "cursor": cursors.setdefault(step["cursor"], len(cursors)) if "cursor" in step else -1,
        "has_position": int(position is not None),
        "position_low": f"UINT64_C({low or 0})",
        "position_high": f"UINT64_C({high or 0})",
        "has_head": int("head" in step),
        "head": f"UINT64_C({step.get('head', 0)})",
        "details": table.strings([detail(*item) for item in step.get("details", {}).items()]),
        # As they stand inside a JSON string.
        "message_has": table.strings([as_json(text)[1:-1] for text in step.get("message_has", [])]),
    }
    return "    {" + ", ".join(f".{name} = {value}" for name, value in fields.items()) + "},"


def main(folder: Path, output: Path) -> None:
    table = Table()
    cases: list[str] = []
    files = sorted(folder.glob("*.json"))
    written = steps = 0
    for path in files:
        raw = path.read_text(encoding="utf-8")
        content = json.loads(raw)
        if unknown := set(content) - {"title", "texts", "cases"}:
            raise ValueError(f"{path.name}: unknown members {unknown}")
        # Counted apart from the table: quotes inside of texts are escaped, so only members look like this.
        written += len(re.findall(r'"call"\s*:', raw))
        for case in content["cases"]:
            if set(case) != {"name", "steps"} or not case["steps"]:
                raise ValueError(f"{path.name}: a case has a name and steps: {case}")
            cursors: dict[str, int] = {}
            rows = [step_row(table, step, content.get("texts", {}), cursors) for step in case["steps"]]
            name = f"steps_{len(cases)}"
            table.lines += [f"static const struct step {name}[] = {{", *rows, "};"]
            title = c_string(f"{path.stem}: {case['name']}".encode())
            cases.append(f"    {{{title}, {name}, {len(rows)}, {len(cursors)}}},")
            steps += len(rows)
    if not files or written != steps:
        raise ValueError(f"{len(files)} files hold {written} steps, the table {steps}")
    output.write_text(
        "\n".join([
            "/* Made by vectors.py. */",
            "/* Texts may be longer than the 4095 characters that C99 promises. */",
            '#pragma GCC diagnostic ignored "-Woverlength-strings"',
            *table.lines,
            "static const struct vector_case vector_cases[] = {", *cases, "};",
            f"#define VECTOR_FILES {len(files)}",
            f"#define VECTOR_CASES {len(cases)}",
            f"#define VECTOR_STEPS {written}",
        ]) + "\n",
        encoding="ascii",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
