from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from emotionnet.evaluation.metrics import Floats, Labels, aucs, average_precisions, hit_rate
from emotionnet.evaluation.resampling import draw_weights, weighted_class_scores, weighted_hit_rates


def literal_precision(scores_G: Floats, positive_G: Labels, weights_G: Floats) -> float:
    """By the definition, a positive at a time: itself once, others as high by their weights."""
    total = 0.0
    for i in np.flatnonzero(positive_G):
        level = scores_G >= scores_G[i]
        level[i] = False
        found = 1 + weights_G[level & positive_G].sum()
        total += weights_G[i] * found / (1 + weights_G[level].sum())
    return float(total / weights_G[positive_G].sum())


def sample(seed: int, *, groups: int = 30, classes: int = 4, levels: int = 8) -> tuple[Floats, Labels]:
    """Scores of few different values, so that many are equal."""
    rng = np.random.default_rng(seed)
    scores_GC = rng.integers(levels, size=(groups, classes)) / 4
    labels_GC = rng.random((groups, classes)) < 0.2
    labels_GC[0], labels_GC[1] = True, False
    return scores_GC, labels_GC


def test_every_resample_is_the_definition_and_scikit_learns_auc() -> None:
    scores_GC, labels_GC = sample(0)
    weights_GS = draw_weights(30, seed=1, resamples=70)  # more than are worked on at once
    precisions_SC, aucs_SC = weighted_class_scores(scores_GC, labels_GC, weights_GS)
    assert precisions_SC.shape == aucs_SC.shape == (70, 4)
    for s, weights_G in enumerate(weights_GS.T):
        for c in range(4):
            positive_G = labels_GC[:, c]
            expected = literal_precision(scores_GC[:, c], positive_G, weights_G)
            assert precisions_SC[s, c] == pytest.approx(expected, rel=1e-12)
            area = roc_auc_score(positive_G, scores_GC[:, c], sample_weight=weights_G)
            assert aucs_SC[s, c] == pytest.approx(area, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(1, 40))
def test_with_equal_weights_they_are_the_exact_scores(seed: int, levels: int) -> None:
    scores_GC, labels_GC = sample(seed, levels=levels)
    ones_GS = np.ones((30, 2))
    precisions_SC, aucs_SC = weighted_class_scores(scores_GC, labels_GC, ones_GS)
    for row in range(2):
        np.testing.assert_allclose(precisions_SC[row], average_precisions(scores_GC, labels_GC), rtol=1e-12)
        np.testing.assert_allclose(aucs_SC[row], aucs(scores_GC, labels_GC), rtol=1e-12)
    assert weighted_hit_rates(scores_GC, labels_GC, ones_GS)[0] == pytest.approx(
        hit_rate(scores_GC, labels_GC)
    )


def test_a_class_without_one_side_has_no_score() -> None:
    labels_GC = np.array([[False, True], [False, True]])
    precisions_SC, aucs_SC = weighted_class_scores(np.eye(2), labels_GC, np.full((2, 3), 0.5))
    assert np.isnan(precisions_SC[:, 0]).all()
    assert precisions_SC[:, 1].tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(aucs_SC).all()


def test_hit_rates_weigh_labelled_groups_only() -> None:
    scores_GC = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    labels_GC = np.array([[True, False], [True, False], [False, False]])
    weights_GS = np.array([[3.0, 1.0], [1.0, 4.0], [100.0, 100.0]])
    assert weighted_hit_rates(scores_GC, labels_GC, weights_GS).tolist() == [0.75, 0.2]


def test_weights_are_exponential_and_depend_on_the_seed_alone() -> None:
    weights_GS = draw_weights(200, seed=7, resamples=500)
    assert weights_GS.min() > 0
    assert weights_GS.mean() == pytest.approx(1, abs=0.02)
    assert weights_GS.var() == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(weights_GS, draw_weights(200, seed=7, resamples=500))
    assert not np.array_equal(weights_GS, draw_weights(200, seed=8, resamples=500))
