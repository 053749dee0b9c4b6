"""The Python that the guides show runs, and prints what they say."""

import re
from pathlib import Path

import pytest
from support import in_a_new_process

ROOT = Path(__file__).resolve().parents[3]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: str, heading: str | None = None) -> list[str]:
    """The ```python blocks of a page, or of what stands below a heading of it."""
    text = (ROOT / path).read_text()
    if heading is not None:
        _, found, below = text.partition(f"\n## {heading}\n")
        assert found, f"{path} has no heading {heading!r}"
        text = below.partition("\n## ")[0]
    found_blocks = FENCE.findall(text)
    assert found_blocks, f"{path} shows no Python"
    return found_blocks


def check(found: list[str], folder: Path | None = None) -> None:
    """Runs blocks one after the other, as one program. A comment `# -> text` says what a print prints."""
    program = "\n".join(found)
    said = re.findall(r"# -> (.*)$", program, re.MULTILINE)
    printed = in_a_new_process(program, folder).splitlines()
    if said:
        assert printed == said


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    check(blocks("README.md", "Python, in ten lines"), tmp_path)


def test_the_example_of_the_package_page(tmp_path: Path) -> None:
    check(blocks("bindings/python/README.md"), tmp_path)


def test_the_guide(tmp_path: Path) -> None:
    found = blocks("docs/PYTHON.md")
    assert len(found) >= 10 and sum(block.count("# -> ") for block in found) >= 20
    check(found, tmp_path)


def test_a_page_without_python_is_seen() -> None:
    with pytest.raises(AssertionError, match="shows no Python"):
        blocks("docs/ABI.md")
    with pytest.raises(AssertionError, match="no heading"):
        blocks("docs/PYTHON.md", "No such heading")
    with pytest.raises(AssertionError):
        check(["print(1)  # -> 2\n"])
    with pytest.raises(AssertionError):
        check(["raise LookupError\n"])
