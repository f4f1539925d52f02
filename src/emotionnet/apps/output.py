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
from rich.text import Text

from emotionnet.inference.results import Prediction, Score, ZeroShotPrediction

Format = Literal["auto", "json", "csv", "table"]
_HEADER = ("image", "emotions", "tags")


def print_json(values: Mapping[str, Any]) -> None:
    """A JSON object that is to be kept, whoever reads."""
    print(json.dumps(values, indent=2, default=str))  # noqa: T201


def print_result(values: Mapping[str, Any]) -> None:
    """One result: a JSON object, or a table of two columns when a person reads."""
    if not sys.stdout.isatty():
        print_json(values)
        return
    print_table(("key", "value"), [(key, _text(value)) for key, value in values.items()])


def print_predictions(predictions: Sequence[Prediction], form: Format) -> None:
    """Many results: a JSON list, CSV with one row per picture, or a table."""
    if form == "auto":
        form = "table" if sys.stdout.isatty() else "json"
    if form == "json":
        print(json.dumps([prediction.to_dict() for prediction in predictions], indent=2))  # noqa: T201
        return
    rows = [
        (prediction.image, _scores(prediction.emotions), _scores(prediction.tags))
        for prediction in predictions
    ]
    if form == "table":
        print_table(_HEADER, rows)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(rows)
    print(_printable(text.getvalue()), end="")  # noqa: T201


def print_ranked(predictions: Sequence[ZeroShotPrediction]) -> None:
    """Labels ranked for many pictures: a JSON list, or a table when a person reads."""
    if not sys.stdout.isatty():
        print(json.dumps([prediction.to_dict() for prediction in predictions], indent=2))  # noqa: T201
        return
    rows = [(prediction.image, _scores(prediction.labels)) for prediction in predictions]
    print_table(("image", "labels"), rows)


def _scores(scores: Sequence[Score]) -> str:
    return "; ".join(f"{score.name} {score.value:.3f}" for score in scores)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for a person. Cells are text as it stands: brackets in a file's name are no markup."""
    table = Table(*header)
    for row in rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    Console().print(table)


def _printable(text: str) -> str:
    """The text with what standard output cannot spell, such as a file name that is no UTF-8, as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
