"""How an index understands a word.

The first that fits:

1. A word that it was taught goes by its probe.
2. A word with a point in the space of the model's projection goes by its cosine with each picture and, as
   far as it is near to the model's emotions, by the logarithms of their probabilities: mixed by how near
   each is to it (a softmax over cosines at 0.05), the mix weighed by how near the nearest is (0 at a cosine
   of 0.3, 1 for an emotion itself).
3. A word of a model without projection must be one of its emotions, and goes by its log-probability.

The rule was chosen on `emotionnet demo`, one vendor's emoji, by average precision over groups (AP) and the
share found among the first 10, means over words that at least 3 pictures carry:

    rule                                     held-out words (18)    emotions (15)    tags (54)
                                             AP       first 10      AP               AP
    the cosine alone                         0.302    0.194         0.516            0.282
    with probabilities, softmax at 0.15,
      then like its first 10 pictures        0.309    0.206         0.581            0.274
    with log-probabilities, softmax at 0.05  0.344    0.239         0.562            0.273

Held-out words, which decided, were scored on the groups of training and validation: no held-out word was
seen in training, so both may choose. Emotions and tags were scored on validation. The rule is the best of
12 of its kind by the same scores (softmax at 0.03, 0.05, 0.08, 0.12; weighed from a cosine of 0 or 0.3 on,
or not at all), so 0.344 flatters it; on every second held-out word it has 0.354 and on the others 0.333,
the cosine 0.327 and 0.277. Test groups were left out, with one exception: what "angry" finds over all
groups had been looked at, under this rule and under earlier ones. For emotions the log-probability of the
emotion alone is no better (0.549), and for tags nothing is. CLIP's words go by cosine alone: none of this
was measured there.

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
from emotionnet.search.ranking import Measure, Mix, Term
from emotionnet.search.taught import Taught, folded

NEARNESS = 0.05  # a cosine so much smaller counts e times less
FAR = 0.3  # cosine of a word with its nearest emotion from which on emotions say nothing of it


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

    def terms(self, words: Sequence[str]) -> list[Term]:
        """What pictures are ranked by for each word.

        Raises:
            DataError: A word cannot be understood; one line for each.
        """
        found: list[Term] = []
        faults: list[str] = []
        for word in words:
            try:
                found.append(self._term(word))
            except DataError as error:
                faults += error.faults
        if faults:
            raise DataError(dict.fromkeys(faults))
        return found

    def _term(self, word: str) -> Term:
        own = self.taught.get(folded(word))
        return Mix(self.measures(word)) if own is None else own.measure

    def measures(self, word: str) -> tuple[tuple[float, Measure], ...]:
        """What the model itself knows of a word, taught or not: what is summed for it, with weights.

        Raises:
            DataError: Nothing.
        """
        place = emotion_place(word, self.emotions)
        if self.known is not None:
            try:
                return self._by_point(self.known.points([word], tell=self.tell)[0])
            except DataError:
                if place is None:
                    raise
        if place is None:
            raise DataError(self._unknown(word))
        return ((1.0, probability(place, len(self.emotions))),)

    def _by_point(self, point_D: Array) -> tuple[tuple[float, Measure], ...]:
        cosine = Measure({"projection": point_D})
        shares_C, nearest = self._shares(point_D)
        weight = min((nearest - FAR) / (1 - FAR), 1.0)
        if weight <= 0:
            return ((1.0, cosine),)
        return (1.0, cosine), (weight, Measure({"log_probabilities": shares_C}))

    def _shares(self, point_D: Array) -> tuple[Array, float]:
        """How near each emotion is to a word, as shares that sum to 1; and the cosine of the nearest."""
        shares_C = np.zeros(len(self.emotions), dtype=np.float32)
        if not isinstance(self.known, VectorWords):
            return shares_C, -1.0
        vectors = self.known.vectors
        places = [place for place, name in enumerate(self.emotions) if word_vector(name, vectors) is not None]
        if not places:
            return shares_C, -1.0
        cosines = self.known.points([self.emotions[place] for place in places]) @ point_D
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


def probability(place: int, count: int) -> Measure:
    """How likely one of `count` emotions is."""
    return Measure({"log_probabilities": np.eye(count, dtype=np.float32)[place]})


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
