"""Units of a table: what pictures of one group make of each other."""

from __future__ import annotations

import polars as pl
import pytest

from emotionnet.evaluation.pooled import by_group
from emotionnet.evaluation.predictions import PREDICTION_SCHEMA, Teller

TELLER = Teller(("anger", "joy"), "softmax")


def table(*single: str | None) -> pl.DataFrame:
    """Two pictures for each group, in turn."""
    count = len(single)
    return pl.DataFrame(
        {
            "id": [f"{number}" for number in range(count)],
            "path": ["x.png"] * count,
            "group": [f"g{number // 2}" for number in range(count)],
            "labels": [[] if name is None else [name] for name in single],
            "probabilities": [[0.5, 0.5]] * count,
            "tags": [[]] * count,
            "scores": [[0.0, 0.0]] * count,
            "dimensions": [[]] * count,
            "single": single,
            "shares": [[]] * count,
            "true_dimensions": [[]] * count,
            "box": [[]] * count,
        },
        schema=PREDICTION_SCHEMA,
    )


def test_a_group_has_the_label_that_its_pictures_agree_on() -> None:
    found = by_group(table("joy", None, "anger", "joy", "anger", "anger"), TELLER).truth.single_U
    assert found is not None
    assert found.tolist() == [1, -1, 0]


@pytest.mark.parametrize("single", [("joy", "anger"), (None, None)])
def test_where_no_group_agrees_there_are_no_single_labels(single: tuple[str | None, ...]) -> None:
    assert by_group(table(*single), TELLER).truth.single_U is None
