"""Scores of labels that pictures are held against by words: accuracy or average precision.

Single labels give accuracy; elsewhere it is the average precision of each label over rows (EMOTIC: one row
for each person). Intervals resample groups, whose rows stay together.
Shape letters: N = rows, G = groups, K = labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.intervals import flat
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.scores import Told, Truth, resample
from emotionnet.evaluation.single_labels import resample_accuracy
from emotionnet.evaluation.units import Split, group_index


def label_metrics(
    scores_NK: npt.NDArray[Any],
    scored: Split,
    names: Sequence[str],
    *,
    seed: int,
    single_NK: Labels | None = None,
) -> dict[str, float]:
    """Scores of labels, each with a 95 % interval by resampling groups.

    Args:
        scores_NK: The larger the likelier.
        scored: The rows.
        names: The K labels.
        seed: Of the resamples and of the random scores.
        single_NK: The single label of each row, as `single_labels.one_hot_labels` gives them; None: rows may
            have several.

    Returns:
        With single labels `accuracy` (the unit is the group, whose scores are averaged) and
        `chance_accuracy`. Else, the unit being the row, `macro_map` and, where a label has both sides, `auc`;
        `chance_map`, and `ap.<label>`. Always `n_classes`, those with a positive, `n_images` (rows) and
        `n_groups`, of rows with a label where they are single.
    """
    index_N = group_index(scored.groups)
    weights_GS = draw_weights(int(index_N.max()) + 1, seed=seed)
    if single_NK is not None:
        labelled_N = single_NK.any(axis=1)
        return {
            **flat({"accuracy": resample_accuracy(scores_NK, single_NK, scored.groups, weights_GS)}),
            "chance_accuracy": 1 / len(names),
            **_counts(single_NK[labelled_N], index_N[labelled_N]),
        }
    told, truth = Told(scores_NK, None), Truth(scored.labels, None, names=tuple(names), groups_U=index_N)
    found = flat(resample(told, truth, weights_GS[index_N], only=("macro_map", "auc", "ap")))
    return {
        **found,
        "chance_map": chance_scores(scored.labels, seed=seed)["macro_map"],
        **_counts(scored.labels, index_N),
    }


def _counts(labels_NK: Labels, groups_N: npt.NDArray[np.intp]) -> dict[str, int]:
    return {
        "n_classes": int(labels_NK.any(axis=0).sum()),
        "n_images": len(labels_NK),
        "n_groups": len(np.unique(groups_N)),
    }
