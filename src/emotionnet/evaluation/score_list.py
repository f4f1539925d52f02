"""The scores by name: title, definition and source, in the order in which tables show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

TOP = (2, 3, 5)


@dataclass(frozen=True)
class Score:
    """One score: its key, its name in tables, its definition in a sentence, and what it needs."""

    name: str
    title: str
    definition: str
    better: Literal["higher", "lower"]
    needs: str


_LABELS, _SINGLE, _EIGHT = "labels", "single labels", "single labels of Mikels' eight emotions"
_SHARES, _DIMENSIONS = "label distributions and probabilities", "dimensions"
_GENG = "mean over units (Geng 2016, section 4)"

SCORES: Mapping[str, Score] = {
    score.name: score
    for score in (
        Score(
            "macro_map",
            "macro mAP",
            "Mean over the classes that have a positive unit of average precision, without interpolation, "
            "equal scores one step (scikit-learn's average_precision_score).",
            "higher",
            _LABELS,
        ),
        Score("ap", "AP", "Average precision of one class, as in macro mAP.", "higher", _LABELS),
        Score(
            "auc",
            "AUC",
            "Mean over the classes that have both sides of the chance that a positive unit outscores a "
            "negative one, equal scores one half (Hanley and McNeil 1982).",
            "higher",
            _LABELS,
        ),
        Score(
            "hit_rate",
            "hit rate",
            "Share of the units with a label whose top class is one of theirs (Wei et al. 2020, section 5).",
            "higher",
            _LABELS,
        ),
        Score(
            "accuracy",
            "accuracy",
            "Share of the units with a single label whose top class it is; of equal scores the first class "
            "counts.",
            "higher",
            _SINGLE,
        ),
        Score(
            "balanced_accuracy",
            "balanced accuracy",
            "Mean recall over the classes that have a unit (Brodersen et al. 2010).",
            "higher",
            _SINGLE,
        ),
        Score(
            "macro_f1",
            "macro F1",
            "Mean over the classes that have a unit of F1, the harmonic mean of precision and recall (van "
            "Rijsbergen 1979).",
            "higher",
            _SINGLE,
        ),
        *(
            Score(
                f"top{k}",
                f"top-{k} accuracy",
                f"Share of the units with a single label that have it among their {k} top classes "
                "(Russakovsky et al. 2015, section 4).",
                "higher",
                f"{_SINGLE}, more than {k} classes",
            )
            for k in TOP
        ),
        Score(
            "ece",
            "ECE",
            "Expected calibration error: mean over units of |accuracy - confidence| of their bin, 15 bins of "
            "equal width by the top class's probability (Guo et al. 2017, section 2).",
            "lower",
            f"{_SINGLE} and probabilities",
        ),
        Score(
            "polarity_accuracy",
            "polarity accuracy",
            "Share of units whose top class is as positive (amusement, awe, contentment, excitement) or "
            "negative as their label (Mikels et al. 2005).",
            "higher",
            _EIGHT,
        ),
        Score(
            "wheel_distance",
            "wheel distance",
            "Mean steps on Mikels' wheel of eight between top class and label, 0 when right, at most 4 "
            "(Zhao et al. 2016, who add 1).",
            "lower",
            _EIGHT,
        ),
        Score(
            "kl",
            "KL divergence",
            f"Divergence sum d ln(d / p) of the told p, at least 1e-7, from the true d in nats, {_GENG}.",
            "lower",
            _SHARES,
        ),
        Score("chebyshev", "Chebyshev", f"Distance max |d - p|, {_GENG}.", "lower", _SHARES),
        Score(
            "clark",
            "Clark",
            f"Distance sqrt(sum (d - p)^2 / (d + p)^2), not divided by the number of classes, {_GENG}.",
            "lower",
            _SHARES,
        ),
        Score(
            "canberra",
            "Canberra",
            f"Distance sum |d - p| / (d + p), not divided by the number of classes, {_GENG}.",
            "lower",
            _SHARES,
        ),
        Score("cosine", "cosine", f"Cosine of d and p, {_GENG}.", "higher", _SHARES),
        Score("intersection", "intersection", f"Common part sum min(d, p), {_GENG}.", "higher", _SHARES),
        Score(
            "ccc",
            "CCC",
            "Concordance correlation coefficient of told and true values, and its mean over dimensions "
            "(Lin 1989).",
            "higher",
            _DIMENSIONS,
        ),
        Score(
            "rmse",
            "RMSE",
            "Root of the mean squared error in the unit of the dimension, and its mean over dimensions.",
            "lower",
            _DIMENSIONS,
        ),
    )
}


def score_of(key: str) -> Score:
    """The entry of `SCORES` that a key of `resample` belongs to: `ap` for `ap.joy`.

    Raises:
        ValueError: There is none; names those there are.
    """
    name = key.split(".", 1)[0]
    if name not in SCORES:
        raise ValueError(f"a score must be one of {', '.join(SCORES)}; got {key!r}")
    return SCORES[name]
