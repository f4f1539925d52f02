"""How many records each step of curation kept, as a figure."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotionnet.files import write_bytes
from emotionnet.records import DataError

_PAGE, _INK, _KEPT, _GONE, _CHANGE = "#ffffff", "#26282c", "#44708f", "#ece8e1", "#b5532f"
# In inches: where names begin, bars begin and end, and where each column of numbers ends.
_WIDTH, _ROW, _NAMES, _BARS, _COLUMNS = 9.4, 0.4, 0.15, (2.9, 6.1), (7.3, 8.05, 9.25)
_LONGEST_NAME = 34  # characters a line
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same bytes everywhere
    "font.size": 9.5,
    "text.color": _INK,
    "text.parse_math": False,  # a name may hold a dollar
}


@dataclass(frozen=True)
class Step:
    """A step of curation and how many records were left after it; the first is what was read."""

    name: str
    kept: int


def write_funnel(path: Path, steps: Sequence[Step]) -> None:
    """Draw what each step kept, its share of the first, and the change; equal steps are equal bytes.

    Args:
        path: The PNG to write.
        steps: In the order in which they were taken.

    Raises:
        DataError: There are no steps, or one kept fewer than no records.
    """
    if not steps or any(step.kept < 0 for step in steps):
        raise DataError(f"{path}: a funnel needs steps that keep 0 records or more; got {list(steps)}")
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _ROW * (len(steps) + 1)), facecolor=_PAGE)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, _WIDTH)
        axes.set_ylim(len(steps) - 0.4, -1.4)  # the first on top, a heading above it
        _row(axes, -0.9, ("records after the step", "kept", "share", "change"))
        most = max(step.kept for step in steps)
        for row, step in enumerate(steps):
            _bar(axes, row, step.kept / max(most, 1))
            _row(axes, row, _told(steps, row))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def _bar(axes: Axes, row: int, share: float) -> None:
    start, end = _BARS
    axes.barh(row, end - start, left=start, height=0.7, color=_GONE)
    axes.barh(row, share * (end - start), left=start, height=0.7, color=_KEPT)


def _row(axes: Axes, place: float, texts: tuple[str, str, str, str]) -> None:
    """A name left of the bars, three columns of numbers right of them."""
    name, *numbers = texts
    axes.text(_NAMES, place, name, va="center_baseline", linespacing=0.95)
    for end, text in zip(_COLUMNS, numbers, strict=True):
        axes.text(
            end, place, text, ha="right", va="center_baseline", color=_CHANGE if end == _COLUMNS[-1] else _INK
        )


def _told(steps: Sequence[Step], row: int) -> tuple[str, str, str, str]:
    step, read = steps[row], steps[0].kept
    share = f"{step.kept / read:.1%}" if read else "\N{EN DASH}"
    change = f"{step.kept - steps[row - 1].kept:+,}".replace("-", "\N{MINUS SIGN}").replace("+0", "0")
    return (
        "\n".join(textwrap.wrap(step.name, _LONGEST_NAME, max_lines=2, placeholder=" ...")),
        f"{step.kept:,}",
        share,
        change if row else "",
    )
