from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from emotionnet.evaluation.intervals import class_scores, flat, resample_hit_rate
from emotionnet.evaluation.label_metrics import label_metrics
from emotionnet.evaluation.resampling import draw_weights
from emotionnet.evaluation.units import Split
from emotionnet.records import ImageRecord

Array = npt.NDArray[Any]


def split_of(labels_NK: Array, groups: Sequence[str]) -> Split:
    record = ImageRecord("", "", (), (), (), "", "", "", "")
    return Split((record,) * len(groups), (Path(),) * len(groups), labels_NK, tuple(groups))


def test_rows_of_their_own_group_have_the_intervals_of_every_other_score() -> None:
    rng = np.random.default_rng(0)
    scores_NK, labels_NK = rng.random((40, 4)), rng.random((40, 4)) < 0.4
    groups, names = [f"g{n}" for n in range(40)], ("a", "b", "c", "d")
    weights_NS = draw_weights(40, seed=7)
    found = label_metrics(scores_NK, split_of(labels_NK, groups), names, seed=7)
    expected = flat(class_scores(scores_NK, labels_NK, weights_NS).means())
    assert {key: found[key] for key in expected} == expected
    single_NK = np.eye(4, dtype=bool)[rng.integers(0, 4, 40)]
    found = label_metrics(scores_NK, split_of(single_NK, groups), names, seed=7, single_NK=single_NK)
    expected = flat({"accuracy": resample_hit_rate(scores_NK, single_NK, weights_NS)})
    assert {key: found[key] for key in expected} == expected


def test_copies_of_a_row_in_its_group_tell_nothing_new() -> None:
    rng = np.random.default_rng(1)
    scores_NK, single_NK = rng.random((40, 4)), np.eye(4, dtype=bool)[rng.integers(0, 4, 40)]
    groups, names = [f"g{n}" for n in range(40)], ("a", "b", "c", "d")
    once = label_metrics(scores_NK, split_of(single_NK, groups), names, seed=7, single_NK=single_NK)
    thrice = label_metrics(
        np.repeat(scores_NK, 3, axis=0),
        split_of(np.repeat(single_NK, 3, axis=0), np.repeat(groups, 3).tolist()),
        names,
        seed=7,
        single_NK=np.repeat(single_NK, 3, axis=0),
    )
    for key in ("accuracy", "accuracy_ci_low", "accuracy_ci_high"):
        assert thrice[key] == pytest.approx(once[key])
    labels_NK = rng.random((40, 4)) < 0.4
    once = label_metrics(scores_NK, split_of(labels_NK, groups), names, seed=7)
    apart = label_metrics(
        np.repeat(scores_NK, 3, axis=0),
        split_of(np.repeat(labels_NK, 3, axis=0), [f"g{n}" for n in range(120)]),
        names,
        seed=7,
    )
    together = label_metrics(
        np.repeat(scores_NK, 3, axis=0),
        split_of(np.repeat(labels_NK, 3, axis=0), np.repeat(groups, 3).tolist()),
        names,
        seed=7,
    )

    def width(metrics: dict[str, float]) -> float:
        return metrics["macro_map_ci_high"] - metrics["macro_map_ci_low"]

    assert width(together) == pytest.approx(width(once), rel=0.15)
    assert width(apart) < 0.75 * width(once)
