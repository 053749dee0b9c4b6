#!/usr/bin/env python3
"""Writes the seeds of each fuzz target, the same at every run: python3 fuzz/seeds.py DIRECTORY

The texts are those of tests/vectors, case by case, as far as they are short, and some for the store of the target
`reads`; src/texts.rs says how they are put together. A sequence of calls, and what is done to a directory, is made from any bytes, so its
seeds are numbers that look random. Segments and index files are those of tests/golden; src/files says how they are packed.
"""

import hashlib
import json
import pathlib
import sys

END, ABSENT = b"\xff", b"\xfe"
SEED_BYTES_MAX = 4096
EVENTS_MAX = 4
TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"
VECTORS = TESTS / "vectors"
GOLDEN = TESTS / "golden" / "v1"
PAGE, SEGMENT_HEADER, SEGMENT_GIVEN = 4096, 4096, 112
# Where an index file's header has its sections, and which of them are buckets.
INDEX_SECTIONS, INDEX_BUCKETS = 176, (3, 5, 7, 9, 11, 17)

# The names, ids and times of the store that `reads` asks (src/reads_target.rs): those of the vectors are not in it.
QUERIES = [
    '{"type":"a"}',
    '{"type":["b","c"],"domain":"a"}',
    '{"domain":"a","instance_id":"b","after_version":3}',
    '{"domain":["a"],"instance_id":["a"]}',
    '{"id":"00000000-abcd-4ef0-8000-000000000007"}',
    '{"id":["00000000-ABCD-4EF0-8000-00000000000C","00000000-abcd-4ef0-8000-00000000012d"]}',
    '{"tags":["a"]}',
    '{"tags":["t","\\u65e5本"]}',
    '{"from":"2020-02-29T12:00:00.000001Z"}',
    '{"to":"2020-02-29T12:00:00.000001Z"}',
    '{"from":"2020-02-29T12:00:00Z","to":"2026-11-23T03:50:00.123456+00:00"}',
    '{"after":255,"up_to":257}',
    '[{"type":"a"},{"tags":["b"],"after":100}]',
    '[{"instance_id":"c"},{}]',
    "null",
    "[]",
]
OPTIONS = [
    "{}",
    '{"limit":3}',
    '{"limit":3,"offset":2,"direction":"backward"}',
    '{"offset":5}',
    '{"max_bytes":700}',
    '{"max_bytes":1,"format":"ndjson"}',
    '{"follow":true,"limit":7}',
    '{"pagination":true,"limit":10,"offset":20}',
    '{"format":"ndjson","direction":"backward"}',
]


def text_bytes(text, texts):
    """A text of the vectors, as their README describes it; None where it is too long for a seed."""
    parts = []
    for part in text if isinstance(text, list) else [text]:
        if isinstance(part, str):
            parts.append(part.encode())
        elif "repeat" in part:
            if part["times"] * len(part["repeat"]) > SEED_BYTES_MAX:
                return None
            parts.append(part["repeat"].encode() * part["times"])
        elif "hex" in part:
            parts.append(bytes.fromhex(part["hex"]))
        else:
            used = text_bytes(texts[part["use"]], texts)
            if used is None:
                return None
            parts.append(used)
    return b"".join(parts)


def together(texts):
    """An input of texts, or None."""
    if any(text is not None and END in text for text in texts):
        return None
    joined = END.join(ABSENT if text is None else text for text in texts)
    return joined if len(joined) <= SEED_BYTES_MAX else None


def from_vectors():
    seeds = {"events": set(), "reads": set()}
    for path in sorted(VECTORS.glob("*.json")):
        vectors = json.loads(path.read_text(encoding="utf-8"))
        for case in vectors["cases"]:
            appends = []
            for step in case["steps"]:

                def given(name, step=step):
                    return text_bytes(step[name], vectors.get("texts", {})) if name in step else None

                if step["call"] == "append" and given("events") is not None:
                    pair = [given("events"), given("options")]
                    seeds["events"].add(together(pair))
                    appends += pair
                elif step["call"] in ("get_events", "cursor_open"):
                    seeds["reads"].add(together([given("query"), given("options")]))
                elif step["call"] == "tracking":
                    seeds["reads"].add(together([None, None, None, given("source")]))
            if 2 < len(appends) <= 2 * EVENTS_MAX:
                seeds["events"].add(together(appends))
    for number, query in enumerate(QUERIES):
        options = OPTIONS[number % len(OPTIONS)]
        seeds["reads"].add(together([query.encode(), options.encode()]))
    for config in (b"", b"null", b"{}", b'{"store":"memory","store_opts":{}}', b'{"store":"file"}', b'{"stores":1}'):
        seeds["reads"].add(together([b"{}", b"{}", config, b"mailer"]))
    return seeds


def numbers():
    """Bytes of different lengths, the last ones long enough for the longest sequence."""
    for number in range(48):
        stream = b"".join(hashlib.sha256(b"%d %d" % (number, block)).digest() for block in range(64))
        yield stream[: 32 * (number % 16 + 1) * (number // 16 + 1)]


def segments():
    """The golden stores' small segments, and each without its last frames."""
    for path in sorted(GOLDEN.glob("*/*.log")):
        content = path.read_bytes()
        header, at = content[:SEGMENT_GIVEN], SEGMENT_HEADER
        while at + 80 <= len(content) and content[at] == 0xF5:
            at += (80 + int.from_bytes(content[at + 8 : at + 12], "little") + 7) // 8 * 8
            if at - SEGMENT_HEADER + SEGMENT_GIVEN > SEED_BYTES_MAX:
                break
            yield header + content[SEGMENT_HEADER:at]


def packed(pages):
    return b"".join(len(page).to_bytes(2, "little") + page for page in pages)


def indexes():
    """The index file of the target's log, in all roles; each page without the zeros at its end."""
    content = (GOLDEN / "segments" / "00000000000000000001.idx").read_bytes()
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    filled = [page[: PAGE - 4].rstrip(b"\0") for page in pages]
    for flags in range(16):
        yield bytes([flags]) + packed(filled)
    # So few names have no buckets. Here each table has two, in a page of something else.
    sections = [int.from_bytes(content[at : at + 4], "little") for at in range(INDEX_SECTIONS, INDEX_SECTIONS + 21 * 8, 8)]
    for buckets in INDEX_BUCKETS:
        for page in set(sections[1:3] + sections[13:14]):
            at = INDEX_SECTIONS + buckets * 8
            header = bytearray(content[: PAGE - 4])
            header[at : at + 8] = page.to_bytes(4, "little") + (3).to_bytes(4, "little")
            for flags in (0, 8):
                yield bytes([flags]) + packed([bytes(header).rstrip(b"\0"), *filled[1:]])


def main():
    directory = pathlib.Path(sys.argv[1])
    seeds = from_vectors()
    seeds["calls"] = set(numbers())
    seeds["directory"] = {number[:96] for number in numbers()}
    seeds["segment"] = set(segments())
    seeds["index"] = set(indexes())
    for target, inputs in seeds.items():
        place = directory / target
        place.mkdir(parents=True, exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        for content in inputs - {None, b""}:
            (place / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)


if __name__ == "__main__":
    main()
