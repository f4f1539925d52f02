"""A suite's table as Markdown, CSV and LaTeX: one line for each row, scores with their intervals."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from emotionnet.evaluation.score_tables import NONE
from emotionnet.evaluation.suite.grid import NOT_RUN, Cell, Column, Grid
from emotionnet.evaluation.suite.published import Published

DIGITS = 3
LEGEND = (
    "Small print: 95 % interval over the column's unit. Bold: the paired difference to every other row with "
    "an interval leaves out 0. Chance: random scores; of distributions, all classes alike."
)
PUBLISHED_LEGEND = (
    "Figures of the papers named, in percent, on their own splits and protocols: not to be ranked with the "
    "table above."
)
_LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
_PUBLISHED = ("benchmark", "score", "method", "value", "split", "source")


def markdown(grid: Grid, published: Sequence[Published] = ()) -> str:
    """The table, its legend, and published figures in a table of their own."""
    leaders = {column.name: grid.leader(column) for column in grid.columns}
    lines = [
        _pipe(["", *(_escaped(_plain_title(column)) for column in grid.columns)]),
        "|---" * (len(grid.columns) + 1) + "|",
    ]
    for row in grid.rows:
        cells = [_markdown_cell(grid.cell(row, c), bold=leaders[c.name] == row) for c in grid.columns]
        lines.append(_pipe([_escaped(row), *cells]))
    lines += ["", LEGEND, *_reasons(grid)]
    if published:
        lines += ["", "## Published results", "", PUBLISHED_LEGEND, ""]
        lines += [_pipe(_PUBLISHED), "|---" * len(_PUBLISHED) + "|"]
        lines += [_pipe([_escaped(text) for text in _texts(one)]) for one in published]
    return "\n".join(lines) + "\n"


def comma_separated(grid: Grid) -> str:
    """One line for each cell: every number in full, and why there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("row", "benchmark", "score", "how", "unit", "units", "value", "low", "high", "leads", "note")
    )
    for column in grid.columns:
        leader = grid.leader(column)
        for row in grid.rows:
            cell = grid.cell(row, column)
            about = (row, column.name, column.score, column.how, column.unit, column.units)
            if cell.sample is not None:
                found = cell.sample.estimate()
                writer.writerow((*about, found.value, found.low, found.high, int(row == leader), ""))
            else:
                writer.writerow((*about, "" if cell.value is None else cell.value, "", "", 0, cell.note))
    return text.getvalue()


def latex(grid: Grid) -> str:
    """A tabular with booktabs' rules; intervals stand small behind the scores."""
    leaders = {column.name: grid.leader(column) for column in grid.columns}
    lines = [r"\begin{tabular}{l" + "c" * len(grid.columns) + "}", r"\toprule"]
    lines += [
        " & ".join(["", *(_tex(_plain_title(column)) for column in grid.columns)]) + r" \\",
        r"\midrule",
    ]
    for row in grid.rows:
        cells = [_latex_cell(grid.cell(row, c), bold=leaders[c.name] == row) for c in grid.columns]
        lines.append(" & ".join([_tex(row), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "% " + LEGEND]) + "\n"


def _plain_title(column: Column) -> str:
    arrow = "" if column.better == "higher" else ", lower is better"
    return f"{column.name}: {column.score} ({column.how}{arrow}; {column.units:,} {column.unit})"


def _markdown_cell(cell: Cell, *, bold: bool) -> str:
    if cell.sample is None:
        return _bare(cell)
    value, low, high = _numbers(cell)
    return f"{f'**{value}**' if bold else value} <sub>{low} to {high}</sub>"


def _latex_cell(cell: Cell, *, bold: bool) -> str:
    if cell.sample is None:
        return _tex(_bare(cell))
    value, low, high = _numbers(cell)
    shown = rf"\textbf{{{value}}}" if bold else value
    return rf"{shown} {{\scriptsize [{low}, {high}]}}"


def _numbers(cell: Cell) -> tuple[str, str, str]:
    assert cell.sample is not None
    found = cell.sample.estimate()
    value, low, high = (f"{number:z.{DIGITS}f}" for number in (found.value, found.low, found.high))
    return value, low, high


def _bare(cell: Cell) -> str:
    """A number without interval, or in two words that there is none."""
    if cell.value is not None:
        return f"{cell.value:z.{DIGITS}f}"
    return NOT_RUN if cell.note else NONE


def _reasons(grid: Grid) -> list[str]:
    """Why cells are empty, one line each; a row that is empty for one reason has one line."""
    lines = []
    for row in grid.rows:
        notes = {c.name: note for c in grid.columns if (note := grid.cell(row, c).note) not in ("", NOT_RUN)}
        if len(notes) == len(grid.columns) and len(set(notes.values())) == 1:
            lines.append(f"* {_escaped(row)}: {_escaped(next(iter(notes.values())))}")
        else:
            lines += [
                f"* {_escaped(row)}, {_escaped(name)}: {_escaped(note)}" for name, note in notes.items()
            ]
    return ["", *lines] if lines else []


def _texts(one: Published) -> tuple[str, ...]:
    return (one.benchmark, one.score, one.method, f"{one.value:.2f}", one.split, one.source)


def _pipe(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """A name as it stands: no markup of Markdown or HTML in it works."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", _in_a_line(text))


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in _in_a_line(text))


def _in_a_line(text: str) -> str:
    """A folder's name may hold the end of a line."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text)
