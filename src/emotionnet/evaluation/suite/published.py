"""Results that others published, as data: they stand in a table of their own, never ranked with ours."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Published:
    """One figure of a paper: `value` in percent, on `split`, as `source` gives it."""

    benchmark: str
    score: str
    method: str
    value: float
    split: str
    source: str


@cache
def published_results() -> tuple[Published, ...]:
    """All figures, in the order of the file."""
    text = resources.files(__package__).joinpath("published.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Published(
            row["benchmark"], row["score"], row["method"], float(row["value"]), row["split"], row["source"]
        )
        for row in rows
    )


def published_for(benchmarks: Iterable[str]) -> tuple[Published, ...]:
    """The figures of some benchmarks, in the order of the file."""
    wanted = set(benchmarks)
    return tuple(one for one in published_results() if one.benchmark in wanted)
