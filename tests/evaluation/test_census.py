from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emotionnet.data.record_tables import table_of
from emotionnet.data.store import Dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.census import (
    counted,
    most_together,
    spread,
    together,
)
from emotionnet.records import DataError, ImageRecord, Word

BAGS = [(0, 2), (2, 2), (), (0, 1, 2)]


def record(labels: tuple[int, ...], weights: tuple[float, ...] = ()) -> ImageRecord:
    return ImageRecord("x", "x.png", labels, (), (), "g", "s", "l", "", label_weights=weights)


def test_counts_by_hand() -> None:
    words = [Word("a", 99), Word("b", 99), Word("c", 99), Word("d", 99)]
    assert counted(BAGS, words) == (Word("a", 2), Word("b", 1), Word("c", 3), Word("d", 0))
    assert spread(len(bag) for bag in BAGS) == {0: 1, 2: 2, 3: 1}
    assert list(spread([5, 1, 5])) == [1, 5]


def test_cooccurrence_is_a_literal_count() -> None:
    assert together(BAGS, 4).tolist() == [[2, 1, 2, 0], [1, 1, 1, 0], [2, 1, 3, 0], [0, 0, 0, 0]]
    rng = np.random.default_rng(0)
    bags = [rng.integers(0, 12, size=rng.integers(0, 7)).tolist() for _ in range(200)]
    literal = [[sum(i in bag and j in bag for bag in bags) for j in range(12)] for i in range(12)]
    assert together(bags, 12).tolist() == literal
    assert together([], 2).tolist() == [[0, 0], [0, 0]]


def test_pairs_that_are_together_most() -> None:
    pairs = most_together(together(BAGS, 4), "abcd", most=2)
    assert pairs == [("a", "c", 2), ("a", "b", 1)]
    assert most_together(together([(0,)], 2), "ab", most=5) == []


def test_labels_that_nobody_gave_do_not_count() -> None:
    assert record((2, 0, 2)).given_labels == (0, 2)
    assert record((3, 1, 2), (1.0, 0.0, 4.0)).given_labels == (2, 3)
    assert record(()).given_labels == ()


def test_records_may_be_none_but_not_out_of_range(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write_parquet(dataset.root / "val.parquet", dataset.table("val").clear())
    assert dataset.checked_records("val") == ()
    write_parquet(dataset.root / "val.parquet", table_of([record((3,))]))
    with pytest.raises(DataError, match=r"val\.parquet: x: labels must be in 0\.\.2; got 3"):
        dataset.checked_records("val")
