"""How an index understands a word.

The first that fits:

1. A word that it was taught goes by its probe.
2. A word with a point in the space of the model's projection goes by its cosine with each picture and, as
   far as it is near to the model's emotions, by their probabilities: mixed by how near each is to it (a
   softmax over cosines at 0.15), the mix weighed by how near the nearest is (0 at a cosine of 0.3, 1 for
   an emotion itself). A word that is no emotion itself is then asked a second time: its first 10
   pictures, weighed by their scores, are what others are to be like as well (Rocchio's relevance
   feedback, without the user).
3. A word of a model without projection must be one of its emotions, and goes by its probability.

All numbers were chosen on the validation groups of `emotionnet demo` (129 pictures), by mean average
precision and the share found among the first 10, over words with two groups there: 26 emotions, 8
held-out words, and 41 tags. Cosine alone: 0.457 and 0.556; 0.359 and 0.375; 0.323 and 0.333. With
probabilities: 0.475 and 0.586; 0.407 and 0.500; 0.314 and 0.314. Asked a second time: held-out words
0.478 and 0.542, tags 0.322 and 0.341. The probability alone: 0.421 and 0.459 for emotions. So few groups
tell large differences only; the choice stands at the best of some hundred rules, many of which are as
good. CLIP's words go by cosine alone: nothing of this was measured there.

Shape letters: C = emotions, D = embedding size.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotionnet.inference.label_points import word_vector
from emotionnet.inference.outputs import Array
from emotionnet.inference.words import VectorWords, Words
from emotionnet.records import DataError
from emotionnet.search.ranking import Column, Measure, Mix, Term
from emotionnet.search.teaching import Taught, folded

NEARNESS = 0.15  # a cosine so much smaller counts e times less
FAR = 0.3  # cosine of a word with its nearest emotion from which on emotions say nothing of it


@dataclass(frozen=True)
class Meaning:
    """What pictures are ranked by for a word; `loose`: it gains from being asked a second time."""

    term: Term
    loose: bool = False


@dataclass(frozen=True)
class Reader:
    """How one index understands words.

    Args:
        emotions: Of its model.
        taught: Its taught words, by `taught_words`.
        known: Words in the space of the projection; None without one.
        tell: Takes what is to be said of a word.
    """

    emotions: Sequence[str]
    taught: Mapping[str, Taught]
    known: Words | None
    tell: Callable[[str], None]

    def meanings(self, words: Sequence[str]) -> list[Meaning]:
        """Of each word.

        Raises:
            DataError: A word cannot be understood; one line for each.
        """
        found: list[Meaning] = []
        faults: list[str] = []
        for word in words:
            try:
                found.append(self._meaning(word))
            except DataError as error:
                faults += error.faults
        if faults:
            raise DataError(dict.fromkeys(faults))
        return found

    def _meaning(self, word: str) -> Meaning:
        own = self.taught.get(folded(word))
        if own is not None:
            return Meaning(_by_probe(own))
        place = emotion_place(word, self.emotions)
        if self.known is not None:
            try:
                point_D = self.known.points([word], tell=self.tell)[0]
            except DataError:
                if place is None:
                    raise
            else:
                return self._by_point(point_D, is_emotion=place is not None)
        if place is None:
            raise DataError(self._unknown(word))
        return Meaning(probability(place, len(self.emotions)))

    def _by_point(self, point_D: Array, *, is_emotion: bool) -> Meaning:
        cosine = Measure({"projection": point_D})
        if not isinstance(self.known, VectorWords):
            return Meaning(cosine)
        shares_C, nearest = self._shares(point_D, self.known)
        weight = (nearest - FAR) / (1 - FAR)
        if weight <= 0:
            return Meaning(cosine, loose=True)
        terms = ((1.0, cosine), (min(weight, 1.0), Measure({"probabilities": shares_C})))
        return Meaning(Mix(terms), loose=not is_emotion)

    def _shares(self, point_D: Array, known: VectorWords) -> tuple[Array, float]:
        """How near each emotion is to a word, as shares that sum to 1; and the cosine of the nearest."""
        shares_C = np.zeros(len(self.emotions), dtype=np.float32)
        places = [
            place for place, name in enumerate(self.emotions) if word_vector(name, known.vectors) is not None
        ]
        if not places:
            return shares_C, -1.0
        cosines = known.points([self.emotions[place] for place in places]) @ point_D
        nearest = float(cosines.max())
        near = np.exp((cosines - nearest) / NEARNESS)
        shares_C[places] = near / near.sum()
        return shares_C, nearest

    def _unknown(self, word: str) -> str:
        near = nearest_names(word, [*self.taught, *self.emotions])
        return (
            f"{word[:40]!r} must be one of the model's {len(self.emotions)} emotions, since it knows no "
            f"other words, or be taught by 'emotionnet teach'; did you mean {near}?"
        )


def _by_probe(word: Taught) -> Measure:
    """Its log-odds but for a constant, which changes no order."""
    directions: dict[Column, Array] = {"features": np.array(word.weights, dtype=np.float32)}
    if word.word_weights is not None:
        directions["projection"] = np.array(word.word_weights, dtype=np.float32)
    return Measure(directions)


def probability(place: int, count: int) -> Measure:
    """The probability of one of `count` emotions."""
    return Measure({"probabilities": np.eye(count, dtype=np.float32)[place]})


def emotion_place(name: str, emotions: Sequence[str]) -> int | None:
    """Which emotion a name is; capitals do not matter."""
    plain = folded(name.replace("_", " "))
    return next(
        (at for at, emotion in enumerate(emotions) if folded(emotion.replace("_", " ")) == plain), None
    )


def nearest_names(name: str, names: Sequence[str]) -> str:
    """Names that are spelled nearly so, else the first ones, to be asked for."""
    near = difflib.get_close_matches(folded(name), names, n=3) or list(names)[:5]
    return " or ".join(near)
