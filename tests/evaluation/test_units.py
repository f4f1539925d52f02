from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import group_index, pool_labels, pool_scores, read_split
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
    assert all(path.is_file() for path in split.paths)


def test_other_emotions_are_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(DataError, match="only in the run: envy; only in the data set: anger, sadness"):
        read_split(make_dataset(), "test", ("joy", "envy"))
