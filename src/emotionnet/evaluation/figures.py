"""How figures look: inline SVG, equal text for equal data, colours of the page, be it light or dark."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stand-ins that become CSS variables of the page once the SVG is written.
INK, FAINT, OURS, OTHER, SOFT = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
VARIABLES = {
    INK: "var(--ink)",
    FAINT: "var(--line)",
    OURS: "var(--ours)",
    OTHER: "var(--other)",
    SOFT: "var(--soft)",
}
STYLE: Mapping[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}
WIDTH = 4.6  # inches: legible on a telephone, two side by side on a screen


@contextmanager
def style(salt: str) -> Iterator[None]:
    """Draw in the style of the page; `salt` tells the ids of one figure from those of others beside it."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": salt}):
        yield


def tidy(axes: Axes, title: str, *, grid: Literal["x", "y"] = "y", legend: bool = True) -> None:
    """A title, a faint grid along one axis, and a legend where something has a name."""
    axes.set_title(title)
    axes.grid(visible=True, axis=grid)
    axes.set_axisbelow(True)
    if legend and axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", fontsize=9)


def svg(figure: Figure, title: str) -> str:
    """The figure as an `<svg>` element without file header, stand-in colours replaced."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg ") :]
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)
