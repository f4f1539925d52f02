"""The row forms of the 2020 annotation files: how to tell, check and spell each.

A row that was read is a `Row`, whatever its form was; `FORMS` says how each form is written.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from emotionnet.data.row_checks import RowError, require_path, shown
from emotionnet.emotions import LABEL_SETS

FORMS: Mapping[str, str] = {
    "labels": "[path, [label, ...]]",
    "label": "[path, label]",
    "labels_tags": "[path, [label, ...], [tag id, ...]]",
    "counts": "[path, [[label, count], ...]]",
    "soft": "[path, [p_0, ..., p_{C-1}]]",
    "emotic": "[path, Counter({category: n}), [valence, arousal, dominance], [x1, y1, x2, y2]]",
}
MAX_INDEX = 2**20  # without names: a class or tag has to be made for each number up to the largest
MAX_NUMBER = 2.0**31
_CATEGORIES = {name: index for index, name in enumerate(LABEL_SETS["emotic26"])}
_LISTS = (list, tuple, np.ndarray)


class Row(NamedTuple):
    """One row: a picture and what is said of it.

    `path` is as the file spells it. `weights` are the counts or shares of `labels`, one each, in the forms
    that have them. `dimensions` is empty where the file does not know all three.
    """

    path: str
    labels: tuple[int, ...]
    tags: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    dimensions: tuple[float, ...] = ()
    box: tuple[float, ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How many classes and tags there are, and whether -1 stands for no label in `[path, label]`."""

    classes: int = MAX_INDEX
    tags: int = MAX_INDEX
    unlabelled: bool = False


def form_of(row: object) -> str | None:
    """Which of `FORMS` a row has by its looks; None: none of them, or several, such as an empty list."""
    if not isinstance(row, list | tuple) or not 2 <= len(row) <= 4 or not isinstance(row[0], str):
        return None
    if len(row) == 4:
        return "emotic" if isinstance(row[1], Mapping) else None
    if len(row) == 3:
        return "labels_tags" if isinstance(row[1], _LISTS) and isinstance(row[2], _LISTS) else None
    return "label" if _is_whole(row[1]) else _form_of_list(row[1])


def _form_of_list(values: Any) -> str | None:
    if not isinstance(values, _LISTS) or not _is_listable(values) or not len(values):
        return None
    if isinstance(values[0], _LISTS):
        return "counts"
    if all(map(_is_whole, values)):
        return "labels"
    return (
        "soft" if all(_is_whole(item) or isinstance(item, float | np.floating) for item in values) else None
    )


def parse(form: str, row: object, limits: Limits) -> Row:
    """Check a row against a form.

    Raises:
        RowError: It is of another form, or a path, label, tag or number is not what it must be.
    """
    size = 3 if form == "labels_tags" else 4 if form == "emotic" else 2
    if not isinstance(row, list | tuple) or len(row) != size or not isinstance(row[0], str):
        raise RowError(_other(form, row))
    require_path(row[0])
    return _PARSERS[form]([str(row[0]), *row[1:]], limits)


def spell(form: str, row: Row, classes: int) -> list[Any]:
    """A row as the file has it, of plain lists and numbers; the reverse of `parse`.

    Raises:
        RowError: The form has no place for it, such as two labels in `[path, label]`.
    """
    pairs = [(label, _number(weight)) for label, weight in zip(row.labels, row.weights, strict=False)]
    if form == "label":
        if len(row.labels) > 1:
            raise RowError(f"{FORMS[form]} takes one label; got {shown(list(row.labels))}")
        return [row.path, row.labels[0] if row.labels else -1]
    if form in ("labels", "labels_tags") and not row.labels:
        raise RowError(f"{FORMS[form]} takes at least one label; got none")
    if form == "labels":
        return [row.path, list(row.labels)]
    if form == "labels_tags":
        return [row.path, list(row.labels), list(row.tags)]
    if len(row.weights) != len(row.labels):
        raise RowError(f"{FORMS[form]} takes a number for each label; got none")
    if form == "counts":
        return [row.path, [list(pair) for pair in pairs]]
    if form == "soft":
        shares = [0.0] * classes
        for label, weight in zip(row.labels, row.weights, strict=True):
            shares[label] = weight
        return [row.path, shares]
    if len(row.box) != 4:
        raise RowError(f"{FORMS[form]} takes a box of four numbers; got {shown(list(row.box))}")
    names = LABEL_SETS["emotic26"]
    votes = Counter({names[label]: count for label, count in pairs})
    return [row.path, votes, list(row.dimensions) or [math.nan] * 3, [_number(value) for value in row.box]]


def _labels(row: Sequence[Any], limits: Limits) -> Row:
    return Row(row[0], _indices(row, "labels", limits.classes))


def _label(row: Sequence[Any], limits: Limits) -> Row:
    if limits.unlabelled and _is_whole(row[1]) and row[1] == -1:
        return Row(row[0], ())
    if isinstance(row[1], _LISTS):
        raise RowError(_other("label", row))
    return Row(row[0], (_index(row[1], limits.classes, "label"),))


def _labels_tags(row: Sequence[Any], limits: Limits) -> Row:
    tags = _all_in(_items(row[2], "labels_tags", row), limits.tags, "tag id")
    return Row(row[0], _indices(row, "labels_tags", limits.classes), tags)


def _counts(row: Sequence[Any], limits: Limits) -> Row:
    pairs = [_items(pair, "counts", row, size=2) for pair in _items(row[1], "counts", row)]
    labels = tuple(_index(label, limits.classes, "label") for label, _ in pairs)
    return Row(row[0], labels, weights=tuple(_amount(count, "count") for _, count in pairs))


def _soft(row: Sequence[Any], limits: Limits) -> Row:
    shares = _items(row[1], "soft", row)
    if len(shares) != limits.classes:
        raise RowError(f"soft labels must be {limits.classes} numbers, one for each class; got {len(shares)}")
    if any(_is_whole(share) and share not in (0, 1) for share in shares):
        raise RowError(_other("soft", row))
    weights = [_amount(share, "share") for share in shares]
    labels = tuple(index for index, weight in enumerate(weights) if weight > 0)
    return Row(row[0], labels, weights=tuple(weights[label] for label in labels))


def _emotic(row: Sequence[Any], limits: Limits) -> Row:
    path, votes, dimensions, box = row
    if not isinstance(votes, Mapping):
        raise RowError(_other("emotic", row))
    labels = tuple(_category(name, limits.classes) for name in votes)
    if len(set(labels)) < len(labels):
        raise RowError(f"a category must stand once, by name or by number; got {shown(list(votes))}")
    weights = tuple(_amount(count, "count") for count in votes.values())
    values = _items(dimensions, "emotic", row, size=3)
    corners = tuple(_finite(value, "box") for value in _items(box, "emotic", row, size=4))
    if corners[0] > corners[2] or corners[1] > corners[3]:
        raise RowError(f"a box must be x1, y1, x2, y2 with x1 <= x2 and y1 <= y2; got {shown(list(corners))}")
    return Row(path, labels, weights=weights, dimensions=_dimensions(values), box=corners)


_PARSERS: Mapping[str, Callable[[Sequence[Any], Limits], Row]] = {
    "labels": _labels,
    "label": _label,
    "labels_tags": _labels_tags,
    "counts": _counts,
    "soft": _soft,
    "emotic": _emotic,
}


def _dimensions(values: Sequence[Any]) -> tuple[float, ...]:
    """EMOTIC has persons whose valence, arousal or dominance nobody gave."""
    unknown = [value is None or (isinstance(value, float) and math.isnan(value)) for value in values]
    known = [_amount(v, "dimension") for v, missing in zip(values, unknown, strict=True) if not missing]
    return () if any(unknown) else tuple(known)


def _category(name: object, classes: int) -> int:
    if isinstance(name, str):
        if name not in _CATEGORIES:
            raise RowError(f"a category must be one of EMOTIC's {len(_CATEGORIES)}; got {shown(name)}")
        return _CATEGORIES[name]
    return _index(name, classes, "category")


def _indices(row: Sequence[Any], form: str, count: int) -> tuple[int, ...]:
    labels = _all_in(_items(row[1], form, row), count, "label")
    if not labels:
        raise RowError("a row must have at least one label; it has none")
    return labels


def _items(value: Any, form: str, row: object, *, size: int | None = None) -> Sequence[Any]:
    if not isinstance(value, _LISTS) or not _is_listable(value) or len(value) != (size or len(value)):
        raise RowError(_other(form, row))
    return value.tolist() if isinstance(value, np.ndarray) else value


def _is_listable(value: Any) -> bool:
    """Whether a list takes about as much memory as the array: one of shape (10**12, 0) holds nothing."""
    if not isinstance(value, np.ndarray):
        return True
    return value.dtype.kind in "iufO" and (value.ndim == 1 or (value.ndim == 2 and value.shape[1] == 2))


def _is_whole(value: object) -> bool:
    return type(value) is int or isinstance(value, np.integer)


def _all_in(values: Sequence[Any], count: int, what: str) -> tuple[int, ...]:
    """Whole numbers in 0..count - 1; nearly always they are, which is told of all at once."""
    if set(map(type, values)) == {int} and min(values) >= 0 and max(values) < count:
        return tuple(values)
    return tuple(_index(value, count, what) for value in values)


def _index(value: Any, count: int, what: str) -> int:
    if not _is_whole(value) or not 0 <= value < count:
        raise RowError(f"a {what} must be a whole number in 0..{count - 1}; got {shown(value)}")
    return int(value)


def _amount(value: Any, what: str) -> float:
    number = _finite(value, what)
    if number < 0:
        raise RowError(f"a {what} must be at least 0; got {shown(value)}")
    return number


def _finite(value: Any, what: str) -> float:
    plain = value.item() if isinstance(value, np.integer | np.floating) else value
    if type(plain) not in (int, float) or not abs(plain) <= MAX_NUMBER:
        raise RowError(f"a {what} must be a number, at most {MAX_NUMBER:.0f}; got {shown(value)}")
    return float(plain)


def _number(value: float) -> float:
    """Counts and pixels are whole numbers in the files, and doubles in a table."""
    return int(value) if value == int(value) else value


def _other(form: str, row: object) -> str:
    return f"a row must be {FORMS[form]}; got {shown(row)}"
