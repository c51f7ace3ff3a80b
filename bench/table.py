"""The table: medians, their spread, ratios and aims, in plain text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.cases import Row

HEADS = ("", "unit", "beside", "its median (min-max)", "Molva (min-max)", "ratio", "aim", "met")


@dataclass
class Line:
    """A row with what was measured for it, round by round; None where a run failed."""

    case: str
    row: Row
    beside: list[float | None] = field(default_factory=list)
    molva: list[float | None] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """How many times worse than what stands beside, in the same round."""
        found = []
        for beside, molva in zip(self.beside, self.molva, strict=False):
            if self.row.ratio and beside and molva:
                found.append(beside / molva if self.row.more else molva / beside)
        return found

    def met(self) -> bool | None:
        values = self.ratios() if self.row.ratio else known(self.molva)
        return statistics.median(values) <= self.row.limit if values else None


def known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def render(lines: Sequence[Line]) -> str:
    cells: list[tuple[str, ...]] = [HEADS]
    for line in lines:
        row = line.row
        aim = f"<= {row.limit:g}" + ("x" if row.ratio else f" {row.unit}")
        met = {True: "yes", False: "no", None: "-"}[line.met()]
        beside, molva = _spread(known(line.beside)), _spread(known(line.molva))
        ratio = _spread(line.ratios())
        cells.append((row.title, row.unit, row.beside or "-", beside, molva, ratio, aim, met))
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADS))]
    cells.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    middle = _figure(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({_figure(min(values))}-{_figure(max(values))})"


def _figure(value: float) -> str:
    """Three figures that count, and no powers of ten."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if size >= 10 else 2 if size >= 1 else 3}f}"
