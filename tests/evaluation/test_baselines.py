from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from emotionnet.data.images import decode, evaluation_array
from emotionnet.evaluation import baselines
from emotionnet.evaluation.baselines import FittedProbe, Splits
from emotionnet.evaluation.metrics import Labels, macro_map
from emotionnet.evaluation.probing import Probe, ProbeFeatures
from emotionnet.evaluation.subject import Subject, open_subject
from emotionnet.evaluation.units import read_split
from emotionnet.models.trunks import create_trunk
from emotionnet.records import SPLITS, DataError

MakeRun = Callable[..., Path]


@pytest.fixture
def subject(make_run: MakeRun) -> Subject:
    return open_subject(make_run())


@pytest.fixture
def splits(subject: Subject) -> Splits:
    emotions = subject.predictor.emotions
    train, val, test = (read_split(subject.dataset, name, emotions) for name in SPLITS)
    return Splits(train=train, val=val, test=test)


def expected_chance_ap(count: int, positives: int) -> float:
    """Mean AP over all orders of `count` rows: at each rank, the precision if a positive stands there."""
    ranks = np.arange(1, count + 1)
    return float(np.mean((1 + (ranks - 1) * (positives - 1) / (count - 1)) / ranks))


def test_chance_is_the_mean_over_all_orders_and_lies_above_the_prevalence() -> None:
    labels_GC = np.arange(40)[:, None] < np.array([[2, 10]])
    expected = (expected_chance_ap(40, 2) + expected_chance_ap(40, 10)) / 2
    scores = baselines.chance_scores(labels_GC, seed=0)
    assert scores["macro_map"] == pytest.approx(expected, abs=0.01)
    assert scores["macro_map"] > labels_GC.mean() + 0.02
    assert scores["auc"] == pytest.approx(0.5, abs=0.01)
    assert scores["hit_rate"] == pytest.approx(0.6, abs=0.01)  # 2 rows always hit, 8 every other time


def test_chance_of_each_class_averages_to_the_macro_chance() -> None:
    labels_GC = np.arange(20)[:, None] < np.array([[1, 5, 9]])
    by_class_C = baselines.chance_average_precisions(labels_GC, seed=4)
    assert by_class_C.mean() == pytest.approx(baselines.chance_scores(labels_GC, seed=4)["macro_map"])
    assert by_class_C[0] < by_class_C[1] < by_class_C[2]


def test_chance_depends_on_the_seed_alone() -> None:
    labels_GC = np.eye(6, dtype=np.bool_)
    first, again, other = (baselines.chance_scores(labels_GC, seed=seed, draws=5) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_scores_of_a_class_that_all_groups_carry_have_no_auc() -> None:
    scores = baselines.group_scores(np.zeros((3, 1)), np.ones((3, 1), dtype=np.bool_))
    assert scores == {"macro_map": 1.0, "n_classes": 1, "hit_rate": 1.0}


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
    np.testing.assert_allclose(baselines.trunk_features(subject, paths), expected_NF, rtol=1e-4, atol=1e-5)
    other = baselines.trunk_features(replace(subject, seed=4), paths)
    assert not np.allclose(other, expected_NF, rtol=1e-2)


def test_rows_are_divided_as_the_paths_were_joined(splits: Splits) -> None:
    rows = np.arange(len(splits.paths))[:, None]
    train, val, test = splits.divide(rows)
    assert (len(train), len(val), len(test)) == (18, 9, 13)
    assert [splits.paths[i] for i in test[:, 0]] == list(splits.test.paths)


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
    fitted = FittedProbe(1.0, Probe(np.zeros((1, 3)), np.zeros(3)), cast(ProbeFeatures, probe), test_features)
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


def test_shuffled_labels_score_about_chance_and_real_ones_above(splits: Splits) -> None:
    fitted = baselines.fit_on_validation(baselines.pixel_features(splits.paths), splits)
    shuffled_S = baselines.shuffled_maps(fitted, splits, seed=0)
    chance = baselines.chance_scores(splits.test.group_labels, seed=0)["macro_map"]
    assert shuffled_S.shape == (100,)
    assert shuffled_S.mean() == pytest.approx(chance, abs=0.1)
    real = baselines.probe_scores(fitted, splits.test)
    assert real["macro_map"] > np.quantile(shuffled_S, 0.95)


def test_a_probe_is_scored_on_groups(splits: Splits) -> None:
    pixels_NF = baselines.pixel_features(splits.paths)
    fitted = baselines.fit_on_validation(pixels_NF, splits)
    decision_NC = fitted.probe.decision(pixels_NF[-13:])
    pooled = {
        group: np.mean(
            [row for name, row in zip(splits.test.groups, decision_NC, strict=True) if name == group], axis=0
        )
        for group in dict.fromkeys(splits.test.groups)
    }
    expected, _ = macro_map(np.stack(list(pooled.values())), splits.test.group_labels)
    assert baselines.probe_scores(fitted, splits.test)["macro_map"] == pytest.approx(expected)


def test_all_baselines_have_their_keys(subject: Subject, splits: Splits) -> None:
    scores = baselines.baseline_scores(subject, splits)
    assert sorted(scores) == sorted(
        [
            *(f"chance.{key}" for key in ("macro_map", "hit_rate", "auc")),
            *(
                f"{name}.{key}"
                for name in ("pixels", "frozen")
                for key in ("macro_map", "hit_rate", "auc", "c")
            ),
            *("shuffled.macro_map", "shuffled.macro_map_p95"),
        ]
    )
    assert scores["shuffled.macro_map"] < scores["shuffled.macro_map_p95"]


def test_weights_that_cannot_be_had_are_named(subject: Subject, splits: Splits, tmp_path: Path) -> None:
    gone = replace(subject, trunk_weights=str(tmp_path / "gone.safetensors"))
    with pytest.raises(DataError, match=r"gone\.safetensors"):
        baselines.trunk_features(gone, splits.test.paths)
