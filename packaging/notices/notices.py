"""What cargo-about found, from standard input, as the text that goes with every copy of the library."""

import json
import sys

HEAD = """\
Runestore is linked with the crates below, each under the licence that stands beside it. Their notices follow, each text once,
under the names of those that it is for. Runestore's own licences are in LICENSE-MIT and LICENSE-APACHE.

Rust's standard library is linked too, with the crates that it has inside: addr2line, gimli, hashbrown, miniz_oxide, rustc-demangle
and smaller ones. They are used under the Apache License 2.0, whose text is LICENSE-APACHE's. Copyright (c) The Rust Project
Contributors, and each crate's authors; the file COPYRIGHT-library of a Rust toolchain has their notices.

This file is made: make notices.
"""

texts = {}
licences = {}
for licence in json.load(sys.stdin)["licenses"]:
    for use in licence["used_by"]:
        crate = use["crate"]
        if crate["source"] is None:  # One of our own.
            continue
        name = f"{crate['name']} {crate['version']}"
        licences.setdefault(name, set()).add(licence["id"])
        text = "\n".join(line.rstrip() for line in licence["text"].splitlines()).strip("\n")
        texts.setdefault(text, set()).add(name)

print(HEAD)
for name in sorted(licences):
    print(f"{name}: {' and '.join(sorted(licences[name]))}")
for text, names in sorted(texts.items(), key=lambda item: min(item[1])):
    print(f"\n{'=' * 100}\n{', '.join(sorted(names))}\n\n{text}")
