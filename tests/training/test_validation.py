from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

from emotionnet.records import DataError
from emotionnet.training.validation import Outputs, results


def part(seen: list[Any]) -> Any:
    """A split whose objective only looks at what it is given."""

    def scores(scores_MC: Any, indices_M: Any, told_MK: Any) -> dict[str, float]:
        seen.append((scores_MC.tolist(), indices_M.tolist(), told_MK.tolist()))
        return {"score": 0.5}

    return SimpleNamespace(objective=SimpleNamespace(scores=scores))


def outputs(*batches: list[int], value: float = 0.0) -> Outputs:
    """Of each sample its index is the score, and ten times that the dimension."""
    indices = [np.array(rows) for rows in batches]
    scores = [rows[:, None].astype(np.float32) + np.float32(value) for rows in indices]
    return Outputs({}, scores, [10 * rows for rows in scores], indices)


def never() -> NoReturn:
    raise AssertionError


def test_samples_of_several_processes_come_in_the_order_of_the_split() -> None:
    seen: list[Any] = []
    found = results(part(seen), [outputs([0, 1], [4]), outputs(), outputs([2, 3], [5])], never)
    assert seen == [([[n] for n in range(6)], [*range(6)], [[10 * n] for n in range(6)])]
    assert found["val.score"] == 0.5


def test_a_score_that_is_not_finite_is_told() -> None:
    def diverged() -> NoReturn:
        raise FloatingPointError

    with pytest.raises(FloatingPointError):
        results(part([]), [outputs([0], value=np.inf)], diverged)


def test_nothing_that_can_be_read_is_named() -> None:
    every = [Outputs(skipped=["a.png: broken"]), Outputs(skipped=["b.png: broken"])]
    with pytest.raises(DataError, match=r"must be readable; b\.png: broken"):
        results(part([]), every, never)
