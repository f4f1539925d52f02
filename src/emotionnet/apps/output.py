"""Results on standard output: JSON for programs, a table for a terminal."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotionnet.inference.results import Domain, Prediction, Score, ZeroShotPrediction
from emotionnet.records import DataError

Format = Literal["auto", "json", "csv", "table"]


class Result(Protocol):
    """One of many that are printed."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""


OneOfMany = TypeVar("OneOfMany", bound=Result)
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


def print_predictions(
    results: Iterable[Prediction | DataError], form: Format, *, with_domain: bool = False
) -> list[str]:
    """Many predictions, see `print_each`; `with_domain`: CSV and table have a column for it."""
    if not with_domain:
        return print_each(results, form, _HEADER, _row)
    return print_each(results, form, (_HEADER[0], "domain", *_HEADER[1:]), _row_with_domain)


def print_each(
    results: Iterable[OneOfMany | DataError],
    form: Format,
    header: Sequence[str],
    row: Callable[[OneOfMany], Sequence[str]],
) -> list[str]:
    """Many results: a JSON list or CSV with one row for each, as they come, or a table of them all.

    Args:
        results: One for each picture, or why it has none.
        form: How they are printed.
        header: Names of the columns of CSV and table.
        row: What stands in the columns.

    Returns:
        One line for each picture that has none.
    """
    faults: list[str] = []

    def good() -> Iterator[OneOfMany]:
        for result in results:
            if isinstance(result, DataError):
                faults.extend(result.faults)
            else:
                yield result

    chosen = chosen_form(form)
    if chosen == "json":
        _print_list(good())
    elif chosen == "csv":
        _print_csv(itertools.chain([header], map(row, good())))
    else:
        print_table(header, list(map(row, good())))
    return faults


def is_watched(form: Format) -> bool:
    """Whether predictions appear on a terminal as they come, where a bar would stand in their way."""
    return sys.stdout.isatty() and chosen_form(form) != "table"


def chosen_form(form: Format) -> str:
    """What auto stands for: a table where a person reads, else JSON."""
    if form == "auto":
        return "table" if sys.stdout.isatty() else "json"
    return form


def _print_list(results: Iterable[Result]) -> None:
    """As `json.dumps` of them all has it."""
    before = "["
    for result in results:
        _print(f"{before}\n" + textwrap.indent(json.dumps(result.to_dict(), indent=2), "  "))
        before = ","
    _print("[]\n" if before == "[" else "\n]\n")


def _print_csv(rows: Iterable[Sequence[str]]) -> None:
    for row in rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        _print(_printable(text.getvalue()))


def _row(prediction: Prediction) -> tuple[str, str, str]:
    return prediction.image, named_scores(prediction.emotions), named_scores(prediction.tags)


def _row_with_domain(prediction: Prediction) -> tuple[str, ...]:
    image, *others = _row(prediction)
    return image, _side(prediction.domain), *others


def _side(domain: Domain | None) -> str:
    if domain is None:
        return ""
    return "outside" if domain.outside else "inside"


def _print(text: str) -> None:
    print(text, end="", flush=True)  # noqa: T201


def print_ranked(predictions: Sequence[ZeroShotPrediction]) -> None:
    """Labels ranked for many pictures: a JSON list, or a table when a person reads."""
    if not sys.stdout.isatty():
        print(json.dumps([prediction.to_dict() for prediction in predictions], indent=2))  # noqa: T201
        return
    if any(prediction.domain is not None for prediction in predictions):
        rows = [(one.image, _side(one.domain), named_scores(one.labels)) for one in predictions]
        print_table(("image", "domain", "labels"), rows)
    else:
        print_table(("image", "labels"), [(one.image, named_scores(one.labels)) for one in predictions])


def named_scores(scores: Sequence[Score]) -> str:
    """Names and values in one cell."""
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
