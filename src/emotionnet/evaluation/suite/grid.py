"""The table of a suite: what stands in each cell, and which row leads a column beyond doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from emotionnet.evaluation.intervals import Resampled

NOT_RUN = "not run here"
CHANCE = "chance"  # the last row; no run is called so


@dataclass(frozen=True)
class Column:
    """One benchmark: its score, whether more or less of it is better, how runs met it, and on what."""

    name: str
    score: str
    how: str
    better: Literal["higher", "lower"]
    units: int
    unit: str


@dataclass(frozen=True)
class Cell:
    """A score that can be resampled, a bare number, or why there is none; "" where none is meant."""

    sample: Resampled | None = None
    value: float | None = None
    note: str = NOT_RUN


@dataclass(frozen=True)
class Grid:
    """Rows by name, columns in order, and a cell for each pair."""

    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, str], Cell]

    def cell(self, row: str, column: Column) -> Cell:
        return self.cells.get((row, column.name), Cell())

    def leader(self, column: Column) -> str | None:
        """The row whose paired difference to every other row with a score leaves out 0, in its favour.

        None where no row leads so, or only one row has a score: there is nothing to lead.
        """
        known = {row: cell.sample for row in self.rows if (cell := self.cell(row, column)).sample is not None}
        sign = 1 if column.better == "higher" else -1
        for row, sample in known.items():
            others = [other for name, other in known.items() if name != row]
            if others and all(_leads(sample, other, sign) for other in others):
                return row
        return None


def _leads(sample: Resampled | None, other: Resampled | None, sign: int) -> bool:
    assert sample is not None  # `known` holds none
    assert other is not None
    if sample.counts != other.counts:  # of other dimensions: the two are no pair
        return False
    found = sample.minus(other)
    low, high = sorted((sign * found.low, sign * found.high))
    return low > 0 and high > 0
