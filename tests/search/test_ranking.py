from __future__ import annotations

import math

import numpy as np
import pytest

from emotionnet.inference.outputs import Array
from emotionnet.search.ranking import Column, Measure, Mix, directions, log_probabilities, standard_scores

FEATURES = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
LOGS = np.array([[0.9], [0.1], [0.5], [0.5]], dtype=np.float32)


def rows(column: Column) -> Array:
    return FEATURES if column == "features" else LOGS


def measure(*direction: float, column: Column = "features") -> Measure:
    return Measure({column: np.array(direction, dtype=np.float32)})


def standard(values: list[float]) -> list[float]:
    mean, spread = float(np.mean(values)), float(np.std(values))
    return [(value - mean) / spread for value in values]


def test_one_measure_is_its_standard_score() -> None:
    found = standard_scores(Mix(((2.0, measure(1, 0)),)), rows)
    assert found.tolist() == pytest.approx(standard([1, 0, 0.6, 0.8]), abs=1e-6)


def test_terms_are_weighed_whatever_their_scale() -> None:
    asked = Mix(((3.0, measure(1, 0)), (-1.0, measure(1000, column="log_probabilities"))))
    first, second = standard([1, 0, 0.6, 0.8]), standard([900, 100, 500, 500])
    expected = [(3 * a - b) / 4 for a, b in zip(first, second, strict=True)]
    assert standard_scores(asked, rows).tolist() == pytest.approx(expected, abs=1e-5)


def test_a_mix_within_a_mix_is_standardised_as_one() -> None:
    inner = Mix(((1.0, measure(1, 0)), (1.0, measure(5, column="log_probabilities"))))
    summed = [a + b for a, b in zip(standard([1, 0, 0.6, 0.8]), standard([0.9, 0.1, 0.5, 0.5]), strict=True)]
    found = standard_scores(Mix(((1.0, inner),)), rows)
    assert found.tolist() == pytest.approx(standard(summed), abs=1e-5)


def test_directions_of_several_columns_are_added() -> None:
    both = Measure({"features": np.array([1, 0], np.float32), "log_probabilities": np.array([2], np.float32)})
    found = standard_scores(Mix(((1.0, both),)), rows)
    assert found.tolist() == pytest.approx(standard([2.8, 0.2, 1.6, 1.8]), abs=1e-5)


def test_means_are_those_of_the_reference() -> None:
    some = {"features": FEATURES[:2]}
    found = standard_scores(Mix(((1.0, measure(1, 0)),)), some.__getitem__, rows)
    assert found.tolist() == pytest.approx(standard([1, 0, 0.6, 0.8])[:2], abs=1e-6)


def test_what_all_pictures_share_ranks_none() -> None:
    assert standard_scores(Mix(((1.0, measure(0, 0)),)), rows).tolist() == [0, 0, 0, 0]


def test_directions_are_turned_round_where_the_contrary_is_asked_for() -> None:
    inner = Mix(((1.0, measure(1, 0)), (-2.0, measure(0.5, column="log_probabilities"))))
    found = [(name, *row.tolist()) for name, row in directions(Mix(((-1.0, inner), (1.0, measure(0, 1)))))]
    assert found == [("features", -1, 0), ("log_probabilities", 0.5), ("features", 0, 1)]


def test_what_is_very_unlikely_counts_alike() -> None:
    found = log_probabilities(np.array([[1, 0.5, 1e-9, 0]], dtype=np.float32))
    assert found.dtype == np.float32
    assert found[0].tolist() == pytest.approx([0, math.log(0.5001), math.log(1e-4), math.log(1e-4)], abs=2e-4)
