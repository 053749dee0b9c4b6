"""Turns the examples in the comments of the C++ headers into one program, so that they cannot rot.

    header_examples.py OUTPUT HEADER...

An example is a block that is indented by four or more, behind a line that ends with a colon. Each becomes a function of
the program; those behind a line "Without exceptions:" belong to that mode, all others to the one with exceptions. What
an example uses without declaring it, a reader would have from before: it is declared in front of the block, out of the
list below. An example that needs anything else does not compile.
"""

import re
import sys
from pathlib import Path

GIVEN = {
    "store": "runestore::store store = open_store();",
    "cursor": "runestore::cursor cursor = store.cursor();",
    "opened": "const std::string_view opened = EVENT;",
    "instance": 'const std::string instance = "a-\\"2";',
}
PROLOGUE = """\
// Made by header_examples.py.
#include "check.hpp"

#include <algorithm>
#include <iostream>
#include <thread>

namespace
{

#ifdef RUNESTORE_NO_EXCEPTIONS
int report(const runestore::error &error)
{
    return check_fail(__FILE__, __LINE__, "%s", error.what()) + 1;
}
#else
runestore::store open_store()
{
    runestore::store store;
    store.append(R"([{"type":"Opened","domain":"account","instance_id":"a-2"},
                     {"type":"Closed","domain":"account","instance_id":"a-2"}])");
    return store;
}

void handle(std::string_view events, std::uint64_t position)
{
    CHECK(!events.empty() && position > 0);
}
#endif
"""


def examples(header: str) -> list[tuple[str, list[str]]]:
    """The line above each block, and the block."""
    lines = [re.sub(r"^\s*//+ ?", "", line) if re.match(r"\s*//", line) else None for line in header.splitlines()]
    blocks = []
    for number, line in enumerate(lines):
        if line is None or not line.endswith(":") or lines[number + 1 : number + 2] != [""]:
            continue
        block = []
        for code in lines[number + 2 :]:
            if code is None or (code and not code.startswith("    ")):
                break
            block.append(code[4:])
        if block and block[0]:
            blocks.append((line, block))
    return blocks


def function(name: str, block: list[str]) -> list[str]:
    code = "\n".join(block).rstrip()
    if "int main()" in code:
        includes = re.findall(r"^#include .*\n", code, re.MULTILINE)
        code = re.sub(r"^#include .*\n", "", code, flags=re.MULTILINE).strip()
        body = code.replace("int main()", f"int {name}()").removesuffix("}") + "    return 0;\n}"
        # Includes stand outside the namespace, in the prologue; here is only checked that they are there.
        missing = [line for line in includes if "runestore.hpp" not in line and line not in PROLOGUE]
        if missing:
            raise ValueError(f"the prologue has no {missing}")
        return [body, ""]
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', re.sub(r'R"\(.*?\)"', '""', code, flags=re.DOTALL))
    declared = re.findall(r"(?:runestore::\w+|auto|std::\w+(?:<.*>)?) [&*]?(\w+)(?= =|;|\(| :|\))", bare)
    given = [n for n in GIVEN if n not in declared and re.search(rf"(?<![\w:.])(?:{n})\b", bare)]
    if "cursor" in given and "store" not in given + declared:
        given.insert(0, "store")
    body = [f"    {line}".rstrip() for line in [*(GIVEN[n] for n in given), *code.splitlines(), "return 0;"]]
    return [f"int {name}()", "{", *body, "}", ""]


def main(output: Path, headers: list[Path]) -> None:
    modes: dict[bool, list[str]] = {True: [], False: []}
    runs: dict[bool, list[str]] = {True: [], False: []}
    for header in headers:
        text = header.read_text(encoding="utf-8")
        blocks = examples(text)
        # Each that is announced as such, and in the first header the first program and the one without exceptions.
        announced = len(re.findall(r"^\s*/// Example:$", text, re.MULTILINE)) + (2 if header == headers[0] else 0)
        if len(blocks) != announced:
            raise ValueError(f"{header}: {announced} examples are announced, {len(blocks)} were found")
        for title, block in blocks:
            throwing = title != "Without exceptions:"
            name = f"example_{len(runs[True]) + len(runs[False]) + 1}"
            modes[throwing] += function(name, block)
            modes[throwing] += [f"void {name}_runs()", "{", f"    CHECK_INT(0, {name}());", "}", ""]
            runs[throwing].append(f"    RUN({name}_runs);")

    def either(part: dict[bool, list[str]]) -> list[str]:
        return ["#ifdef RUNESTORE_NO_EXCEPTIONS", *part[False], "#else", *part[True], "#endif"]

    note = f'    check_note("%s; %d examples of the headers", MODE, {len(runs[True]) + len(runs[False])});'
    lines = [PROLOGUE, *either(modes), "} // namespace", "", "int main()", "{", *either(runs), note]
    output.write_text("\n".join([*lines, "    return check_report();", "}"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
