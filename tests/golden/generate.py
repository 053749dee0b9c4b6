#!/usr/bin/env python3
"""Writes golden stores; README.md says when.

    tests/golden/generate.py LIBRARY FOLDER [SCENARIO …]

LIBRARY is librunestore.so, FOLDER is made under tests/golden. A store that is there is left as it is.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FORMAT = HERE.parent / "format"
sys.path.insert(0, str(FORMAT))

from index import read_indexes  # noqa: E402
from reader import read_store, summary  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def torn(folder):
    """Half a frame at the end of what was written, as a crash in the middle of a write leaves it."""
    store = read_store(folder)
    path = folder / store.segments[-1].name
    content = bytearray(path.read_bytes())
    last = store.frames[-1][-1]
    half = content[last.offset : last.offset + 200]
    content[last.end : last.end + len(half)] = half
    path.write_bytes(content)


def bare(folder):
    for path in folder.iterdir():
        if path.suffix != ".log":
            path.unlink()


# Made from the store of another scenario.
CHANGED = {"torn": ("killed", torn), "bare": ("segments", bare)}


def write(library, scenario, place):
    """Writes one store and what it holds into `place`."""
    written, change = CHANGED.get(scenario, (scenario, None))
    with tempfile.TemporaryDirectory() as home:
        store = pathlib.Path(home) / scenario
        command = [sys.executable, FORMAT / "scenarios.py", library, written, store]
        # Some end by killing themselves.
        events = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout
        if change:
            change(store)
        found = read_store(store)
        indexes = read_indexes(store, found)
        complaints = [str(found.damage)] if found.damage else []
        complaints += [complaint for _, of_one in indexes for complaint in of_one]
        if b"".join(found.events()) != events:
            complaints.append("the reader finds other events than were acknowledged")
        if complaints:
            sys.exit(f"{scenario}: {'; '.join(complaints)}")
        shutil.copytree(store, place / scenario)
        (place / f"{scenario}.ndjson").write_bytes(events)
        about = json.dumps(summary(found, len(indexes)), ensure_ascii=False, indent=1)
        (place / f"{scenario}.json").write_text(about + "\n", encoding="utf-8")


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    library, place = pathlib.Path(arguments[0]).resolve(), HERE / arguments[1]
    place.mkdir(exist_ok=True)
    for scenario in arguments[2:] or [*SCENARIOS, *CHANGED]:
        if (place / scenario).exists():
            print(f"{scenario}: it is there")
            continue
        write(str(library), scenario, place)
        print(f"{scenario}: written")


if __name__ == "__main__":
    main(sys.argv[1:])
