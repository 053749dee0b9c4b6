"""Turns the examples in the comments of include/runestore.h into a C program, so that they cannot rot.

    header_examples.py HEADER OUTPUT

An example is a block that is indented by four or more, behind a line that ends with a colon. Each becomes a function of
the program. What it uses without declaring it, a reader would have from before: it is declared in front of the block,
out of the list below. An example that needs anything else does not compile.
"""

import re
import sys
from pathlib import Path

# Behind the block, all that it left open is closed, so that the tools that look for leaks have nothing to find.
AROUND = {
    "store": ("store_t *store = open_store();", "store_close(store, NULL, NULL);"),
    "cursor": ("store_cursor_t *cursor = open_cursor(store);", "CHECK_STATUS(STORE_OK, store_cursor_close(cursor));"),
    "position": ("uint64_t position;", "CHECK_UINT(2, position);"),
    "out": ("char *out;", ""),
    "out_len": ("size_t out_len;", ""),
}
PROLOGUE = """\
/* Made by header_examples.py. */
#include "check.h"

#define EVENT "{\\"type\\":\\"Closed\\",\\"domain\\":\\"account\\",\\"instance_id\\":\\"a-2\\"}"

static store_t *open_store(void)
{
    store_t *store;

    CHECK_STATUS(STORE_OK, store_init(NULL, 0, &store, NULL, NULL));
    CHECK_STATUS(STORE_OK, store_append(store, "[" EVENT "," EVENT "]", sizeof EVENT * 2 + 1, NULL, 0, NULL, NULL));
    return store;
}

static inline store_cursor_t *open_cursor(store_t *store)
{
    store_cursor_t *cursor;

    CHECK_STATUS(STORE_OK, store_cursor_open(store, NULL, 0, NULL, 0, &cursor, NULL, NULL));
    return cursor;
}

static inline void handle(const char *events, size_t length)
{
    CHECK_UINT(length, strlen(events));
    CHECK_PREFIX("[{\\"sequence_number\\":1,", events);
}
"""


def examples(header: str) -> list[list[str]]:
    """The blocks, in the order of the header."""
    blocks: list[list[str]] = []
    lines = [re.sub(r"^ \* ?", "", line) if line.startswith(" *") else None for line in header.splitlines()]
    for number, line in enumerate(lines):
        if line is None or not line.endswith(":") or lines[number + 1 : number + 2] != [""]:
            continue
        block = []
        for code in lines[number + 2 :]:
            if code is None or not code.startswith("    "):
                break
            block.append(code[4:])
        if block:
            blocks.append(block)
    return blocks


def declared(block: list[str]) -> list[str]:
    return re.findall(r"^(?:const )?(?:\w+_t|char|int) \*?(\w+)(?:\[\])?(?: =|;)", "\n".join(block), re.MULTILINE)


def function(number: int, block: list[str]) -> list[str]:
    text = "\n".join(block)
    code = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    own = declared(block)
    given = [name for name in AROUND if name not in own and re.search(rf"\b{name}\b", code)]
    if "cursor" in given and "store" not in given + own:
        given.insert(0, "store")
    closing = [AROUND[name][1] for name in reversed(given)]
    if "store" in own and "store_close" not in code:
        closing.append("CHECK_STATUS(STORE_OK, store_close(store, NULL, NULL));")
    if "out" in given and "store_free(out)" not in code:
        closing.insert(0, "store_free(out);")
    if "status" in own:
        closing.insert(0, "CHECK_STATUS(STORE_OK, status);")
    # Declared for the reader's sake; the program has no use for all of them.
    unused = [f"(void){name};" for name in given + own]
    body = [AROUND[name][0] for name in given] + [""] + block + [""] + [line for line in closing if line] + unused
    return [f"static void example_{number}(void)", "{", *(f"    {line}".rstrip() for line in body), "}", ""]


def main(header: Path, output: Path) -> None:
    text = header.read_text(encoding="utf-8")
    blocks = examples(text)
    # The one at the head of the header, and each that is announced as such.
    announced = 1 + len(re.findall(r"^ \* Example:$", text, re.MULTILINE))
    if len(blocks) != announced:
        raise ValueError(f"{announced} examples are announced, {len(blocks)} were found")
    lines = [PROLOGUE]
    for number, block in enumerate(blocks, 1):
        lines += function(number, block)
    runs = [f"    RUN(example_{number});" for number in range(1, len(blocks) + 1)]
    note = f'    check_note("%d examples of the header", {len(blocks)});'
    lines += ["int main(void)", "{", *runs, note, "    return check_report();", "}"]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
