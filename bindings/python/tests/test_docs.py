"""The examples in the documentation run, and print what it says."""

import doctest
import inspect
from pathlib import Path
from typing import Any

import pytest

import runestore
import runestore.aio

ROOT = Path(__file__).resolve().parents[3]


def public() -> dict[str, Any]:
    """Everything that a user meets, by its name: modules, classes, and their members."""
    found: dict[str, Any] = {}
    for module in (runestore, runestore.aio):
        found[module.__name__] = module
        for name in module.__all__:
            thing = getattr(module, name)
            place = f"{module.__name__}.{name}"
            if inspect.isclass(thing):
                found[place] = thing
                for member, value in vars(thing).items():
                    # What stands below a field of a dataclass is for readers of the source, and the reference.
                    if not member.startswith("_") and not inspect.ismemberdescriptor(value):
                        found[f"{place}.{member}"] = value
            elif inspect.isroutine(thing):
                found[place] = thing
    return found


PUBLIC = public()


def examples() -> dict[str, str]:
    return {name: doc for name, thing in PUBLIC.items() if ">>>" in (doc := inspect.getdoc(thing) or "")}


@pytest.mark.parametrize("name", examples())
def test_example(name: str) -> None:
    test = doctest.DocTestParser().get_doctest(examples()[name], {}, name, None, None)
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert results.attempted > 0
    assert results.failed == 0, "".join(report)


def test_there_are_examples_of_the_main_things() -> None:
    have = set(examples())
    want = {"runestore", "runestore.open", "runestore.Store", "runestore.Event", "runestore.StoreError", "runestore.aio"}
    want |= {f"runestore.Store.{name}" for name in ("append", "get_events", "get_page", "events", "subscribe", "wait")}
    assert want <= have, want - have


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name: str) -> None:
    assert inspect.getdoc(PUBLIC[name]), f"{name} has no documentation"
