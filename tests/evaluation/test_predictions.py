"""Columns of lists: from arrays and back."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from emotionnet.evaluation import predictions
from emotionnet.evaluation.predictions import rows
from emotionnet.records import DataError


def _column(lists: list[list[float] | None], dtype: pl.DataType) -> pl.Series:
    return pl.Series("scores", lists, dtype=pl.List(dtype))


@pytest.mark.parametrize("dtype", [pl.Float32(), pl.Float64()])
def test_rows_are_those_of_the_lists(dtype: pl.DataType) -> None:
    column = _column([[0.1, 2.0], [], [float("nan"), 4.0], None], dtype)
    wanted = np.array([one or [np.nan, np.nan] for one in column.to_list()])
    found_NS = rows(column, 2)
    assert found_NS.dtype == np.float64
    np.testing.assert_array_equal(found_NS, wanted)


@pytest.mark.parametrize("lists", [[], [[], []]])
def test_without_numbers_rows_are_nan(lists: list[list[float] | None]) -> None:
    found_NS = rows(_column(lists, pl.Float32()), 3)
    assert found_NS.shape == (len(lists), 3)
    assert np.isnan(found_NS).all()


def test_lists_without_any_place_have_no_number() -> None:
    assert rows(_column([[], []], pl.Float32()), 0).shape == (2, 0)


def test_a_list_of_another_length_is_named() -> None:
    with pytest.raises(DataError, match="must have 2 numbers each in scores; one has 3; evaluate the run"):
        rows(_column([[1.0, 2.0], [1.0, 2.0, 3.0]], pl.Float32()), 2)


def test_an_array_becomes_the_lists_of_its_rows() -> None:
    rows_NS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    found = predictions._lists(rows_NS)
    assert found.dtype == pl.List(pl.Float32())
    assert found.to_list() == rows_NS.tolist()
    np.testing.assert_array_equal(rows(found, 3), rows_NS)
