"""Places of emotion words held against people: whether the norms order emotions as judged pictures do.

Shape letters: E = emotions, S = resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from emotionnet.data.benchmarks.findingemo import LABELS, FindingEmoRow
from emotionnet.evaluation.intervals import LEVEL
from emotionnet.evaluation.metrics import Floats
from emotionnet.records import DataError
from emotionnet.text.nearest_labels import WordPlace

JUDGED = ("valence", "arousal")
RESAMPLES = 2_000
FEWEST = 3  # emotions; the ranks of two agree or not, and nothing lies between


@dataclass(frozen=True, slots=True)
class EmotionMean:
    """What people said of the pictures that they gave one emotion: valence -3 to 3, arousal 0 to 6."""

    emotion: str
    annotations: int
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """Spearman's rank correlation, -1 to 1, over `emotions` emotions, with its 95 % interval."""

    emotions: int
    spearman: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """JSON values."""
        return {
            "emotions": self.emotions,
            "spearman": round(self.spearman, 4),
            "ci_low": round(self.low, 4),
            "ci_high": round(self.high, 4),
        }


@dataclass(frozen=True, slots=True)
class WordAgreement:
    """How the places of words agree with people's; `unmapped` emotions have no place."""

    valence: RankAgreement
    arousal: RankAgreement
    unmapped: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "valence": self.valence.to_dict(),
            "arousal": self.arousal.to_dict(),
            "unmapped": list(self.unmapped),
        }


def emotion_means(rows: Sequence[FindingEmoRow]) -> tuple[EmotionMean, ...]:
    """Mean valence and arousal of each emotion of FindingEmo over its annotations, in the order of `LABELS`.

    An emotion that no row has is left out.
    """
    found = []
    for number, name in enumerate(LABELS):
        own = [row for row in rows if row.label == number]
        if own:
            valence, arousal = (float(np.mean([getattr(row, key) for row in own])) for key in JUDGED)
            found.append(EmotionMean(name, len(own), valence, arousal))
    return tuple(found)


def score_words(means: Sequence[EmotionMean], places: Sequence[WordPlace], *, seed: int = 0) -> WordAgreement:
    """Hold the places of emotions against people's means.

    Args:
        means: What people said.
        places: Of the same emotions, in the same order.
        seed: Of the resamples.

    Raises:
        DataError: Fewer than three emotions have a place.
        ValueError: The emotions are not the same.
    """
    if [mean.emotion for mean in means] != [place.word for place in places]:
        raise ValueError("means and places must be of the same emotions in the same order")
    pairs = [(mean, place.values) for mean, place in zip(means, places, strict=True) if place.values]
    if len(pairs) < FEWEST:
        raise DataError(f"at least {FEWEST} emotions must have a place to be ranked; got {len(pairs)}")
    valence, arousal = (
        rank_agreement(
            np.array([values[column] for _, values in pairs]),
            np.array([getattr(mean, key) for mean, _ in pairs]),
            seed=seed,
        )
        for column, key in enumerate(JUDGED)
    )
    return WordAgreement(valence, arousal, tuple(place.word for place in places if place.values is None))


def rank_agreement(told_E: Floats, true_E: Floats, *, seed: int = 0) -> RankAgreement:
    """Spearman's correlation with the middle 95 % of those of emotions drawn anew, each as often as it comes.

    The emotions are few, so that the interval is wide and rough. A draw where either side does not vary tells
    nothing and is left out.

    Args:
        told_E: Finite; shape (E,), E at least 3.
        true_E: Finite; shape (E,).
        seed: Of the draws.
    """
    count = len(told_E)
    drawn_SE = np.random.default_rng([seed, 5]).integers(count, size=(RESAMPLES, count))
    replicates_S = _spearmans(told_E[drawn_SE], true_E[drawn_SE])
    rest = (1 - LEVEL) / 2
    low, high = np.quantile(replicates_S[~np.isnan(replicates_S)], [rest, 1 - rest])
    value = float(_spearmans(told_E[None], true_E[None])[0])
    return RankAgreement(count, value, min(float(low), value), max(float(high), value))


def _spearmans(told_SE: Floats, true_SE: Floats) -> Floats:
    """Correlation of the ranks of each row, equal values sharing theirs; NaN where a side does not vary."""
    told_SE, true_SE = (_centred(rankdata(values, axis=1)) for values in (told_SE, true_SE))
    spread_S = np.sqrt((told_SE**2).sum(axis=1) * (true_SE**2).sum(axis=1))
    found_S: Floats = np.full(len(told_SE), np.nan)
    np.divide((told_SE * true_SE).sum(axis=1), spread_S, out=found_S, where=spread_S > 0)
    return found_S


def _centred(ranks_SE: Floats) -> Floats:
    centred_SE: Floats = ranks_SE - ranks_SE.mean(axis=1, keepdims=True)
    return centred_SE
