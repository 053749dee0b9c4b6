"""What was measured, as the scoreboards write and read it: works, the figures of each peer turn by turn, what is aimed
at. benches/src/board.rs writes the same form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Target:
    """At least `limit` times as good as the best of `columns`; at most or at least `limit` of the work's unit; or a
    growth of at most `limit` from the first column to the second."""

    kind: Literal["times", "at most", "at least", "growth"]
    limit: float
    columns: Sequence[str] = ()

    def holds(self, reached: float) -> bool:
        return reached >= self.limit if self.kind in ("times", "at least") else reached <= self.limit

    def told(self, unit: str) -> str:
        if self.kind == "growth":
            return f"at most {self.limit:g} x"
        if self.kind == "times":
            best = "" if len(self.columns) == 1 else "the best of "
            return f"at least {self.limit:g} x {best}{', '.join(self.columns)}"
        return f"{self.kind} {with_unit(self.limit, unit)}"


@dataclass(frozen=True)
class Work:
    name: str
    unit: str
    more_is_better: bool
    targets: Sequence[Target]
    figures: list[list[float]]  # by column and turn, in the unit

    def figure(self, column: int) -> float | None:
        """The median of a column, where it was measured."""
        return median(self.figures[column]) if self.figures[column] else None

    def ratio(self, column: int) -> float | None:
        """How many times as good the first column is: the median of each turn's ratio, since what two peers did one
        after the other compares better than what each did over all."""
        pairs = zip(self.figures[0], self.figures[column], strict=False)
        ratios = [ours / theirs if self.more_is_better else theirs / ours for ours, theirs in pairs]
        return median(ratios) if ratios else None


@dataclass(frozen=True)
class Board:
    title: str
    about: str
    columns: list[str]
    works: list[Work] = field(default_factory=list)

    def reached(self, work: Work, target: Target) -> float | None:
        """What a target is about, as far as it was measured."""
        if target.kind in ("at most", "at least"):
            return work.figure(0)
        columns = [self.columns.index(column) for column in target.columns] or [1]
        ratios = [ratio for column in columns if (ratio := work.ratio(column)) is not None]
        return min(ratios, default=None)

    def show(self) -> None:
        """Prints each work with a line for each peer, and what came of the targets."""
        print(f"{self.title}: {self.about}; medians (lowest to highest)\n")
        width = max(map(len, self.columns)) + 2
        for work in self.works:
            for column, peer in enumerate(self.columns):
                figure, ratio = work.figure(column), work.ratio(column)
                if figure is None:
                    continue
                span = f"({short(min(work.figures[column]))} to {short(max(work.figures[column]))})"
                times = f"{ratio:.1f} x" if column and ratio is not None else ""
                name = "" if column else work.name
                print(f"{name:<24}{peer:<{width}}{with_unit(figure, work.unit):>12} {span:<18}{times:>8}".rstrip())
        print()
        for work in self.works:
            for target in work.targets:
                if (reached := self.reached(work, target)) is not None:
                    word = "holds" if target.holds(reached) else "misses"
                    print(f"{work.name:<24}{word:<8}{short(reached):<8}{target.told(work.unit)}")
        print()


def save(boards: Sequence[Board], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(board) for board in boards], indent=2))


def load(path: Path) -> list[Board]:
    boards = []
    for board in json.loads(path.read_text()):
        for work in board["works"]:
            work["targets"] = [Target(**target) for target in work["targets"]]
        board["works"] = [Work(**work) for work in board["works"]]
        boards.append(Board(**board))
    return boards


def with_unit(value: float, unit: str) -> str:
    return f"{short(value)}{unit}" if unit.startswith("/") else f"{short(value)} {unit}"


def short(value: float) -> str:
    """Three digits, and a letter for thousands or millions."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            value /= size if letter == "M" else 1e3
            return f"{value:.0f}{letter}" if value >= 100 else f"{value:.3g}{letter}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
