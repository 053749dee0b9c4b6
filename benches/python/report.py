#!/usr/bin/env python3
"""Puts together what several processes measured: prints the tables and which targets hold, writes the tables into a
page between its markers, and draws the plot.

    report.py FIGURES PAGE PLOT

FIGURES is the folder in which `make bench` left `run-1`, `run-2` …, PAGE the text with the markers, PLOT the picture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import plot
from board import Board, Target, Work, load, short, with_unit

# In this order; what was not measured is left out.
PARTS = ["file", "memory", "postgres", "python", "growth"]
BEGIN, END = "<!-- tables: made by make bench -->", "<!-- end of tables -->"
Table = list[list[str]]


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("usage: report.py FIGURES PAGE PLOT")
    figures, page, picture = map(Path, sys.argv[1:])
    groups = measured(figures)
    if not groups:
        sys.exit(f"there are no figures in {figures}: make bench measures them")
    machine = (figures / "machine.txt").read_text().strip()
    sections = "\n".join(section(boards) for boards in groups)
    text = f"Measured on {machine}.\n\n{summary(groups)}\n\n{sections}"
    print(text)
    write(page, text)
    plot.draw(groups, picture)


def measured(figures: Path) -> list[list[Board]]:
    """The boards, those of the same title together: one from each process."""
    groups: dict[str, list[Board]] = {}
    for part in PARTS:
        for path in sorted(figures.glob(f"run-*/{part}.json")):
            for board in (board for board in load(path) if board.works):
                boards = groups.setdefault(board.title, [])
                if boards and boards[0].about != board.about:
                    sys.exit(f"{path} measured {board.about!r}, another process {boards[0].about!r}")
                boards.append(board)
    return list(groups.values())


def section(boards: Sequence[Board]) -> str:
    """The tables of one board, measured by several processes."""
    first = boards[0]
    spread = "" if len(boards) == 1 else " of the processes' medians, and the lowest and highest of them"
    about = f"{first.about[:1].upper()}{first.about[1:]}; processes: {len(boards)}. Medians{spread}."
    parts = [f"### {first.title}", about]
    parts.append(markdown(figures_of(boards)))
    parts.append("How many times as good as each:" if len(first.columns) > 2 else "How many times as much:")
    parts.append(markdown(ratios_of(boards)))
    targets = targets_of(boards)
    if len(targets) > 1:
        parts += ["What is aimed at:", markdown(targets)]
    return "\n\n".join(parts) + "\n"


def figures_of(boards: Sequence[Board]) -> Table:
    table = [["work", *boards[0].columns]]
    for works in by_work(boards):
        unit = works[0].unit
        columns = range(len(boards[0].columns))
        table.append([works[0].name, *(spread([work.figure(column) for work in works], unit) for column in columns)])
    return table


def ratios_of(boards: Sequence[Board]) -> Table:
    table = [["work", *boards[0].columns[1:]]]
    for works in by_work(boards):
        columns = range(1, len(boards[0].columns))
        table.append([works[0].name, *(spread([work.ratio(column) for work in works]) for column in columns)])
    return table


def targets_of(boards: Sequence[Board]) -> Table:
    """Each target with what every process reached."""
    several = len(boards) > 1
    table = [["work", "target", *(f"process {number + 1}" for number in range(len(boards)) if several), "reached", ""]]
    for name, target, reached in judged(boards):
        unit = next(work.unit for work in boards[0].works if work.name == name)
        each = [short(value) for value in reached] if several else []
        table.append([name, target.told(unit), *each, short(median(reached)), verdict(target, reached)])
    return table


def judged(boards: Sequence[Board]) -> Iterable[tuple[str, Target, list[float]]]:
    """Each target of a work, and what the processes reached that measured it."""
    for works in by_work(boards):
        for target in works[0].targets:
            pairs = zip(boards, works, strict=True)
            reached = [value for board, work in pairs if (value := board.reached(work, target)) is not None]
            if reached:
                yield works[0].name, target, reached


def verdict(target: Target, reached: Sequence[float]) -> str:
    """A target holds where it does in each process."""
    holds = sum(map(target.holds, reached))
    if holds == len(reached):
        return "holds"
    return f"**holds in {holds} of {len(reached)}**" if holds else "**misses**"


def summary(groups: Sequence[Sequence[Board]]) -> str:
    everything = [each for boards in groups for each in judged(boards)]
    held = sum(all(map(target.holds, reached)) for _, target, reached in everything)
    several = " in every process" if any(len(boards) > 1 for boards in groups) else ""
    return f"**{held} of {len(everything)} targets hold{several}.**"


def by_work(boards: Sequence[Board]) -> Iterable[list[Work]]:
    """What each process measured of a work, for each."""
    for works in zip(*(board.works for board in boards), strict=True):
        yield list(works)


def spread(values: Sequence[float | None], unit: str = "") -> str:
    """The median, and the lowest and highest where there are several; nothing where nothing was measured."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    middle = with_unit(median(known), unit) if unit else short(median(known))
    return middle if len(known) == 1 else f"{middle} ({short(min(known))} to {short(max(known))})"


def markdown(table: Table) -> str:
    """With columns of one width, so that it is a table on the terminal too."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    lines.insert(1, " | ".join("-" * max(width, 1) for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def write(page: Path, tables: str) -> None:
    """Between the markers; what stands around them stays."""
    head, begin, rest = page.read_text().partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page} does not have the lines {BEGIN} and {END}, between which the tables go")
    page.write_text(f"{head}{BEGIN}\n\n{tables}\n{END}{tail}")


if __name__ == "__main__":
    main()
