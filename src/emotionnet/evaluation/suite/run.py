"""Run a suite: every benchmark is opened, every cell filled or read again, then the table is written.

The table is made of the kept cells alone, so a suite that was killed and started again ends with the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotionnet.data.benchmarks.catalogue import BENCHMARKS
from emotionnet.data.opening import open_data
from emotionnet.data.store import Dataset
from emotionnet.evaluation.pooled import Pooled
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.scores import SCORES, resample, score_of
from emotionnet.evaluation.suite.cells import fill, folder_name
from emotionnet.evaluation.suite.chance_row import chance_score
from emotionnet.evaluation.suite.config import SuiteConfig, SuiteEntry
from emotionnet.evaluation.suite.grid import CHANCE, NOT_RUN, Cell, Column, Grid
from emotionnet.evaluation.suite.published import published_for
from emotionnet.evaluation.suite.rendering import comma_separated, latex, markdown
from emotionnet.evaluation.suite.rows import ClipRow, Row, open_clip_row, open_runs
from emotionnet.files import require_folder_or_nothing, write_text
from emotionnet.progress import message
from emotionnet.records import DataError

CELLS = "cells"
_OF_ONE = "ap.LABEL is that of one label, ccc.NAME and rmse.NAME those of one dimension"


@dataclass(frozen=True)
class Written:
    """Where the table lies, and how many of its cells have a score."""

    markdown: Path
    csv: Path
    latex: Path
    cells: int
    filled: int


def run_suite(runs: Sequence[Path], suite: SuiteConfig, out: Path) -> Written:
    """Hold runs, and a CLIP model beside them, against benchmarks.

    Every cell is kept in `out/cells`, so that the same call goes on where it was stopped; a cell is computed
    anew when its run, its benchmark or the version has changed. A run that cannot be held against a benchmark
    in the way that is asked for gets 'not run here' and the reason.

    Args:
        runs: Finished RUNs; none: the CLIP model alone.
        suite: What they are held against.
        out: The folder for `table.md`, `table.csv`, `table.tex` and the cells.

    Raises:
        DataError: A run or a benchmark cannot be opened, or a score is unknown; nothing is computed then.
    """
    if not runs and suite.clip is None:
        raise DataError("a suite needs at least one RUN, or a CLIP model as its key clip; got neither")
    require_folder_or_nothing(out)
    _require_scores(suite)
    rows: list[Row] = [*open_runs(runs)]
    datasets = _open_all(suite)
    clip, reason = _open_clip(suite)
    rows += [clip] if clip is not None else []
    grids = [_column(entry, datasets[entry.name], rows, out, suite.seed) for entry in suite.benchmarks]
    names = [row.name for row in rows]
    cells = {key: cell for _, some in grids for key, cell in some.items()}
    if suite.clip is not None and clip is None:
        names.append(suite.clip)
        cells |= {(suite.clip, entry.name): Cell(note=reason) for entry in suite.benchmarks}
    grid = Grid((*names, CHANCE), tuple(column for column, _ in grids), cells)
    return _write(grid, suite, out)


def _require_scores(suite: SuiteConfig) -> None:
    faults = [
        f"{entry.name}: score must be auto or one of {', '.join(SCORES)}; {_OF_ONE}; got {entry.score!r}"
        for entry in suite.benchmarks
        if entry.score != "auto" and not _is_score(entry.score)
    ]
    if faults:
        raise DataError(faults)


def _is_score(key: str) -> bool:
    name, _, part = key.partition(".")
    return name in SCORES and (bool(part) if name == "ap" else not part or name in ("ccc", "rmse"))


def _open_all(suite: SuiteConfig) -> dict[str, Dataset]:
    datasets: dict[str, Dataset] = {}
    faults: list[str] = []
    for entry in suite.benchmarks:
        try:
            datasets[entry.name] = open_data(entry)
            datasets[entry.name].records(entry.split)
            _require_label(entry, datasets[entry.name].emotion_names)
        except DataError as error:
            faults += [f"{entry.name}: {fault}" for fault in error.faults]
    if faults:
        raise DataError(faults)
    return datasets


def _require_label(entry: SuiteEntry, names: Sequence[str]) -> None:
    name, _, label = entry.score.partition(".")
    if name == "ap" and label not in names:
        raise DataError(f"score: the label must be one of {', '.join(names)[:200]}; got {label!r}")


def _open_clip(suite: SuiteConfig) -> tuple[ClipRow | None, str]:
    """The CLIP model, or why it cannot be had."""
    if suite.clip is None:
        return None, ""
    try:
        return open_clip_row(suite.clip, seed=suite.seed), ""
    except DataError as error:
        message(f"{suite.clip}: {NOT_RUN}: {error.faults[0]}")
        return None, f"{NOT_RUN}: {error.faults[0]}"


def _column(
    entry: SuiteEntry, dataset: Dataset, rows: Sequence[Row], out: Path, seed: int
) -> tuple[Column, dict[tuple[str, str], Cell]]:
    """All cells of a benchmark, the same resamples for all of them, and what the column says."""
    pooled: dict[str, Pooled] = {}
    cells: dict[tuple[str, str], Cell] = {}
    for row in rows:
        folder = out / CELLS / folder_name(row.name) / entry.name
        try:
            pooled[row.name] = fill(folder, row, entry, dataset).pooled()
        except DataError as error:
            message(f"{row.name}, {entry.name}: {NOT_RUN}: {error.faults[0]}")
            cells[row.name, entry.name] = Cell(note=f"{NOT_RUN}: {error.faults[0]}")
    if not pooled:
        cells[CHANCE, entry.name] = Cell(note="")
        return Column(entry.name, _score_key(entry, None), entry.how, "higher", 0, "groups"), cells
    some = next(iter(pooled.values()))
    key = _score_key(entry, some)
    units = len(some.ids)
    column = Column(entry.name, key, entry.how, score_of(key).better, units, f"{some.unit}s")
    for name, one in pooled.items():
        cells[name, entry.name] = _scored(one, key, seed)
    cells[CHANCE, entry.name] = Cell(value=chance_score(key, some.truth, seed=seed), note="")
    return column, cells


def _score_key(entry: SuiteEntry, pooled: Pooled | None) -> str:
    if entry.score != "auto":
        return entry.score
    if entry.format in BENCHMARKS:
        return BENCHMARKS[entry.format].main_score
    return "macro_map" if pooled is None or pooled.truth.single_U is None else "accuracy"


def _scored(pooled: Pooled, key: str, seed: int) -> Cell:
    groups = pooled.truth.groups_U
    count = len(pooled.ids) if groups is None else int(groups.max()) + 1
    weights = draw_weights(count, seed=seed)
    found = resample(
        pooled.told,
        pooled.truth,
        weights if groups is None else weights[groups],
        only=[key.partition(".")[0]],
    )
    if key in found:
        return Cell(found[key])
    what = "units that have it" if "." in key else score_of(key).needs
    return Cell(note=f"{NOT_RUN}: {key} needs {what}")


def _write(grid: Grid, suite: SuiteConfig, out: Path) -> Written:
    formats = {entry.name: entry.format for entry in suite.benchmarks}
    published = published_for(formats.values())
    names = ("table.md", "table.csv", "table.tex")
    texts = (markdown(grid, published), comma_separated(grid), latex(grid))
    for name, text in zip(names, texts, strict=True):
        write_text(out / name, text)
    rows = [row for row in grid.rows if row != CHANCE]
    filled = sum(grid.cell(row, column).sample is not None for row in rows for column in grid.columns)
    page, csv, tex = (out / name for name in names)
    return Written(page, csv, tex, cells=len(rows) * len(grid.columns), filled=filled)
