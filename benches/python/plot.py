"""The plot of the scoreboards: how many times as good as each peer and limit, work by work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from board import Board, Target, with_unit

INK, MUTED, SOFT, GRID, MISSED = "#1f2933", "#5f6c78", "#9aa7b3", "#e6eaee", "#b42318"
AHEAD = "#f3f7f4"
ROW_INCHES, HEAD_INCHES, GAP_INCHES, FOOT_INCHES, WIDTH_INCHES = 0.29, 1.15, 0.64, 0.68, 12.0
LEFT, WIDTH = 0.245, 0.535  # of the axes
LABEL_POINTS, CODE_POINTS = -192, 27
TICKS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000]
LEGEND_MAX = 7  # what one line has room for
# Targets of a row stand a little above and below each other.
OFFSET = 0.13


@dataclass(frozen=True)
class Mark:
    """How a peer looks: told apart by shape too, for every kind of colour vision and in grey."""

    name: str
    shape: str
    color: str


MARKS = {
    "SQLite": Mark("SQLite (from Python: sqlite3)", "o", "#2166ac"),
    "SQLite tuned": Mark("SQLite tuned", "D", "#7fb2dd"),
    "LMDB": Mark("LMDB, without indexes", "^", "#1b7837"),
    "by hand": Mark("PostgreSQL by hand", "v", "#762a83"),
    "bare in one order": Mark("bare in one order", "d", "#b07cc0"),
    "bare in a sequence": Mark("bare in a sequence", "<", "#d4b3dd"),
    "eventsourcing": Mark("eventsourcing", "s", "#b35806"),
    "eventsourcing, recorder": Mark("its recorder alone", "P", "#e6a15c"),
    "limit": Mark("the machine's limit", "X", "#6b7280"),
}
# By other names, since they keep events elsewhere.
SAME = {"SQLite :memory:": "SQLite", "sqlite3": "SQLite", "sqlite3 :memory:": "SQLite"}
LABELS = {
    "A1 single": "A1  append one event a call",
    "A2 16 threads": "A2  the same from 16 threads",
    "A3 batches": "A3  append batches of 1,000",
    "A4 append": "A4  append batches of 1,000",
    "R1 scan": "R1  read all, in pieces",
    "R1 scan again": "R1  the same again",
    "R1b one buffer": "R1b  read all, into one buffer",
    "R2 streams": "R2  random streams, whole",
    "R3 page at 0": "R3  a page of one type, the first",
    "R3 page at half": "R3  a page of one type, half-way",
    "R4 window": "R4  a window of 1 % of the time",
    "O1 after close": "O1  open after a clean close",
    "O1 after kill -9": "O1  open after kill -9",
    "S1 on disk": "S1  bytes on disk for one event",
    "M1 appending": "M1  memory, appending",
    "M1 reading": "M1  memory, reading",
    "M1 reading, with mapped files": "M1  the same, with mapped files",
    "append": "append lists of 1,000 dicts",
}


def draw(groups: Sequence[Sequence[Board]], path: Path) -> None:
    """Draws the boards that have peers, if there are any, each as the processes measured it. The path's ending says in
    which format."""
    groups = [boards for boards in groups if all(column in MARKS or column in SAME for column in boards[0].columns[1:])]
    if not groups:
        return
    # The same file everywhere, whatever is configured: the same names inside it each time. Texts are texts, since as
    # outlines they would be three quarters of the file; DejaVu is wide, so with another font there is room left.
    matplotlib.rcdefaults()
    matplotlib.rcParams["font.sans-serif"] = ["DejaVu Sans", "Verdana"]
    matplotlib.rc("font", family="sans-serif", size=9.5)
    matplotlib.rc("text", color=INK)
    matplotlib.rc("svg", fonttype="none", hashsalt="scoreboard")
    rows = [len(boards[0].works) for boards in groups]
    height = HEAD_INCHES + sum(rows) * ROW_INCHES + len(rows) * GAP_INCHES + FOOT_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height), facecolor="white")
    span = limits(groups)
    top = height - HEAD_INCHES
    for boards, count in zip(groups, rows, strict=True):
        top -= GAP_INCHES
        bottom = top - count * ROW_INCHES
        axes = figure.add_axes((LEFT, bottom / height, WIDTH, (top - bottom) / height))
        panel(axes, boards, span)
        top = bottom
    place = (HEAD_INCHES, height)
    heading(figure, groups, place)
    if path.suffix != ".svg":
        figure.savefig(path, dpi=110)
        return
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    # A hundredth of a point is enough.
    shorter = partial(re.sub, r"(\d\.\d\d)\d+", r"\1")
    path.write_text(re.sub(r"<[^>]+>", lambda tag: shorter(tag.group()), path.read_text()))


def panel(axes: Axes, boards: Sequence[Board], span: tuple[float, float]) -> None:
    """One engine: a row for each work, a mark for each peer."""
    first = boards[0]
    axes.set_xscale("log")
    axes.set_xlim(span)
    axes.set_ylim(len(first.works) - 0.5, -0.5)
    axes.axvspan(1, span[1], color=AHEAD, linewidth=0, zorder=0)
    axes.axvline(1, color=SOFT, linewidth=1, zorder=1)
    for column, name in list(enumerate(first.columns))[1:]:
        points = list(places(boards, column))
        rows, ratios = [row for row, _ in points], [known for _, known in points]
        look = mark(name)
        if len(boards) > 1:
            lows, highs = [min(known) for known in ratios], [max(known) for known in ratios]
            axes.hlines(rows, lows, highs, color=look.color, linewidth=2, alpha=0.55, zorder=3)
        middles = [median(known) for known in ratios]
        axes.plot(middles, rows, look.shape, color=look.color, markersize=6.5, mec="white", mew=0.6, zorder=4)
    for row, work in enumerate(first.works):
        for target in (target for target in work.targets if target.kind == "times"):
            color = mark(target.columns[0]).color
            axes.vlines(target.limit, row - 0.4, row + 0.4, color=color, linewidth=2.2, zorder=2)
        code, _, label = LABELS.get(work.name, work.name).rpartition("  ")
        y = 1 - (row + 0.5) / len(first.works)
        if code:
            note(axes, code, (0, y), (LABEL_POINTS, -3.5), color=MUTED)
        note(axes, label, (0, y), (LABEL_POINTS + (CODE_POINTS if code else 0), -3.5))
        tell(axes, boards, row)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g} ×"))
    axes.tick_params(axis="x", length=0, labelcolor=MUTED, labelsize=8.5)
    axes.grid(axis="x", color=GRID, linewidth=0.8, zorder=1)
    axes.hlines([row + 0.5 for row in range(len(first.works) - 1)], *span, color=GRID, linewidth=0.5, zorder=1)
    for spine in axes.spines.values():
        spine.set_visible(False)
    note(axes, first.title, (0, 1), (LABEL_POINTS, 8), bold=True, size=11)
    note(axes, first.about, (0, 1), (0, 9), color=MUTED, size=8.5)


def places(boards: Sequence[Board], column: int) -> Iterable[tuple[float, list[float]]]:
    """Where a peer's marks go, and the ratio that each process measured: what it cannot do has no mark."""
    for row, work in enumerate(boards[0].works):
        drawn = [peer for peer in range(1, len(boards[0].columns)) if work.figures[peer]]
        known = [value for board in boards if (value := board.works[row].ratio(column)) is not None]
        if known:
            yield row + OFFSET * (drawn.index(column) - (len(drawn) - 1) / 2), known


def tell(axes: Axes, boards: Sequence[Board], row: int) -> None:
    """At the end of a row: what Runestore does, and whether that is what was aimed at."""
    works = [board.works[row] for board in boards]
    figures = [figure for work in works if (figure := work.figure(0)) is not None]
    if not figures:
        return
    y = 1 - (row + 0.5) / len(boards[0].works)
    note(axes, with_unit(median(figures), works[0].unit), (1, y), (72, -3.5), align="right")
    judged = [(target, holds(boards, row, target)) for target in works[0].targets]
    missed = [target for target, held in judged if not held]
    if missed:
        text = f"misses {len(missed)} of {len(judged)}" if len(judged) > 1 else "misses"
        note(axes, text, (1, y), (86, -3.5), color=MISSED, size=8.5)
    elif judged:
        note(axes, f"holds {limit(works[0].unit, judged)}", (1, y), (86, -3.5), color=MUTED, size=8.5)


def holds(boards: Sequence[Board], row: int, target: Target) -> bool:
    reached = [value for board in boards if (value := board.reached(board.works[row], target)) is not None]
    return all(map(target.holds, reached))


def limit(unit: str, judged: Sequence[tuple[Target, bool]]) -> str:
    """A target that has no mark in the plot, since it is no ratio."""
    signs = {"at most": "≤", "at least": "≥"}
    told = [f"{signs[target.kind]} {with_unit(target.limit, unit)}" for target, _ in judged if target.kind in signs]
    return ", ".join(told)


def heading(figure: Figure, groups: Sequence[Sequence[Board]], place: tuple[float, float]) -> None:
    head, height = place
    title = "How many times as good as its peers, and as the machine allows"
    subtitle = "Right of 1 × Runestore is ahead: more events or answers in the same time, or less time or memory."
    figure.text(0.02, 1 - 0.42 / height, title, fontsize=15, fontweight="bold")
    figure.text(0.02, 1 - 0.72 / height, subtitle, fontsize=10, color=MUTED)
    names = {SAME.get(column, column) for boards in groups for column in boards[0].columns[1:]}
    looks = [look for name, look in MARKS.items() if name in names]
    handles = [Line2D([], [], marker=look.shape, color=look.color, linestyle="", markersize=7) for look in looks]
    handles.append(Line2D([], [], marker="|", color=INK, linestyle="", markersize=12, markeredgewidth=2.2))
    labels = [*(look.name for look in looks), "target"]
    anchor = (0.008, 1 - (head - 0.1) / height)
    lines = 1 if len(labels) <= LEGEND_MAX else 2
    figure.legend(
        handles,
        labels,
        loc="center left",
        bbox_to_anchor=anchor,
        ncols=-(-len(labels) // lines),
        frameon=False,
        fontsize=9,
        handletextpad=0.2,
        columnspacing=1.8,
    )
    processes = max(len(boards) for boards in groups)
    spread = f" of {processes} processes, and bars over what they measured" if processes > 1 else " of one process"
    each = ", and it holds where it does in each process" if processes > 1 else ""
    foot = f"Medians{spread}. A target's mark has the colour of the peer or limit that it is about{each}."
    figure.text(0.02, 0.18 / height, foot, fontsize=8.5, color=MUTED)


def limits(groups: Sequence[Sequence[Board]]) -> tuple[float, float]:
    """The ends of the axis: with some room around every mark."""
    ratios = [
        ratio
        for boards in groups
        for board in boards
        for work in board.works
        for column in range(1, len(board.columns))
        if (ratio := work.ratio(column)) is not None
    ]
    return min(0.5, min(ratios) / 1.3), max(20.0, max(ratios) * 1.3)


def mark(column: str) -> Mark:
    return MARKS[SAME.get(column, column)]


def note(
    axes: Axes,
    text: str,
    where: tuple[float, float],
    offset: tuple[float, float],
    *,
    color: str = INK,
    size: float = 9.5,
    bold: bool = False,
    align: str = "left",
) -> None:
    """A text beside the axes: offsets are in points."""
    axes.annotate(
        text,
        where,
        xycoords="axes fraction",
        xytext=offset,
        textcoords="offset points",
        color=color,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        ha=align,
        annotation_clip=False,
    )
