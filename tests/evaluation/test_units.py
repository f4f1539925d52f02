from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import (
    group_index,
    pool_labels,
    pool_scores,
    read_split,
    read_splits,
    require_same_emotions,
)
from emotionnet.records import DataError

MakeDataset = Callable[..., Dataset]


def test_scores_are_means_in_the_order_of_first_appearance() -> None:
    values_NC = np.array([[1.0, 0.0], [5.0, 5.0], [3.0, 2.0]])
    pooled_GC = pool_scores(values_NC, ["b", "a", "b"])
    assert pooled_GC.tolist() == [[2.0, 1.0], [5.0, 5.0]]


def test_labels_are_those_of_any_picture() -> None:
    labels_NC = np.array([[True, False], [False, False], [False, True]])
    assert pool_labels(labels_NC, ["b", "a", "b"]).tolist() == [[True, True], [False, False]]


def test_groups_are_numbered_as_they_appear() -> None:
    assert group_index(["z", "a", "z", "m"]).tolist() == [0, 1, 0, 2]


def test_single_pictures_are_their_own_groups() -> None:
    values_NC = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(pool_scores(values_NC, ["a", "b", "c"]), values_NC)


@pytest.mark.parametrize("pool", [pool_scores, pool_labels])
def test_every_row_needs_a_group(pool: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="every row must have a group; got 2 rows and 1 groups"):
        pool(np.zeros((2, 2), dtype=np.bool_), ["a"])


def test_a_split_follows_the_order_of_the_runs_emotions(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    split = read_split(dataset, "test", ("sadness", "anger", "joy"))
    assert [record.group for record in split.records][:3] == ["test-000", "test-001", "test-001"]
    assert split.labels[:3].tolist() == [[False, True, False], [False, False, True], [False, False, True]]
    assert split.group_labels.shape == (9, 3)
    assert split.group_labels[3].tolist() == [False, True, True]  # test-003: anger, and joy on its right
    assert all(Path(str(path)).is_file() for path in split.paths)


def test_other_emotions_are_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(DataError, match="only in the run: envy; only in the data set: anger, sadness"):
        read_split(make_dataset(), "test", ("joy", "envy"))


def test_pooling_equals_a_table_grouped() -> None:
    rng = np.random.default_rng(0)
    values_NC, groups = rng.normal(size=(40, 2)), [f"g{number}" for number in rng.integers(9, size=40)]
    table = pl.DataFrame({"group": groups, "a": values_NC[:, 0], "b": values_NC[:, 1]})
    by_group = table.group_by("group", maintain_order=True)
    np.testing.assert_allclose(pool_scores(values_NC, groups), by_group.mean().select("a", "b").to_numpy())
    positive = table.with_columns(pl.col("a") > 1, pl.col("b") > 1).group_by("group", maintain_order=True)
    expected_GC = positive.agg(pl.col("a", "b").any()).select("a", "b").to_numpy()
    np.testing.assert_array_equal(pool_labels(values_NC > 1, groups), expected_GC)


def test_pooling_adds_pictures_up_in_their_order() -> None:
    """The last bits of a mean are those of a plain sum; what is not a number stays in its own group."""
    rng = np.random.default_rng(1)
    values_NC = rng.normal(size=(60, 3)).astype(np.float32)
    values_NC[7] = np.nan
    groups = [f"g{number}" for number in rng.integers(7, size=60)]
    for group, pooled_C in zip(dict.fromkeys(groups), pool_scores(values_NC, groups), strict=True):
        members = [
            row for row, name in zip(values_NC.astype(np.float64), groups, strict=True) if name == group
        ]
        np.testing.assert_array_equal(pooled_C, sum(members, np.zeros(3)) / len(members))


def test_rows_are_divided_as_the_paths_were_joined(make_dataset: MakeDataset) -> None:
    splits = read_splits(make_dataset(), ("anger", "joy", "sadness"))
    train, val, test = splits.divide(np.arange(len(splits.paths))[:, None])
    assert (len(train), len(val), len(test)) == (18, 9, 13)
    for rows, split in ((train, splits.train), (val, splits.val), (test, splits.test)):
        assert [splits.paths[row] for row in rows[:, 0]] == list(split.paths)
    assert {record.group[:4] for record in splits.val.records} == {"val-"}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_any_label_is_refused(make_dataset: MakeDataset, split: str) -> None:
    dataset = make_dataset()
    table = dataset.table(split).with_columns(labels=pl.lit([], dtype=pl.List(pl.Int32)))
    table.write_parquet(dataset.root / f"{split}.parquet")
    with pytest.raises(DataError, match=f"the {split} split must hold at least one label; it holds none"):
        read_splits(dataset, dataset.emotion_names)


def test_emotions_in_another_order_are_the_same(make_dataset: MakeDataset) -> None:
    require_same_emotions(make_dataset(), ("joy", "sadness", "anger"))


def test_an_emotion_too_many_is_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(DataError, match="only in the run: awe; only in the data set: none"):
        require_same_emotions(make_dataset(), ("anger", "awe", "joy", "sadness"))
