"""What is fitted after training, against definitions written out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sklearn.metrics import f1_score

import emotionnet
from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import Dataset
from emotionnet.evaluation.units import pool_labels, pool_told, read_split
from emotionnet.files import read_json, sha256, write_json
from emotionnet.inference.guard import read_guard
from emotionnet.inference.label_points import unit_rows
from emotionnet.models.description import ImageModel, read_description
from emotionnet.training.tuned import (
    INSIDE,
    NOISE,
    best_thresholds,
    fit_guard,
    group_quantile,
    noise_pictures,
)
from tests.conftest import MakeDataset

MakeRun = Callable[[Dataset], Path]


def test_a_new_group_counts_at_infinity() -> None:
    values, groups = np.array([5.0, 1.0, 3.0, 2.0]), ["a", "b", "c", "d"]
    for level, expected in ((0.1, 1.0), (0.2, 1.0), (0.4, 2.0), (0.6, 3.0), (0.61, 5.0), (0.99, 5.0)):
        assert group_quantile(values, groups, level) == expected
    many = [*values, 9.0, 9.0, 9.0, 9.0]
    assert group_quantile(np.array(many), [*groups, *"eeee"], 0.66) == 5.0  # one group, however many pictures


@pytest.mark.parametrize("seed", range(5))
def test_new_groups_are_inside_as_often_as_was_promised(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(300):
        centres = rng.normal(size=31)
        values = centres[:, None] + rng.normal(size=(31, 3)) / 2
        threshold = group_quantile(values[:30].ravel(), np.repeat(np.arange(30), 3).astype(str).tolist(), 0.9)
        hits.append((values[30] <= threshold).mean())
    assert np.mean(hits) > 0.9 - 0.05


def best_cut(told_N: npt.NDArray[np.float64], true_N: npt.NDArray[np.bool_]) -> float:
    """The largest of the probabilities with the best F1, each tried."""
    scores = {float(cut): f1_score(true_N, told_N >= cut) for cut in np.unique(told_N)}
    return max(cut for cut, score in scores.items() if score == pytest.approx(max(scores.values())))


def test_thresholds_are_those_of_the_best_f1_and_none_below_that_of_all_together() -> None:
    rng = np.random.default_rng(0)
    told_GC = rng.random((40, 5)).round(1)  # many equal ones
    labels_GC = rng.random((40, 5)) < told_GC**2 * 0.8
    labels_GC[:, 0] = False
    labels_GC[np.argsort(told_GC[:, 0])[3:5], 0] = True  # two groups, and both by chance far down
    labels_GC[:, 3], labels_GC[:, 4] = False, True
    labels_GC[7, 3] = True
    found = best_thresholds(told_GC, labels_GC, "abcde")
    assert list(found) == ["a", "b", "c"]
    together = best_cut(told_GC[:, :3].ravel(), labels_GC[:, :3].ravel())
    own = [best_cut(told_GC[:, column], labels_GC[:, column]) for column in range(3)]
    assert min(own) < together
    for column, name in enumerate("abc"):
        told_G = told_GC[:, column]
        np.testing.assert_array_equal(told_G >= found[name], told_G >= max(own[column], together))
    assert best_thresholds(told_GC[:, 3:], labels_GC[:, 3:], "de") == {}
    same = best_thresholds(np.full((4, 1), 0.5), np.array([[True], [True], [False], [False]]), ["joy"])
    assert same == {"joy": 0.25}
    assert best_thresholds(np.array([[0.8], [0.6], [0.2]]), np.array([[True], [True], [False]]), ["joy"]) == {
        "joy": pytest.approx(0.4)
    }


def test_noise_has_the_spectrum_of_natural_pictures_and_is_the_same_each_time() -> None:
    pictures = noise_pictures(6, 64)
    for first, second in zip(pictures, noise_pictures(6, 64), strict=True):
        np.testing.assert_array_equal(first, second)
    assert {(one.shape, one.dtype.name) for one in pictures} == {((64, 64, 3), "uint8")}
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64))
    band = (frequency > 0.05) & (frequency < 0.4)
    slopes = []
    for one in pictures:
        amplitude = np.abs(np.fft.fft2(one.mean(axis=2)))
        slopes.append(np.polyfit(np.log(frequency[band]), np.log(amplitude[band]), 1)[0])
    assert -1.8 < np.mean(slopes) < -0.6


def test_scales_are_the_median_and_the_farthest_tenth_of_validation() -> None:
    rng = np.random.default_rng(0)
    train_NF, val_NF, noise_MF = (rng.random((n, 6)).astype(np.float32) for n in (20, 30, 8))
    guard, fit = fit_guard(train_NF, val_NF, [str(n) for n in range(30)], noise_MF, data_hash="x")
    near_N = 1 - (unit_rows(val_NF) @ unit_rows(train_NF).T).max(axis=1)
    noise_N = 1 - (unit_rows(val_NF) @ unit_rows(noise_MF).T).max(axis=1)
    assert fit.contrast is not None
    assert fit.contrast.near == pytest.approx(np.quantile(near_N, [0.5, 0.9]), abs=1e-3)
    assert fit.contrast.share == pytest.approx(np.quantile(near_N / (near_N + noise_N), [0.5, 0.9]), abs=2e-3)
    assert (fit.pictures, fit.groups, fit.quantile, fit.data_hash) == (20, 30, INSIDE, "x")
    assert guard.threshold == fit.threshold == sorted(guard.distances(val_NF))[29]  # of 30, no more is known
    same_NF = np.ones((3, 6), np.float32)
    guard, _ = fit_guard(same_NF, same_NF, list("abc"), noise_MF, data_hash="")
    assert np.isfinite(guard.distances(val_NF)).all()


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A plain network after one epoch."""

    def make(dataset: Dataset) -> Path:
        values = {
            "data.root": str(dataset.root),
            "data.image_size": 32,
            "data.workers": 0,
            "model.trunk": "test_resnet",
            "model.weights": "none",
            "model.shape": "plain",
            "objective.classification": "bce",
            "epochs": 1,
            "out": str(tmp_path / "run"),
        }
        return emotionnet.train(load_config(TrainConfig, None, values))

    return make


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    return make_dataset(groups={"train": 9, "val": 8})


def test_a_run_holds_both_and_its_scores_stay(make_run: MakeRun, dataset: Dataset) -> None:
    run = make_run(dataset)
    predictor = emotionnet.load(run, backend="torch")
    val = read_split(dataset, "val", predictor.emotions)
    out = predictor.outputs(val.paths)
    _, shares_GC = pool_told(out.scores, val.groups, predictor.model.activation)
    assert shares_GC is not None
    expected = best_thresholds(shares_GC, pool_labels(val.labels, val.groups), predictor.emotions)
    assert predictor.thresholds == pytest.approx(expected, rel=1e-4)
    model = read_description(run, ImageModel)
    assert model.guard is not None
    assert model.thresholds is not None
    assert model.guard.data_hash == model.thresholds.data_hash == dataset.split_hash("val")
    assert (model.guard.groups, model.fitted) == (8, ())
    guard, train = read_guard(run), read_split(dataset, "train", predictor.emotions)
    assert guard is not None
    assert guard.contrast is not None
    assert (len(guard.kept_RF), len(guard.contrast.noise_MF)) == (len(train.paths), NOISE)
    features_NF = unit_rows(predictor.outputs(train.paths).features)
    np.testing.assert_allclose(guard.kept_RF, features_NF, atol=2e-3)
    assert not guard.outside(out.features).any()  # eight groups are too few to leave one outside
    assert predictor.trained_on == "squares"
    assert predictor.identity == sha256(run / "model.safetensors")
    assert emotionnet.evaluate(run, split="val")


def test_pictures_that_cannot_be_read_are_left_out(make_run: MakeRun, dataset: Dataset) -> None:
    broken = dataset.image_path(dataset.records("train")[0])
    assert isinstance(broken, Path)
    broken.write_bytes(b"broken")
    guard = read_guard(make_run(dataset))
    assert guard is not None
    assert len(guard.kept_RF) == len(dataset.records("train")) - 1


def test_a_run_of_before_is_read_as_it_was(make_run: MakeRun, dataset: Dataset) -> None:
    run = make_run(dataset)
    model = read_json(run / "model.json")
    for name in ("guard", "thresholds"):
        model.pop(name)
    for name in ("interpolation", "squash"):
        model["preprocessing"].pop(name)
    (run / "guard.safetensors").unlink()
    write_json(run / "model.json", model)
    predictor = emotionnet.load(run, backend="torch")
    assert (predictor.guard, dict(predictor.thresholds)) == (None, {})
    assert predictor.predict(Image.new("RGB", (32, 32))).domain is None
