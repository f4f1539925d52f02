"""Results on standard output: JSON for programs, a table for a terminal."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from emotionnet.inference.results import Prediction, ZeroShotPrediction

Format = Literal["auto", "json", "csv", "table"]


def print_result(values: Mapping[str, Any]) -> None:
    """One result: a JSON object, or a table of two columns when a person reads."""
    if not sys.stdout.isatty():
        print(json.dumps(values, indent=2, default=str))  # noqa: T201
        return
    _print_table(("key", "value"), [(key, _text(value)) for key, value in values.items()])


def print_predictions(predictions: Sequence[Prediction | ZeroShotPrediction], form: Format) -> None:
    """Many results: a JSON list, CSV with one row per picture, or a table."""
    if form == "auto":
        form = "table" if sys.stdout.isatty() else "json"
    if form == "json":
        print(json.dumps([prediction.to_dict() for prediction in predictions], indent=2))  # noqa: T201
        return
    header, rows = _rows(predictions)
    if form == "table":
        _print_table(header, rows)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    print(text.getvalue(), end="")  # noqa: T201


def _rows(
    predictions: Sequence[Prediction | ZeroShotPrediction],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Each list of scores becomes one column, `name value` pairs separated by semicolons."""
    rows = []
    for prediction in predictions:
        lists = (
            (prediction.emotions, prediction.tags)
            if isinstance(prediction, Prediction)
            else (prediction.labels,)
        )
        cells = ("; ".join(f"{score.name} {score.value:.3f}" for score in scores) for scores in lists)
        rows.append((prediction.image, *cells))
    zero_shot = bool(predictions) and isinstance(predictions[0], ZeroShotPrediction)
    return ("image", "labels") if zero_shot else ("image", "emotions", "tags"), rows


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
