"""What is told and known must fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emotionnet.evaluation.told import Told, Truth, count_groups, require_fit

TOLD = Told(np.zeros((4, 3)), np.full((4, 3), 0.5), np.zeros((4, 2)))
TRUTH = Truth(
    np.zeros((4, 3), dtype=np.bool_),
    np.array([0, 1, 2, -1]),
    np.zeros((4, 3)),
    np.zeros((4, 2)),
    ("a", "b", "c"),
    ("valence", "arousal"),
    np.array([0, 0, 1, 1]),
)


def test_what_fits_is_let_through() -> None:
    require_fit(TOLD, TRUTH, np.ones((4, 9)))
    require_fit(Told(None, None), Truth(TRUTH.labels_UC, None), np.ones((4, 1)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"scores_UC": np.zeros((4, 2))}, r"scores \(4, 2\), not \(4, 3\)"),
        ({"probabilities_UC": np.zeros((3, 3))}, r"probabilities \(3, 3\), not \(4, 3\)"),
        ({"dimensions_UK": np.zeros((4, 3))}, r"told dimensions \(4, 3\), not \(4, 2\)"),
        ({"probabilities_UC": np.full((4, 3), 1.5)}, "probabilities must be from 0 to 1"),
        ({"probabilities_UC": np.full((4, 3), np.nan)}, "probabilities must be from 0 to 1"),
    ],
)
def test_what_is_told_must_fit(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        require_fit(replace(TOLD, **change), TRUTH, np.ones((4, 1)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"single_U": np.zeros(3, dtype=np.int64)}, r"single labels \(3,\), not \(4,\)"),
        ({"shares_UC": np.zeros((4, 4))}, r"shares \(4, 4\), not \(4, 3\)"),
        (
            {"dimension_names": ("valence",)},
            r"told dimensions \(4, 2\), not \(4, 1\); dimensions \(4, 2\), not",
        ),
        ({"groups_U": np.zeros(5, dtype=np.intp)}, r"groups \(5,\), not \(4,\)"),
        ({"names": ("a", "b")}, "one column for each class; 2 names for 3 classes"),
    ],
)
def test_what_is_known_must_fit(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        require_fit(TOLD, replace(TRUTH, **change), np.ones((4, 1)))


def test_every_unit_needs_weights() -> None:
    with pytest.raises(ValueError, match=r"one row for each unit.*; weights \(2, 7\), not \(4, 7\)"):
        require_fit(TOLD, TRUTH, np.ones((2, 7)))


def test_groups_are_counted_once() -> None:
    kept_U = np.array([True, True, False, False])
    assert count_groups(TRUTH, kept_U) == 1
    assert count_groups(TRUTH, ~kept_U | [True, False, False, False]) == 2
    assert count_groups(replace(TRUTH, groups_U=None), kept_U) == 2
