from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from emotionnet.evaluation.chance import chance_average_precisions, chance_scores


def expected_chance_ap(count: int, positives: int) -> float:
    """Mean AP over all orders of `count` rows: at each rank, the precision if a positive stands there."""
    ranks = np.arange(1, count + 1)
    return float(np.mean((1 + (ranks - 1) * (positives - 1) / (count - 1)) / ranks))


def test_the_expectation_is_the_mean_over_every_order() -> None:
    orders = [
        average_precision_score(np.isin(range(5), chosen), -np.arange(5.0))
        for chosen in itertools.combinations(range(5), 2)
    ]
    assert expected_chance_ap(5, 2) == pytest.approx(np.mean(orders))


def test_chance_is_the_mean_over_all_orders_and_lies_above_the_prevalence() -> None:
    labels_GC = np.arange(40)[:, None] < np.array([[2, 10]])
    expected = (expected_chance_ap(40, 2) + expected_chance_ap(40, 10)) / 2
    scores = chance_scores(labels_GC, seed=0)
    assert scores["macro_map"] == pytest.approx(expected, abs=0.01)
    assert scores["macro_map"] > labels_GC.mean() + 0.02
    assert scores["auc"] == pytest.approx(0.5, abs=0.01)
    assert scores["hit_rate"] == pytest.approx(0.6, abs=0.01)  # 2 rows always hit, 8 every other time


def test_chance_equals_a_loop_over_its_draws() -> None:
    labels_GC = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=np.bool_)
    rng = np.random.default_rng([6, 0])
    maps, areas, hits = [], [], []
    for _ in range(20):
        random_GC = rng.random((5, 3))
        pairs = list(zip(labels_GC.T[:2], random_GC.T[:2], strict=True))  # no group carries the third
        maps.append([average_precision_score(*pair) for pair in pairs])
        areas.append(np.mean([roc_auc_score(*pair) for pair in pairs]))
        hits.append(np.mean([labels_GC[row, random_GC[row].argmax()] for row in (0, 1, 2, 4)]))
    macro_S = np.mean(maps, axis=1)
    assert chance_scores(labels_GC, seed=6, draws=20) == {
        "macro_map": pytest.approx(np.mean(macro_S)),
        "hit_rate": pytest.approx(np.mean(hits)),
        "auc": pytest.approx(np.mean(areas)),
        "macro_map_p95": pytest.approx(np.quantile(macro_S, 0.95)),
    }
    by_class_C = chance_average_precisions(labels_GC, seed=6, draws=20)
    np.testing.assert_allclose(by_class_C, [*np.mean(maps, axis=0), np.nan])


def test_chance_of_each_class_averages_to_the_macro_chance() -> None:
    labels_GC = np.arange(20)[:, None] < np.array([[1, 5, 9]])
    by_class_C = chance_average_precisions(labels_GC, seed=4)
    assert by_class_C.mean() == pytest.approx(chance_scores(labels_GC, seed=4)["macro_map"])
    assert by_class_C[0] < by_class_C[1] < by_class_C[2]


def test_chance_depends_on_the_seed_alone() -> None:
    labels_GC = np.eye(6, dtype=np.bool_)
    first, again, other = (chance_scores(labels_GC, seed=seed, draws=5) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_class_that_all_groups_carry_has_no_auc() -> None:
    scores = chance_scores(np.ones((3, 1), dtype=np.bool_), seed=0, draws=3)
    assert scores == {"macro_map": 1.0, "hit_rate": 1.0, "macro_map_p95": 1.0}


def test_chance_needs_a_label() -> None:
    with pytest.raises(ValueError, match="at least one class must have a positive row; none of 2 has"):
        chance_scores(np.zeros((3, 2), dtype=np.bool_), seed=0)
