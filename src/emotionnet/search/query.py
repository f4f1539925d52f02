"""What is asked of an index, read from the texts that a person or a program gives."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from emotionnet.records import DataError

HITS = 24  # what a page of results shows: divides into 2, 3, 4, 6 and 8 columns
MAX_HITS, MAX_WORDS, MAX_LETTERS, MAX_LIKE = 1_000, 32, 100, 16  # of one query; it may come from anywhere
MAX_WEIGHT = 100.0

_TOKEN = re.compile(r'(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s,":]+))(?P<weight>:[^\s,"]*)?')
_BOUND = re.compile(r"\s*(?P<name>[^<>]*[^<>\s])\s*(?P<side>[<>])\s*(?P<value>[^<>\s]+)\s*")


@dataclass(frozen=True, slots=True)
class Bound:
    """A picture's probability of an emotion must lie on this side of a value from 0 to 1."""

    name: str
    side: Literal["<", ">"]
    value: float

    def __str__(self) -> str:
        return f"{self.name}{self.side}{self.value:g}"


@dataclass(frozen=True, slots=True)
class Query:
    """A question to an index.

    `words` have weights, below 0 for what is not wanted. `like` are pictures: the id of one in the index, a
    file, or the bytes of one. `folder` is a whole path, or some folders of one in a row. `taken_from` and
    `taken_to` are days, both included; pictures without a date lie in no span of days.
    """

    words: tuple[tuple[str, float], ...] = ()
    like: tuple[str | Path | bytes, ...] = ()
    emotions: tuple[Bound, ...] = ()
    folder: str | None = None
    taken_from: date | None = None
    taken_to: date | None = None
    k: int = HITS

    def __str__(self) -> str:
        """In words, for the head of a page."""
        wanted = [_weighted(word, weight) for word, weight in self.words if weight > 0]
        unwanted = [f"not {_weighted(word, -weight)}" for word, weight in self.words if weight < 0]
        like = [f"like {one.name if isinstance(one, Path) else 'a picture'}" for one in self.like]
        where = [f"in {self.folder}"] if self.folder else []
        since = [f"from {self.taken_from}"] if self.taken_from else []
        until = [f"to {self.taken_to}"] if self.taken_to else []
        return ", ".join([*wanted, *unwanted, *like, *map(str, self.emotions), *where, *since, *until])


def parse_query(
    text: str = "",
    *,
    not_: Sequence[str] = (),
    emotion: Sequence[str] = (),
    like: Sequence[str | Path | bytes] = (),
    folder: str | None = None,
    taken: tuple[str | None, str | None] = (None, None),
    k: int = HITS,
) -> Query:
    """Read a query.

    Args:
        text: Words; a phrase stands in double quotes, a weight behind a colon: `serene "broken heart":2`.
        not_: Words of the same form that are not wanted.
        emotion: Bounds such as `joy>0.3`.
        like: Pictures, see `Query`.
        folder: See `Query`.
        taken: The first and the last day, such as `2020-01-31`.
        k: How many pictures are wanted.

    Raises:
        DataError: One line for each part that cannot be read; or nothing is asked for.
    """
    faults: list[str] = []
    words = [*_words(text, 1.0, faults)]
    for some in not_:
        words += _words(some, -1.0, faults)
    bounds = [bound for one in emotion if (bound := _bound(one, faults))]
    first, last = (_day(day, faults) for day in taken)
    if first and last and first > last:
        faults.append(f"the first day must not be after the last; got {first} and {last}")
    faults += _too_much(words, like, k)
    if not faults and not (words or like or bounds):
        faults.append("a query needs words, a picture that results are to be like, or a bound of an emotion")
    if faults:
        raise DataError(faults)
    return Query(tuple(words), tuple(like), tuple(bounds), folder or None, first, last, k)


def _words(text: str, sign: float, faults: list[str]) -> list[tuple[str, float]]:
    words: list[tuple[str, float]] = []
    rest = _TOKEN.sub("", text)
    if odd := rest.replace(",", " ").strip():
        faults.append(
            'words must be divided by spaces, phrases stand in two ", weights behind a colon; '
            f"{odd[:20]!r} in {text[:80]!r} is none of these"
        )
    for token in _TOKEN.finditer(text):
        word = " ".join((token["phrase"] if token["word"] is None else token["word"]).split())
        weight = _weight(token["weight"])
        if weight is None:
            told = f"{(token['weight'] or '')[1:40]!r}"
            faults.append(
                f"{word[:40]}: a weight must be a number other than 0, up to {MAX_WEIGHT:g}; got {told}"
            )
        elif word:
            words.append((word, sign * weight))
    return words


def _weight(text: str | None) -> float | None:
    if text is None:
        return 1.0
    value = _number(text[1:])
    return value if value is not None and 0 < abs(value) <= MAX_WEIGHT else None


def _bound(text: str, faults: list[str]) -> Bound | None:
    found = _BOUND.fullmatch(text)
    value = None if found is None else _number(found["value"])
    if found is None or value is None or not 0 <= value <= 1:
        faults.append(
            "a bound must be an emotion, < or > and a probability from 0 to 1, such as joy>0.3; "
            f"got {text[:80]!r}"
        )
        return None
    return Bound(" ".join(found["name"].split()), "<" if found["side"] == "<" else ">", value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _day(text: str | None, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(f"a day must be given as year-month-day, such as 2020-01-31; got {text[:40]!r}")
        return None


def _too_much(words: Sequence[tuple[str, float]], like: Sequence[str | Path | bytes], k: int) -> list[str]:
    faults = [
        f"a word must have at most {MAX_LETTERS} letters; {word[:20]!r}... has {len(word)}"
        for word, _ in words
        if len(word) > MAX_LETTERS
    ]
    counted = {
        "k": (k, MAX_HITS),
        "words": (len(words), MAX_WORDS),
        "pictures to be like": (len(like), MAX_LIKE),
    }
    if k < 1:
        faults.append(f"k must be at least 1; got {k}")
    faults += [
        f"{name}: at most {most:,} may be asked for; got {count:,}"
        for name, (count, most) in counted.items()
        if count > most
    ]
    return faults


def _weighted(word: str, weight: float) -> str:
    told = f'"{word}"' if " " in word else word
    return told if weight == 1 else f"{told}:{weight:g}"
