"""Annotation files of the 2020 release: pickled lists of rows, read as data and written back."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from emotionnet.data.annotation_rows import (
    FORMS,
    MAX_INDEX,
    Limits,
    Row,
    form_of,
    parse,
    spell,
)
from emotionnet.data.pickles import read_pickle
from emotionnet.data.row_checks import RowError, shown
from emotionnet.data.se30k8 import RATERS, Se30k8, VotedImage, parse_entry
from emotionnet.emotions import LABEL_SETS
from emotionnet.files import write_bytes
from emotionnet.records import DataError, as_text

MAX_FAULTS = 10
_LONGEST_ROW = 64
_Read = TypeVar("_Read", Row, VotedImage)


class Reject(NamedTuple):
    """What was left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Annotations:
    """A file of rows; how many classes and tags there are, as was given or by the largest index."""

    form: str
    rows: tuple[Row, ...]
    classes: int
    tags: int
    rejects: tuple[Reject, ...] = ()


def read_annotations(
    path: Path,
    *,
    classes: int | None = None,
    vocabulary: int | None = None,
    images: Path | None = None,
    skip_bad_rows: bool = False,
    unlabelled: bool = False,
) -> Annotations | Se30k8:
    """Read one of the six row forms (`annotation_rows.FORMS`), or the dict of SE30K8.

    A file has one form, that of most of its rows; a row of another form is a bad row. Row numbers in
    messages count from 0.

    Args:
        path: The pickle.
        classes: How many classes there are.
        vocabulary: How many words the vocabulary has: of tags in rows with tag ids, of classes in others.
        images: The image folder; a path that leaves it through a link is then found too.
        skip_bad_rows: Leave bad rows out, into `rejects`, instead of refusing the file.
        unlabelled: A label of -1 in `[path, label]` means that there is none.

    Raises:
        DataError: The file cannot be read as plain data, holds no good row, or holds a bad one; then the
            first ten are named.
    """
    content = read_pickle(path)
    if not isinstance(content, dict | list | tuple):
        raise DataError(f"{path}: must hold a list of rows, or the dict of SE30K8; got {shown(content)}")
    if not content:
        raise DataError(f"{path}: must hold at least one row; it holds none")
    root = Inside(images) if images is not None else None
    _require_cheap(path, content)
    if isinstance(content, dict):
        entries = _checked(path, list(content.items()), lambda item: parse_entry(*item), root)
        return Se30k8(entries.good, _settled(path, entries, skip=skip_bad_rows))
    form = _common(map(form_of, content))
    limits = _limits(form, content, classes, vocabulary, unlabelled=unlabelled)
    rows = _checked(path, content, lambda row: _parsed(form, row, limits), root)
    rejects = _settled(path, rows, skip=skip_bad_rows)
    known = {"classes": limits.classes, "tags": limits.tags}
    for name, column in (("classes", "labels"), ("tags", "tags")):
        if known[name] == MAX_INDEX:
            known[name] = 1 + max((max(getattr(row, column), default=-1) for row in rows.good), default=-1)
    return Annotations(form or "", rows.good, known["classes"], known["tags"], rejects)


def write_annotations(path: Path, form: str, rows: Sequence[Row], *, classes: int = 0) -> None:
    """Write rows in one of `annotation_rows.FORMS`; reading them gives equal rows.

    Plain lists and numbers in protocol 2, which every Python since 2.3 reads; EMOTIC's categories by name.

    Args:
        path: The pickle, written whole or not at all.
        form: The form.
        rows: What to write.
        classes: How many shares a row of soft labels has.

    Raises:
        DataError: The form is unknown, or has no place for what a row holds.
    """
    if form not in FORMS:
        raise DataError(f"form must be one of {', '.join(FORMS)}; got {shown(form)}")
    written, faults = [], []
    for row in rows:
        try:
            written.append(spell(form, row, classes))
        except RowError as error:
            faults.append(f"{path}: {row.path}: {error}")
    if faults:
        raise DataError(_first(path, faults))
    write_bytes(path, pickle.dumps(written, protocol=2))


class Inside:
    """Tells whether relative paths end inside a folder, links followed; looks at each of its folders once."""

    def __init__(self, root: Path) -> None:
        self.root = str(root.resolve())
        self._below = self.root.rstrip(os.sep) + os.sep
        self._folders: dict[str, str] = {}

    def __contains__(self, path: str) -> bool:
        folder, name = os.path.split(path)
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(os.path.join(self.root, folder))  # noqa: PTH118
        place = os.path.join(real, name)  # noqa: PTH118 - a million of them
        if name in ("", ".") or os.path.islink(place):  # noqa: PTH114
            place = os.path.realpath(place)
        return place == self.root or place.startswith(self._below)


def _require_cheap(path: Path, content: Any) -> None:
    """A pickle can name one list in every row: crops of one picture may, but not without end."""
    entries = sum(map(_entries, content.values() if isinstance(content, dict) else content))
    most = 4 * path.stat().st_size + 2**20
    if entries > most:
        raise DataError(
            f"{path}: rows must hold at most {most:,} entries for the file's size; hold {entries:,}"
        )


def _entries(row: Any) -> int:
    """How much there is to read in a row or in an entry of a dict; told without looking into long lists."""
    if not isinstance(row, list | tuple | dict) or len(row) > _LONGEST_ROW:
        return 1
    parts = list(row.values() if isinstance(row, dict) else row)
    parts += [
        inner for part in parts if isinstance(part, list | tuple) and len(part) <= RATERS for inner in part
    ]
    arrays = sum(part.size for part in parts if isinstance(part, np.ndarray))
    return 1 + arrays + sum(len(part) for part in parts if isinstance(part, list | tuple | dict))


@dataclass(frozen=True)
class _Checked:
    good: tuple[Any, ...]
    bad: tuple[tuple[int, Reject], ...]


def _checked(
    path: Path, content: Sequence[Any], read: Callable[[Any], _Read], root: Inside | None
) -> _Checked:
    good, bad = [], []
    for number, raw in enumerate(content):
        try:
            row = read(raw)
            if root is not None and row.path not in root:
                raise RowError(f"path must not leave the image folder {root.root}; got {shown(row.path)}")
            good.append(row)
        except (RowError, OSError) as error:
            bad.append((number, Reject(_id(path, raw, number), str(error))))
    return _Checked(tuple(good), tuple(bad))


def _settled(path: Path, checked: _Checked, *, skip: bool) -> tuple[Reject, ...]:
    if checked.bad and not (skip and checked.good):
        raise DataError(_first(path, [f"{path}: row {number}: {bad.reason}" for number, bad in checked.bad]))
    return tuple(reject for _, reject in checked.bad)


def _first(path: Path, faults: Sequence[str]) -> list[str]:
    more = len(faults) - MAX_FAULTS
    return [*faults[:MAX_FAULTS], *([f"{path}: {more} more bad rows"] if more > 0 else [])]


def _id(path: Path, raw: object, number: int) -> str:
    """The picture of a bad row where it can be told, else the row."""
    named = isinstance(raw, list | tuple) and raw and isinstance(raw[0], str | int)
    name = str(raw[0])[:1000] if named and not (type(raw[0]) is int and abs(raw[0]) >= 2**63) else ""  # type: ignore[index]
    return as_text(name) or f"{path.stem}: row {number}"


def _common(found: Iterable[str | None]) -> str | None:
    """The most common of what was recognised, the first of equals."""
    counted = Counter(form for form in found if form is not None)
    return max(counted, key=counted.__getitem__) if counted else None


def _parsed(form: str | None, row: object, limits: Limits) -> Row:
    if form is None:
        raise RowError(f"a row must have one of the forms {', '.join(FORMS.values())}; got {shown(row)}")
    return parse(form, row, limits)


def _limits(
    form: str | None, rows: Sequence[Any], classes: int | None, vocabulary: int | None, *, unlabelled: bool
) -> Limits:
    tags = None
    if form == "labels_tags":
        tags = vocabulary
    elif classes is None:
        classes = vocabulary
    if form == "emotic":
        classes = len(LABEL_SETS["emotic26"])
    elif form == "soft" and classes is None:
        lengths = Counter(len(row[1]) for row in rows if form_of(row) == "soft")
        classes = max(lengths, key=lengths.__getitem__)
    return Limits(MAX_INDEX if classes is None else classes, MAX_INDEX if tags is None else tags, unlabelled)
