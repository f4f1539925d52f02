"""Scores of a guard, held to a slow second implementation and to scikit-learn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import emotionnet
from emotionnet.data.images import decode
from emotionnet.data.shards.member import PictureFile
from emotionnet.data.store import Dataset
from emotionnet.evaluation import guard_scores as room
from emotionnet.evaluation.foreign_pictures import crops, paste
from emotionnet.evaluation.guard_scores import guard_scores
from emotionnet.inference.guard import Guard, write_guard
from emotionnet.inference.label_points import unit_rows
from emotionnet.models.description import GuardFit, ImageModel, read_description, write_description
from emotionnet.records import DataError
from emotionnet.runs import merge_metrics, read_metrics
from tests.evaluation.conftest import MakeDataset, MakeRun

THRESHOLD = 0.001


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    return make_dataset(groups={"train": 9, "val": 6, "test": 8})


@pytest.fixture
def run(make_run: MakeRun, dataset: Dataset) -> Path:
    """A run whose guard keeps all training pictures, and looks at the second nearest."""
    folder = make_run(dataset)
    paths = [dataset.image_path(record) for record in dataset.records("train")]
    kept_RF = unit_rows(emotionnet.load(folder, backend="torch").embed(paths)).astype(np.float16)
    fit = GuardFit(
        neighbours=2, pictures=len(paths), threshold=THRESHOLD, quantile=0.95, groups=6, data_hash=""
    )
    write_guard(Guard(kept_RF, 2, THRESHOLD), folder)
    write_description(folder, read_description(folder, ImageModel).model_copy(update={"guard": fit}))
    return folder


@pytest.fixture
def photographs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Image.Image]:
    """Three of noise, and two drawings of one colour each."""
    rng = np.random.default_rng(0)
    found = {str(n): Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)) for n in range(3)}
    monkeypatch.setattr(room, "read_photographs", lambda: found)
    monkeypatch.setattr(room, "read_drawings", lambda **_: [Image.new("RGB", (32, 32), c) for c in _COLOURS])
    return found


_COLOURS = ("red", "green")


def test_scores_are_those_of_a_slow_second_implementation(
    run: Path, dataset: Dataset, photographs: dict[str, Image.Image]
) -> None:
    records = dataset.records("test")
    groups = list(dict.fromkeys(record.group for record in records))
    paths = {group: [dataset.image_path(r) for r in records if r.group == group] for group in groups}
    kinds = {
        "photographs": [crops(one) for one in photographs.values()],
        "whole_photographs": [[one] for one in photographs.values()],
        "pasted": [[one] for one in paste([paths[group][0] for group in groups], photographs, seed=0)],
        "openclipart": [[Image.new("RGB", (32, 32), colour)] for colour in _COLOURS],
    }
    slow = _Slow(run, dataset)
    unseen = [slow.unit(paths[group]) for group in groups]
    found = guard_scores(run)
    assert found["guard.test.count"] == len(groups)
    every = [slow.far(path) > THRESHOLD for some in paths.values() for path in some]
    assert found["guard.test.outside"] == pytest.approx(np.mean(every))
    for kind, units in kinds.items():
        told = [slow.unit(some) for some in units]
        truth = [0] * len(unseen) + [1] * len(told)
        for key, place in (("auroc", 0), ("pixels_auroc", 1)):
            expected = roc_auc_score(truth, [one[place] for one in (*unseen, *told)])
            assert found[f"guard.{kind}.{key}"] == pytest.approx(expected), (kind, key)
        assert found[f"guard.{kind}.auroc_ci_low"] <= found[f"guard.{kind}.auroc"]
        outside = [slow.far(image) > THRESHOLD for some in units for image in some]
        assert found[f"guard.{kind}.outside"] == pytest.approx(np.mean(outside)), kind
        assert found[f"guard.{kind}.count"] == len(told)


class _Slow:
    """Distances one picture and one training picture at a time."""

    def __init__(self, run: Path, dataset: Dataset) -> None:
        self.predictor = emotionnet.load(run, backend="torch")
        paths = [dataset.image_path(record) for record in dataset.records("train")]
        self.features = [self.predictor.embed(path) for path in paths]
        self.pixels = [self._pixels(decode(path)) for path in paths]

    def unit(self, images: Sequence[PictureFile | Image.Image]) -> tuple[float, float]:
        sums = defaultdict[str, float](float)
        for image in images:
            sums["guard"] += self.far(image) / len(images)
            pixels = self._pixels(decode(image))
            sums["pixels"] += min(float(np.linalg.norm(pixels - one)) for one in self.pixels) / len(images)
        return sums["guard"], sums["pixels"]

    def far(self, image: PictureFile | Image.Image) -> float:
        own = self.predictor.embed(image)
        lengths = [float(np.linalg.norm(own) * np.linalg.norm(one)) for one in self.features]
        return sorted(
            1 - float(own @ one) / length for one, length in zip(self.features, lengths, strict=True)
        )[1]

    def _pixels(self, image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(image.resize((8, 8), Image.Resampling.BOX), dtype=np.float64)


@pytest.mark.usefixtures("photographs")
def test_scores_join_those_that_are_there(run: Path) -> None:
    merge_metrics(run, {"test.macro_map": 0.5, "guard.old.auroc": 0.5})
    found = guard_scores(run)
    assert read_metrics(run) == {"test.macro_map": 0.5, **found}
    assert guard_scores(run) == found


@pytest.mark.usefixtures("photographs")
def test_without_openclipart_the_rest_is_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(room, "read_drawings", lambda **_: [])
    found = guard_scores(run)
    assert "guard.photographs.auroc" in found
    assert not any("openclipart" in key for key in found)
    assert "openclipart is not installed: the guard is not held against it" in capsys.readouterr().err


def test_run_without_a_guard(make_run: MakeRun) -> None:
    with pytest.raises(
        DataError, match=r"run: must be a run with a guard; this one has none: train it again$"
    ):
        guard_scores(make_run())
