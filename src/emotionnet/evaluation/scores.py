"""Every score in one place: its definition, its value on resamples of the units, and paired differences.

A `Told` is what a model says of units, a `Truth` what is known of them; `resample` gives every score that
both allow, `compare` the paired differences of two models, `SCORES` how each is defined. The unit is the row:
a picture, a group of them, or a person. Rows of one group (`Truth.groups_U`) come and go together, and
intervals count groups, not rows.
Shape letters: U = units, S = resamples.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from emotionnet.evaluation.intervals import Difference, Resampled
from emotionnet.evaluation.metrics import Floats
from emotionnet.evaluation.score_list import SCORES, Score, score_of
from emotionnet.evaluation.score_parts import (
    Sample,
    dimension_scores,
    label_scores,
    share_scores,
    single_scores,
)
from emotionnet.evaluation.told import Told, Truth, count_groups, require_fit

__all__ = ["SCORES", "Score", "Told", "Truth", "compare", "resample", "score_of", "sizes"]


def resample(
    told: Told, truth: Truth, weights_US: Floats, *, only: Collection[str] | None = None
) -> dict[str, Resampled]:
    """Every score that the model's word and the truth allow, in the order of `SCORES`.

    Args:
        told: What the model says.
        truth: What is known.
        weights_US: As `resampling.draw_weights` gives them, a row for each unit: weights_GS[truth.groups_U]
            where units have groups. The same weights make scores of two models pairs.
        only: Names of `SCORES` to keep to, for speed; None: all.

    Returns:
        By name: `macro_map`, `ap.<class>`, `auc` and so on; `ccc.<dimension>`, `rmse.<dimension>` and their
        means `ccc` and `rmse`. A score is left out where no unit tells it, and a dimension that fewer than
        two groups have.

    Raises:
        ValueError: Shapes do not fit, numbers are out of range, or `only` names an unknown score.
    """
    wanted = tuple(SCORES) if only is None else tuple(score_of(name).name for name in only)
    require_fit(told, truth, weights_US)
    sample = Sample(told, truth, weights_US)
    found = {
        **label_scores(sample, wanted),
        **single_scores(sample, wanted),
        **share_scores(sample, wanted),
        **dimension_scores(sample, wanted),
    }
    place = {name: number for number, name in enumerate(SCORES)}
    return dict(sorted(found.items(), key=lambda item: place[score_of(item[0]).name]))


def compare(
    told_a: Told, told_b: Told, truth: Truth, weights_US: Floats, *, only: Collection[str] | None = None
) -> dict[str, Difference]:
    """Paired differences, first less second, of every score that both models have; as `resample`."""
    first, second = (resample(told, truth, weights_US, only=only) for told in (told_a, told_b))
    return {name: score.minus(second[name]) for name, score in first.items() if name in second}


def sizes(truth: Truth) -> dict[str, int]:
    """What the scores are over, beside them in every table.

    Returns:
        `n_units`, `n_groups`; `n_classes`, those with a positive unit, and `n_absent`, those without, which
        macro mAP leaves out; `n_single` and `n_shares`, units with a single label and with a distribution,
        where the data set has such.
    """
    whole = np.ones(len(truth.labels_UC), dtype=np.bool_)
    present = int(truth.labels_UC.any(axis=0).sum())
    found = {
        "n_units": len(whole),
        "n_groups": count_groups(truth, whole),
        "n_classes": present,
        "n_absent": truth.labels_UC.shape[1] - present,
    }
    if truth.single_U is not None:
        found["n_single"] = int((truth.single_U >= 0).sum())
    if truth.shares_UC is not None:
        found["n_shares"] = int(truth.shares_UC.any(axis=1).sum())
    return found
