"""Figures of where a run errs: what it takes for what, how sure it is, dimensions told beside true ones.

Shape letters: C = emotions, U = units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emotionnet.evaluation.calibration import Bin
from emotionnet.evaluation.figures import FAINT, INK, OTHER, OURS, WIDTH, style, svg, tidy
from emotionnet.evaluation.intervals import ROUNDING
from emotionnet.evaluation.metrics import Floats

NUMBERED = 12  # classes up to which a cell has room for its number


def confusion_matrix(counts_CC: npt.NDArray[Any], emotions: Sequence[str], carried: Sequence[int]) -> str:
    """What is taken for what: a row for each true emotion, shaded by the share of it told as each; SVG.

    Args:
        counts_CC: How many units of the row's emotion were told as the column's; any number at least 0.
        emotions: The C names.
        carried: How many units carry each, told behind its name.
    """
    share_CC = counts_CC / np.maximum(counts_CC.sum(axis=1, keepdims=True), ROUNDING)
    places = range(len(emotions))
    side = max(2.2, 0.19 * len(emotions))
    with style("confusion"):
        figure = Figure(figsize=(max(WIDTH, side + 1.4), side + 1.2), layout="constrained")
        axes = figure.subplots()
        _cells(axes, share_CC)
        size = 9 if len(emotions) <= NUMBERED else 7
        named = [f"{name} ({count})" for name, count in zip(emotions, carried, strict=True)]
        axes.set_yticks(places, named, parse_math=False, fontsize=size)
        axes.set_xticks(places, emotions, parse_math=False, fontsize=size, rotation=90)
        axes.set_xlim(-0.5, len(emotions) - 0.5)
        axes.set_ylim(len(emotions) - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xlabel("told")
        axes.set_ylabel("true")
        axes.tick_params(length=0)
        return svg(figure, "Confusion matrix: what each true emotion was told as")


def _cells(axes: Axes, share_CC: Floats) -> None:
    """A square for each share above 0, the diagonal in our colour; in percent too where there is room."""
    found = [(int(row), int(column)) for row, column in np.argwhere(share_CC > 0)]
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    squares = [corners + np.array([column, row]) for row, column in found]
    colours = [
        to_rgba(OURS if row == column else OTHER, 0.08 + 0.92 * float(share_CC[row, column]))
        for row, column in found
    ]
    axes.add_collection(PolyCollection(squares, facecolors=colours, linewidths=0))
    for row, column in found if len(share_CC) <= NUMBERED else ():
        share = f"{100 * share_CC[row, column]:.0f}"
        axes.text(column, row, share, ha="center", va="center", fontsize=8, color=INK)


def dimension_scatter(
    told_U: npt.NDArray[Any], true_U: npt.NDArray[Any], name: str, *, caption: str = ""
) -> str:
    """Values told against true ones, a point for each unit, and the line on which they would agree; SVG.

    Args:
        told_U: What the run told; NaN leaves a unit out, here and in `true_U`.
        true_U: What is true.
        name: The dimension.
        caption: Its scores, above the figure.
    """
    known_U = ~(np.isnan(told_U) | np.isnan(true_U))
    told, true = told_U[known_U], true_U[known_U]
    ends = [float(min(told.min(), true.min())), float(max(told.max(), true.max()))] if len(told) else [0, 1]
    with style(f"dimension {name}"):
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.plot(ends, ends, "-", color=FAINT, linewidth=1.2)
        axes.plot(true, told, "o", color=OURS, markersize=3.5, alpha=min(1.0, 8 / max(len(told), 1) ** 0.5))
        axes.set_xlabel(f"{name}, true", parse_math=False)
        axes.set_ylabel(f"{name}, told", parse_math=False)
        tidy(axes, caption)
        return svg(figure, f"{name}: told against true")


def reliability_plot(lines: Sequence[tuple[str, Sequence[Bin]]]) -> str:
    """How often the told is true against how sure it was told, and below how many were told so surely; SVG.

    Args:
        lines: A name and its bins each: what is, and perhaps what a temperature makes of it; at most two.
    """
    looks = ((OURS, "o-"), (OTHER, "s--"))
    with style("reliability"):
        figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot((0, 1), (0, 1), "-", color=FAINT, linewidth=1.2)
        for place, ((name, bins), (colour, look)) in enumerate(zip(lines, looks, strict=False)):
            met = [one for one in bins if one.count]
            sure, right = [one.confidence for one in met], [one.accuracy for one in met]
            upper.plot(sure, right, look, color=colour, label=name, markersize=4)
            width = (bins[0].high - bins[0].low) * 0.9 / len(lines)
            starts = [one.low + 0.05 * (one.high - one.low) + place * width for one in bins]
            counts = [one.count for one in bins]
            lower.bar(starts, counts, width=width, align="edge", color=colour)
        upper.set_ylabel("share that was right")
        upper.set_ylim(-0.02, 1.02)
        lower.set_xlim(-0.02, 1.02)
        lower.set_xlabel("probability told")
        lower.set_ylabel("how many")
        lower.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
        tidy(upper, "")
        tidy(lower, "", legend=False)
        return svg(figure, "Reliability: how often what is told with a probability is right")
