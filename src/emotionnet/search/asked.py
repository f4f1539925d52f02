"""What a query asks of one index: its words and emotions as parts to rank by, its bounds as a condition.

How a word is understood, the first that fits: as taught to the index; as a point of the space of the model's
projection, and, if it is one of its emotions, by its probability as well; as an emotion alone.

That a word which is an emotion goes by cosine and probability both, the mean of their standard scores, was
chosen on the validation groups of `emotionnet demo` (129 pictures, 36 words with positives there; mean
average precision, and share of the first 10): cosine 0.366, 0.439; probability 0.351, 0.387; cosine and
logarithm of the probability 0.371, 0.465; cosine and probability 0.389, 0.472. For words that are no
emotion, sums over the emotions near to them by probability were no better than the cosine on the pictures
of training (0.19 against 0.24) and little on those of validation (0.28 against 0.26), so the cosine stays.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

import numpy as np

from emotionnet.inference.outputs import Array
from emotionnet.inference.words import Words
from emotionnet.records import DataError
from emotionnet.search.query import Bound, Query
from emotionnet.search.ranking import Column, Measure, Part
from emotionnet.search.store import sql_text
from emotionnet.search.teaching import Taught, folded


def word_parts(
    words: Sequence[tuple[str, float]],
    *,
    emotions: Sequence[str],
    taught: Mapping[str, Taught],
    known: Words | None,
    tell: Callable[[str], None],
) -> list[Part]:
    """Words with their weights as parts.

    Args:
        words: As in `Query`.
        emotions: Of the model.
        taught: Words of the index, by `taught_words`.
        known: Words in the space of the projection; None without one.
        tell: Takes what is to be said of a word.

    Raises:
        DataError: A word cannot be understood; one line for each.
    """
    parts: list[Part] = []
    faults: list[str] = []
    for word, weight in words:
        try:
            parts.append(Part(weight, _measures(word, emotions, taught, known, tell)))
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(dict.fromkeys(faults))
    return parts


def _measures(
    word: str,
    emotions: Sequence[str],
    taught: Mapping[str, Taught],
    known: Words | None,
    tell: Callable[[str], None],
) -> tuple[Measure, ...]:
    own = taught.get(folded(word))
    if own is not None:
        return (_taught_measure(own),)
    place = _place(word, emotions)
    as_emotion = () if place is None else (_probability(place, len(emotions)),)
    if known is None and not as_emotion:
        raise DataError(_unknown(word, emotions, taught))
    if known is None:
        return as_emotion
    try:
        return (Measure({"projection": known.points([word], tell=tell)[0]}), *as_emotion)
    except DataError:
        if not as_emotion:
            raise
        return as_emotion


def _taught_measure(word: Taught) -> Measure:
    """Its log-odds but for a constant, which changes no order."""
    directions: dict[Column, Array] = {"features": np.array(word.weights, dtype=np.float32)}
    if word.word_weights is not None:
        directions["projection"] = np.array(word.word_weights, dtype=np.float32)
    return Measure(directions)


def bound_parts(bounds: Sequence[Bound], emotions: Sequence[str]) -> list[Part]:
    """What pictures are ranked by when nothing but bounds is given: the more (or the less) the better.

    Raises:
        DataError: As `conditions`.
    """
    return [
        Part(1.0 if bound.side == ">" else -1.0, (_probability(place, len(emotions)),))
        for bound, place in zip(bounds, _places(bounds, emotions), strict=True)
    ]


def condition(query: Query, emotions: Sequence[str]) -> str | None:
    """The bounds of a query as an SQL condition on the table of pictures; None where there are none.

    Raises:
        DataError: An emotion is none of the model's; one line for each.
    """
    told = [
        f"array_element(probabilities, {place + 1}) {bound.side} {bound.value!r}"  # which counts from 1
        for bound, place in zip(query.emotions, _places(query.emotions, emotions), strict=True)
    ]
    if query.folder:
        told.append(_below(query.folder))
    if query.taken_from:
        told.append(f"taken >= timestamp '{query.taken_from} 00:00:00'")
    if query.taken_to:
        told.append(f"taken <= timestamp '{query.taken_to} 23:59:59'")
    return " AND ".join(told) or None


def _below(folder: str) -> str:
    """A whole path begins the picture's; some folders in a row stand anywhere in it."""
    name = str(PurePath(folder)).rstrip("/")
    if PurePath(folder).is_absolute():
        return f"starts_with(path, {sql_text(f'{name}/')})"
    return f"contains(path, {sql_text(f'/{name}/')})"


def _probability(place: int, count: int) -> Measure:
    return Measure({"probabilities": np.eye(count, dtype=np.float32)[place]})


def _place(name: str, emotions: Sequence[str]) -> int | None:
    plain = name.casefold().replace("_", " ")
    return next((at for at, emotion in enumerate(emotions) if emotion.casefold() == plain), None)


def _places(bounds: Sequence[Bound], emotions: Sequence[str]) -> list[int]:
    places = [_place(bound.name, emotions) for bound in bounds]
    faults = [
        f"{bound.name[:40]!r} must be one of the model's {len(emotions)} emotions"
        f"{_nearest(bound.name, emotions)}"
        for bound, place in zip(bounds, places, strict=True)
        if place is None
    ]
    if faults:
        raise DataError(faults)
    return [place for place in places if place is not None]


def _unknown(word: str, emotions: Sequence[str], taught: Mapping[str, Taught]) -> str:
    return (
        f"{word[:40]!r} must be one of the model's {len(emotions)} emotions, since it knows no other words, "
        f"or be taught by 'emotionnet teach'{_nearest(word, [*taught, *emotions])}"
    )


def _nearest(word: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(word.casefold(), names, n=3) or list(names)[:5]
    return f"; did you mean {' or '.join(near)}?"
