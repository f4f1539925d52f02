"""Marks: which pictures of an index deserve a word, and which do not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotionnet.progress import message
from emotionnet.records import DataError, as_text
from emotionnet.search.layout import picture_id
from emotionnet.search.scan import absolute
from emotionnet.search.store import Index

MAX_MARKS = 1_000  # of one word, on either side
LOOKED_THROUGH = 20_000  # names of an index, for one that is like the one that is asked for
HINTS = 5  # names that are looked for so


def marked_pictures(index: Index, names: Sequence[str]) -> list[str]:
    """The ids of pictures that are given by path or by id.

    Raises:
        DataError: The index has no such picture; one line for each, with the paths of the most similar names.
    """
    found = {name: _find(index, name) for name in dict.fromkeys(names)}
    unknown = [name for name, one in found.items() if one is None]
    if unknown:
        paths = index.table(["path"])["path"].to_pylist() if len(index) <= LOOKED_THROUGH else []
        hints = [_hint(name, paths) for name in unknown[:HINTS]] + [""] * len(unknown[HINTS:])
        raise DataError(
            f"{as_text(name)}: must be a picture of {index.folder}, a path or an id{hint}"
            for name, hint in zip(unknown, hints, strict=True)
        )
    return [one for name in names if (one := found[name]) is not None]


def merged_marks(
    index: Index, before: Mapping[str, bool], yes: Sequence[str], no: Sequence[str]
) -> dict[str, bool]:
    """Whether each marked picture deserves a word: as it was marked last.

    Args:
        index: Whose pictures they are; earlier marks of pictures that it has no more are left out.
        before: Earlier marks, by id.
        yes: Ids that are marked yes now.
        no: Ids that are marked no now.

    Raises:
        DataError: An id is unknown or on both sides, nothing is marked yes, or there are too many marks.
    """
    both = sorted(set(yes) & set(no))
    faults = [f"{name[:40]}: must be marked yes or no; it is marked both" for name in both]
    for name in dict.fromkeys((*yes, *no)):
        try:
            index.row(name)
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    marks = {name: value for name, value in before.items() if name in index}
    if len(marks) < len(before):
        gone = len(before) - len(marks)
        message(f"left out: {gone} earlier mark{'s' * (gone != 1)}, of pictures that are gone from the index")
    marks |= dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    counts = [list(marks.values()).count(side) for side in (True, False)]
    if not counts[0]:
        raise DataError("at least one picture must be marked yes; got none")
    if max(counts) > MAX_MARKS:
        raise DataError(f"a word must have at most {MAX_MARKS} marks on either side; got {max(counts)}")
    return marks


def _find(index: Index, name: str) -> str | None:
    if not name:
        return None
    own = picture_id(as_text(absolute(Path(name).expanduser())))
    return own if own in index else name if name in index else None


def _hint(name: str, paths: Sequence[str]) -> str:
    """Paths of files that are called much like a name."""
    by_name: dict[str, str] = {}
    for path in paths:
        by_name.setdefault(Path(path).stem, path)
    near = difflib.get_close_matches(Path(name).stem, by_name, n=3)
    return f"; did you mean {' or '.join(by_name[one] for one in near)}?" if near else ""
