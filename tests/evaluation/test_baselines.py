from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotionnet.data.images import decode, evaluation_array
from emotionnet.data.shards.member import PictureFile
from emotionnet.evaluation import baselines
from emotionnet.evaluation.baselines import FittedProbe
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.probing import C_GRID, Probe, ProbeFeatures
from emotionnet.evaluation.subject import Subject, open_subject
from emotionnet.evaluation.units import Splits, read_splits
from emotionnet.models.trunks import create_trunk
from emotionnet.records import DataError

Floats = npt.NDArray[Any]
MakeRun = Callable[..., Path]


@pytest.fixture
def subject(make_run: MakeRun) -> Subject:
    return open_subject(make_run())


@pytest.fixture
def splits(subject: Subject) -> Splits:
    return read_splits(subject.dataset, subject.predictor.emotions)


def frozen_features(subject: Subject, paths: Sequence[PictureFile], *, seed: int) -> npt.NDArray[np.float32]:
    model = subject.predictor.model
    return baselines.trunk_features(model.trunk, "none", model.preprocessing, paths, seed=seed)


def test_pixels_are_the_means_of_64_fields(tmp_path: Path) -> None:
    pixels_HW3 = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels_HW3).save(tmp_path / "a.png")
    expected_883 = pixels_HW3.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    features_NF = baselines.pixel_features([tmp_path / "a.png"])
    assert features_NF.shape == (1, 192)
    np.testing.assert_allclose(features_NF[0], expected_883.ravel(), atol=1.01)  # Pillow rounds twice


def test_pixels_see_transparent_parts_as_white(tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert baselines.pixel_features([tmp_path / "clear.png"]).tolist() == [[255.0] * 192]


def test_frozen_features_are_those_of_the_trunk_before_training(subject: Subject, splits: Splits) -> None:
    paths = splits.test.paths[:3]
    trunk = create_trunk(subject.predictor.model.trunk, "none", seed=3).eval()
    images = np.stack(
        [evaluation_array(decode(path), subject.predictor.model.preprocessing) for path in paths]
    )
    with torch.inference_mode():
        maps = trunk.forward_features(torch.from_numpy(images))  # type: ignore[operator]
        expected_NF = trunk.forward_head(maps, pre_logits=True).numpy()  # type: ignore[operator]
    found_NF, other_NF = (frozen_features(subject, paths, seed=seed) for seed in (3, 4))
    assert found_NF.dtype == np.float32
    np.testing.assert_allclose(found_NF, expected_NF, rtol=1e-4, atol=1e-5)
    assert not np.allclose(other_NF, expected_NF, rtol=1e-2)


class RecordingProbe:
    """Keeps the labels it is fitted on and scores every picture alike."""

    def __init__(self) -> None:
        self.seen: list[Labels] = []

    def fit(self, labels_NC: Labels, *, c: float) -> Probe:  # noqa: ARG002
        self.seen.append(labels_NC)
        return Probe(np.zeros((1, labels_NC.shape[1])), np.zeros(labels_NC.shape[1]))


def recorded(splits: Splits, *, seed: int, shuffles: int = 20) -> list[Labels]:
    probe = RecordingProbe()
    test_features: npt.NDArray[Any] = np.zeros((len(splits.test.paths), 1))
    fitted = FittedProbe(1.0, cast(ProbeFeatures, probe), test_features, np.zeros((len(test_features), 3)))
    baselines.shuffled_maps(fitted, splits, seed=seed, shuffles=shuffles)
    return sorted(probe.seen, key=lambda labels_NC: labels_NC.tobytes())


def test_shuffling_moves_whole_groups_and_keeps_their_label_sets(splits: Splits) -> None:
    groups = splits.train.groups
    real = sorted(map(tuple, splits.train.group_labels.tolist()))
    orders = recorded(splits, seed=0)
    for labels_NC in orders:
        by_group = {
            group: {tuple(row) for name, row in zip(groups, labels_NC.tolist(), strict=True) if name == group}
            for group in groups
        }
        assert {len(sets) for sets in by_group.values()} == {1}
        assert sorted(sets.pop() for sets in by_group.values()) == real
    assert len({labels_NC.tobytes() for labels_NC in orders}) > 15


def test_shuffles_depend_on_the_seed_alone(splits: Splits) -> None:
    first, again, other = (recorded(splits, seed=seed, shuffles=4) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def sklearn_probe(features_NF: Floats, labels_NC: Labels, others_MF: Floats, *, c: float) -> Floats:
    """Log-odds of one logistic regression for each class; shape (M, C)."""
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-8, max_iter=10_000))
        for _ in labels_NC.T
    ]
    columns = [
        model.fit(features_NF, labels_N).decision_function(others_MF)
        for model, labels_N in zip(models, labels_NC.T, strict=True)
    ]
    return np.stack(columns, axis=1)


def pooled(values_NC: Floats, groups: Sequence[str]) -> Floats:
    """Means of the rows of each group, one group after another."""
    rows = [
        np.mean([row for name, row in zip(groups, values_NC, strict=True) if name == group], axis=0)
        for group in dict.fromkeys(groups)
    ]
    return np.stack(rows)


def macro(scores_GC: Floats, labels_GC: Labels) -> float:
    return float(
        np.mean([average_precision_score(*pair) for pair in zip(labels_GC.T, scores_GC.T, strict=True)])
    )


def literal_probe(features_NF: Floats, splits: Splits) -> tuple[float, Floats]:
    """The smallest of the best c on validation groups, and the log-odds of the test pictures."""
    train_NF, val_NF, test_MF = features_NF[:18], features_NF[18:27], features_NF[27:]
    found = []
    for c in C_GRID:
        val_GC = pooled(sklearn_probe(train_NF, splits.train.labels, val_NF, c=c), splits.val.groups)
        found.append(macro(val_GC, splits.val.group_labels))
    c = C_GRID[int(np.argmax(found))]
    return c, sklearn_probe(train_NF, splits.train.labels, test_MF, c=c)


@pytest.mark.parametrize("kind", ["pixels", "frozen"])
def test_a_fitted_probe_is_scikit_learns_with_the_c_that_validation_chooses(
    subject: Subject, splits: Splits, kind: str
) -> None:
    frozen_NF = frozen_features(subject, splits.paths, seed=3)
    features_NF = frozen_NF if kind == "frozen" else baselines.pixel_features(splits.paths)
    c, scores_MC = literal_probe(features_NF, splits)
    fitted = baselines.fit_on_validation(features_NF, splits)
    assert fitted.c == c
    np.testing.assert_array_equal(fitted.test_features, features_NF[27:])
    np.testing.assert_allclose(fitted.test_scores, scores_MC, atol=2e-3)


def test_c_is_chosen_on_validation_and_the_test_split_is_never_seen(splits: Splits) -> None:
    pixels_NF = baselines.pixel_features(splits.paths)
    rng = np.random.default_rng(0)
    blind = replace(splits, test=replace(splits.test, labels=~splits.test.labels))
    noisy_NF = np.concatenate([pixels_NF[:27], rng.normal(size=(13, 192))])
    first, second = (
        baselines.fit_on_validation(pixels_NF, splits),
        baselines.fit_on_validation(noisy_NF, blind),
    )
    assert first.c == second.c
    labels_NC = splits.train.labels
    first_probe, second_probe = (one.train.fit(labels_NC, c=one.c) for one in (first, second))
    np.testing.assert_array_equal(first_probe.weights, second_probe.weights)


def test_shuffled_scores_equal_a_loop_with_scikit_learn(subject: Subject, splits: Splits) -> None:
    features_NF = frozen_features(subject, splits.paths, seed=3)
    fitted = baselines.fit_on_validation(features_NF, splits)
    names = list(dict.fromkeys(splits.train.groups))
    orders = np.random.default_rng([5, 1]).permuted(np.tile(np.arange(12), (3, 1)), axis=1)
    expected = []
    for order in orders:
        sets = dict(zip(names, splits.train.group_labels[order], strict=True))
        labels_NC = np.stack([sets[group] for group in splits.train.groups])
        scores_MC = sklearn_probe(features_NF[:18], labels_NC, features_NF[27:], c=fitted.c)
        expected.append(macro(pooled(scores_MC, splits.test.groups), splits.test.group_labels))
    found_S = baselines.shuffled_maps(fitted, splits, seed=5, shuffles=3)
    np.testing.assert_allclose(found_S, expected)
    assert len(set(expected)) > 1


def test_shuffled_labels_score_about_chance_and_real_ones_above(splits: Splits) -> None:
    fitted = baselines.fit_on_validation(baselines.pixel_features(splits.paths), splits)
    shuffled_S = baselines.shuffled_maps(fitted, splits, seed=0)
    chance = chance_scores(splits.test.group_labels, seed=0)["macro_map"]
    assert shuffled_S.shape == (100,)
    assert shuffled_S.mean() == pytest.approx(chance, abs=0.1)
    real = macro(pooled(fitted.test_scores, splits.test.groups), splits.test.group_labels)
    assert real > np.quantile(shuffled_S, 0.95)


def test_all_baselines_equal_their_formulas(subject: Subject, splits: Splits) -> None:
    found = baselines.run_baselines(subject, splits)
    frozen_NF = frozen_features(subject, splits.paths, seed=3)
    similar_MN = cosine_similarity(frozen_NF[27:], frozen_NF[:18])
    labels_NC, groups = splits.train.labels, splits.test.groups
    nearest_MC = np.array([[row[labels_NC[:, c]].max() for c in range(3)] for row in similar_MN])
    near = {group for group, row in zip(groups, similar_MN, strict=True) if (row > 0.9).any()}
    c, expected = {}, {"nearest": pooled(nearest_MC, groups)}
    for name, features_NF in (("frozen", frozen_NF), ("pixels", baselines.pixel_features(splits.paths))):
        c[name], scores_MC = literal_probe(features_NF, splits)
        expected[name] = pooled(scores_MC, groups)
    assert found.c == c
    assert sorted(found.scores) == sorted(expected)
    for name, scores_GC in expected.items():
        np.testing.assert_allclose(found.scores[name], scores_GC, atol=2e-3 if name in c else 1e-6)
    assert found.neighbours is not None
    assert found.neighbours.tolist() == [group in near for group in dict.fromkeys(groups)]
    fitted = baselines.fit_on_validation(frozen_NF, splits)
    np.testing.assert_array_equal(found.shuffled, baselines.shuffled_maps(fitted, splits, seed=3))


def test_weights_that_cannot_be_had_are_named(subject: Subject, splits: Splits, tmp_path: Path) -> None:
    gone = replace(subject, trunk_weights=str(tmp_path / "gone.safetensors"))
    with pytest.raises(DataError, match=r"gone\.safetensors"):
        baselines.run_baselines(gone, splits)


def test_a_broken_picture_is_named(subject: Subject, splits: Splits) -> None:
    Path(str(splits.val.paths[2])).write_bytes(b"no picture")
    with pytest.raises(DataError, match=splits.val.paths[2].name):
        baselines.run_baselines(subject, splits)
    with pytest.raises(DataError, match=splits.val.paths[2].name):
        baselines.pixel_features(splits.val.paths)
