from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from emotionnet.evaluation.neighbours import NEAR, cosines, has_neighbour, nearest_scores


def test_cosines_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    test_MF, train_NF = rng.normal(size=(7, 12)), 50 * rng.random((9, 12))
    similar_MN = cosines(test_MF, train_NF)
    assert similar_MN.dtype == np.float32
    np.testing.assert_allclose(similar_MN, cosine_similarity(test_MF, train_NF), atol=1e-6)


def test_cosines_by_hand() -> None:
    test_MF, train_NF = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[10.0, 0.0], [-3.0, -4.0]])
    np.testing.assert_allclose(cosines(test_MF, train_NF), [[0.6, -1.0], [0.0, 0.0]], atol=1e-7)


def test_lengths_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    test_MF, train_NF = rng.normal(size=(4, 5)), rng.normal(size=(6, 5))
    longer_NF = train_NF * rng.uniform(0.1, 10, size=(6, 1))
    np.testing.assert_allclose(cosines(test_MF, longer_NF), cosines(test_MF, train_NF), atol=1e-6)


def test_a_group_is_near_when_any_picture_is_and_the_bound_itself_is_far() -> None:
    similar_MN = np.array([[0.95, 0.1], [0.2, 0.3], [0.5, 0.5], [0.1, 0.91]], dtype=np.float32)
    assert has_neighbour(similar_MN, ["b", "a", "c", "a"]).tolist() == [True, True, False]
    assert has_neighbour(similar_MN, ["b", "a", "c", "a"], above=0.94).tolist() == [True, False, False]
    assert has_neighbour(similar_MN, ["b", "a", "c", "a"], above=0.5).tolist() == [True, True, False]
    assert NEAR == 0.9


def test_nearest_scores_by_hand() -> None:
    similar_MN = np.array([[0.9, 0.4, -0.2], [0.1, 0.3, 0.8]], dtype=np.float32)
    labels_NC = np.array([[True, False, False], [True, True, False], [False, True, False]])
    expected_MC = np.array([[0.9, 0.4, -1.0], [0.3, 0.8, -1.0]], dtype=np.float32)
    np.testing.assert_array_equal(nearest_scores(similar_MN, labels_NC), expected_MC)


def test_nearest_scores_equal_a_loop() -> None:
    rng = np.random.default_rng(2)
    similar_MN = rng.uniform(-1, 1, size=(8, 15)).astype(np.float32)
    labels_NC = rng.random((15, 4)) < 0.3
    expected_MC = [
        [max([-1.0, *(row[n] for n in range(15) if labels_NC[n, c])]) for c in range(4)] for row in similar_MN
    ]
    np.testing.assert_array_equal(
        nearest_scores(similar_MN, labels_NC), np.array(expected_MC, dtype=np.float32)
    )


@pytest.mark.parametrize("copied", [0, 3, 9])
def test_a_copy_of_a_training_picture_gets_its_labels(copied: int) -> None:
    rng = np.random.default_rng(3)
    train_NF = rng.normal(size=(10, 16))
    labels_NC = np.eye(5, dtype=np.bool_)[np.arange(10) % 5] | np.eye(5, dtype=np.bool_)[1]
    scores_C = nearest_scores(cosines(7 * train_NF[[copied]], train_NF), labels_NC)[0]
    highest = set(np.flatnonzero(scores_C == scores_C.max()).tolist())
    assert highest == set(np.flatnonzero(labels_NC[copied]).tolist())
    assert scores_C.max() == pytest.approx(1, abs=1e-6)


def test_an_unlabelled_training_picture_teaches_nothing() -> None:
    similar_MN = np.array([[1.0, 0.2]], dtype=np.float32)
    labels_NC = np.array([[False, False], [False, True]])
    np.testing.assert_array_equal(
        nearest_scores(similar_MN, labels_NC), np.array([[-1.0, 0.2]], dtype=np.float32)
    )


def test_every_picture_needs_a_group() -> None:
    with pytest.raises(ValueError, match="every row must have a group; got 2 rows and 1 groups"):
        has_neighbour(np.zeros((2, 3), dtype=np.float32), ["a"])
