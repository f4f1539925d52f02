"""Valence, arousal and dominance of emotion words, and what probabilities of emotions say of them.

A word's place is the mean of people's ratings, from 1 to 9, in published norms (`word_dimensions.csv` in this
package names the source). Ratings are of the word alone, not of pictures: what is derived from them stands
in for a network that learned dimensions, and is marked as derived wherever it is told.

Shape letters: N = rows, C = emotions, K = dimensions.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.emotions import lexicon
from emotionnet.records import DataError

NAMES = ("valence", "arousal", "dominance")
SCALE = (1.0, 9.0)  # of the ratings: lowest and highest
FEWEST = 2  # emotions with a place that dimensions are derived from: of one, all pictures would have the same

Floats = npt.NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Derived:
    """Dimensions derived from probabilities of emotions.

    `values_NK` are from 1 to 9, float64, in the order of `names`; `unmapped` are the emotions that the norms
    do not have, whose probability counts for nothing.
    """

    values_NK: Floats
    names: tuple[str, ...]
    unmapped: tuple[str, ...]


def dimensions_of(label: str) -> Point | None:
    """Valence, arousal and dominance of a label, each from 1 to 9; None where the norms have no such word.

    Example:
        >>> dimensions_of("Happiness")
        (8.48, 6.5, 7.05)
    """
    word = norm_word(label)
    return None if word is None else norms()[word]


@lru_cache(maxsize=4096)  # asked for each label of each picture
def norm_word(label: str) -> str | None:
    """The word of the norms that stands for a label: itself, its lemma, or a word of that lemma."""
    plain = re.sub(r"\s*\(.*\)\s*$", "", label).strip().lower()
    if plain in norms():
        return plain
    lemmas = {entry.word: entry.lemma for entry in lexicon()}
    lemma = lemmas.get(plain)
    if lemma is None or lemma in norms():
        return lemma
    return next((word for word in norms() if lemmas.get(word) == lemma), None)


def can_derive(emotions: Sequence[str]) -> bool:
    """Whether the norms have enough of the emotions for pictures to differ."""
    return sum(dimensions_of(name) is not None for name in emotions) >= FEWEST


def derived_dimensions(
    probabilities_NC: npt.NDArray[Any], emotions: Sequence[str], names: Sequence[str] = NAMES
) -> Derived:
    """Means of the emotions' places under their probabilities, shared out anew among those that have one.

    A row without any probability for those has their plain mean.

    Args:
        probabilities_NC: At least 0; of softmax or sigmoid; shape (N, C).
        emotions: The C labels.
        names: Which dimensions, of `NAMES`.

    Raises:
        DataError: No emotion has a place.
        ValueError: There is not one column for each emotion.
    """
    if probabilities_NC.ndim != 2 or probabilities_NC.shape[1] != len(emotions):
        raise ValueError(f"probabilities must be of shape (N, {len(emotions)}); got {probabilities_NC.shape}")
    points = [dimensions_of(name) for name in emotions]
    known = [place for place, point in enumerate(points) if point is not None]
    if not known:
        given = ", ".join(emotions)[:200]
        raise DataError(f"at least one emotion must be in the norms of valence and arousal; got {given}")
    columns = [NAMES.index(name) for name in names]
    points_PK = np.array([point for point in points if point is not None])[:, columns]
    weights_NP = probabilities_NC[:, known].astype(np.float64)
    weights_NP[weights_NP.sum(axis=1) <= 0] = 1.0
    values_NK = weights_NP @ points_PK / weights_NP.sum(axis=1, keepdims=True)
    unmapped = tuple(name for name, point in zip(emotions, points, strict=True) if point is None)
    return Derived(values_NK, tuple(names), unmapped)


def rescaled(values: npt.NDArray[Any], low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
    """Values from 1 to 9 on another scale: 1 becomes `low`, 9 `high`; either may be one for each column."""
    lowest, highest = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    share = (values.astype(np.float64) - SCALE[0]) / (SCALE[1] - SCALE[0])
    moved: Floats = lowest + share * (highest - lowest)
    return moved


@cache
def norms() -> Mapping[str, Point]:
    """Valence, arousal and dominance by word, in alphabetical order."""
    text = resources.files("emotionnet").joinpath("word_dimensions.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        row["word"]: (float(row["valence"]), float(row["arousal"]), float(row["dominance"]))
        for row in csv.DictReader(lines)
    }
