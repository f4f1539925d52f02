"""The numbers of an evaluation, held to scikit-learn: scores, baselines, differences, far groups."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from emotionnet.data.store import Dataset
from emotionnet.evaluation import beside
from emotionnet.evaluation.baselines import Baselines, run_baselines
from emotionnet.evaluation.chance import chance_scores
from emotionnet.evaluation.metrics import macro_map
from emotionnet.evaluation.predictions import read_predictions
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.units import read_splits
from emotionnet.files import read_json

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
Array = npt.NDArray[Any]
EMOTIONS = ("anger", "joy", "sadness")


@dataclass(frozen=True)
class Case:
    """A run of mixed success beside baselines made up by hand, over 24 groups."""

    run: Path
    metrics: dict[str, float]
    found: Baselines
    ours_GC: Array
    labels_GC: Array

    @property
    def scores(self) -> dict[str, Array]:
        return {
            "test": self.ours_GC,
            **{f"baseline.{name}": rows for name, rows in self.found.scores.items()},
        }


def pooled_predictions(run: Path) -> tuple[Array, Array, list[str]]:
    """Mean probabilities, labels of any picture, and groups, as they first appear in the table."""
    table = read_predictions(run)
    groups = list(dict.fromkeys(table["group"]))
    rows = [table.filter(pl.col("group") == group) for group in groups]
    scores_GC = np.array([np.mean(one["probabilities"].to_list(), axis=0) for one in rows])
    carried = [{label for labels in one["labels"] for label in labels} for one in rows]
    return scores_GC, np.array([[name in some for name in EMOTIONS] for some in carried]), groups


@pytest.fixture
def case(make_dataset: MakeDataset, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> Case:
    dataset = make_dataset({"test": 24})
    run = make_run(dataset)
    number = pl.col("group").str.tail(3).cast(pl.Int32)
    odd = pl.when(number.is_in([1, 4, 9, 14, 20])).then(pl.concat_list(number % 2)).otherwise("labels")
    dataset.table("test").with_columns(labels=odd).write_parquet(dataset.root / "test.parquet")
    evaluate_run(run, baselines=False)
    ours_GC, labels_GC, _ = pooled_predictions(run)
    rng = np.random.default_rng(0)
    frozen_GC = labels_GC + rng.normal(0, 0.8, size=(24, 3))
    real = macro_map(frozen_GC, labels_GC)[0]
    found = Baselines(
        scores={
            "frozen": frozen_GC,
            "pixels": ours_GC,
            "nearest": (~labels_GC).round() + rng.random((24, 3)),
        },
        c={"frozen": 0.1, "pixels": 1.0},
        shuffled=np.array([real - 0.2, real, real + 0.1, real - 0.1]),
        neighbours=np.arange(24) % 3 == 1,
    )
    monkeypatch.setattr(beside, "run_baselines", lambda *_: found)
    metrics = evaluate_run(run)
    return Case(run, metrics, found, ours_GC, labels_GC)


def literal_scores(scores_GC: Array, labels_GC: Array) -> dict[str, float]:
    columns = list(zip(labels_GC.T, scores_GC.T, strict=True))
    return {
        "macro_map": float(np.mean([average_precision_score(*pair) for pair in columns])),
        "auc": float(np.mean([roc_auc_score(*pair) for pair in columns])),
        "hit_rate": float(np.mean([labels_GC[row, some.argmax()] for row, some in enumerate(scores_GC)])),
    }


def test_every_score_equals_scikit_learns(case: Case) -> None:
    assert case.metrics == read_json(case.run / "metrics.json")
    assert case.metrics["test.macro_map"] < 1
    for prefix, scores_GC in case.scores.items():
        for key, value in literal_scores(scores_GC, case.labels_GC).items():
            assert case.metrics[f"{prefix}.{key}"] == pytest.approx(value), (prefix, key)
    for name, labels_G, scores_G in zip(EMOTIONS, case.labels_GC.T, case.ours_GC.T, strict=True):
        expected = average_precision_score(labels_G, scores_G)
        assert case.metrics[f"test.ap.{name}"] == pytest.approx(expected)
    for key, value in chance_scores(case.labels_GC, seed=3).items():
        assert case.metrics[f"baseline.chance.{key}"] == value
    assert (case.metrics["baseline.frozen.c"], case.metrics["baseline.pixels.c"]) == (0.1, 1.0)


def test_permutation_p_counts_shuffles_at_least_as_good(case: Case) -> None:
    metrics, real = case.metrics, case.metrics["baseline.frozen.macro_map"]
    assert metrics["baseline.shuffled.macro_map_p"] == (1 + 2) / (1 + 4)  # one is as good, one better
    assert metrics["baseline.shuffled.macro_map"] == pytest.approx(real - 0.05)
    assert metrics["baseline.shuffled.macro_map_p95"] == pytest.approx(real + 0.85 * 0.1)


def check_intervals(metrics: dict[str, float]) -> dict[str, bool]:
    """Every interval holds its score; which differences are told from 0."""
    lows = [key for key in metrics if key.endswith("_ci_low")]
    assert sorted(key[:-3] + "high" for key in lows) == sorted(k for k in metrics if k.endswith("_ci_high"))
    for key in lows:
        name = key.removesuffix("_ci_low")
        assert metrics[key] <= metrics[name] <= metrics[f"{name}_ci_high"], name
        assert metrics[key] >= (-1 if "difference." in name else 0), name
        assert metrics[f"{name}_ci_high"] <= 1, name
    told = {}
    for name in (key.removesuffix("_ci_low") for key in lows if "difference." in key):
        told[name] = metrics[f"{name}_p"] < 0.05
        assert told[name] == (metrics[f"{name}_ci_low"] > 0 or metrics[f"{name}_ci_high"] < 0), name
        assert 0 <= metrics[f"{name}_p"] <= 1, name
    return told


def test_intervals_hold_their_scores_and_p_agrees_with_them(case: Case) -> None:
    told = check_intervals(case.metrics)
    assert told == {
        f"difference.{name}.{key}": name == "nearest"
        for name in ("frozen", "pixels", "nearest")
        for key in ("macro_map", "auc", "hit_rate")
    }
    assert case.metrics["difference.pixels.macro_map_p"] == 1.0


def test_intervals_of_a_real_evaluation_hold_their_scores(scored_run: Path) -> None:
    metrics = read_json(scored_run / "metrics.json")
    scores = [k for k in metrics if k.rpartition(".")[2] in ("macro_map", "auc", "hit_rate")]
    means = ("baseline.chance.", "baseline.shuffled.", "zero_shot.permuted.")
    assert [k for k in scores if f"{k}_ci_low" not in metrics and not k.startswith(means)] == []
    check_intervals(metrics)


def test_a_difference_is_that_of_the_two_scores(case: Case) -> None:
    for name in case.found.scores:
        for key in ("macro_map", "auc", "hit_rate"):
            expected = case.metrics[f"test.{key}"] - case.metrics[f"baseline.{name}.{key}"]
            assert case.metrics[f"difference.{name}.{key}"] == pytest.approx(expected, abs=1e-12)


def weighted_ap(scores_G: Array, positive_G: Array, weights_GS: Array) -> Array:
    total_S = np.zeros(weights_GS.shape[1])
    for g in np.flatnonzero(positive_G):
        above_G = (scores_G >= scores_G[g]) & (np.arange(len(scores_G)) != g)
        found_S = 1 + weights_GS[above_G & positive_G].sum(axis=0)
        total_S += weights_GS[g] * found_S / (1 + weights_GS[above_G].sum(axis=0))
    mean_S: Array = total_S / weights_GS[positive_G].sum(axis=0)
    return mean_S


def literal_reach(values_S: Array, counts: Array) -> float:
    widened = (1 / counts).sum() / ((counts - 1) / (counts * (counts + 1))).sum()
    return float(1.959963984540054 * np.std(values_S) * np.sqrt(widened))


def test_intervals_of_macro_map_equal_their_formula(case: Case) -> None:
    weights_GS = np.random.default_rng([3, 2]).standard_exponential((24, 1_000))
    maps = {
        prefix: np.mean(
            [weighted_ap(*pair, weights_GS) for pair in zip(scores_GC.T, case.labels_GC.T, strict=True)],
            axis=0,
        )
        for prefix, scores_GC in case.scores.items()
    }
    maps |= {f"difference.{name}": maps["test"] - maps[f"baseline.{name}"] for name in case.found.scores}
    for prefix, values_S in maps.items():
        reach, value = (
            literal_reach(values_S, case.labels_GC.sum(axis=0)),
            case.metrics[f"{prefix}.macro_map"],
        )
        low, high = max(value - reach, -1 if "difference" in prefix else 0), min(value + reach, 1)
        assert case.metrics[f"{prefix}.macro_map_ci_low"] == pytest.approx(low, abs=1e-9), prefix
        assert case.metrics[f"{prefix}.macro_map_ci_high"] == pytest.approx(high, abs=1e-9), prefix


def test_far_scores_are_those_of_the_groups_without_a_neighbour(case: Case) -> None:
    far_G = np.arange(24) % 3 != 1
    assert case.metrics["test.far.n_groups"] == 16
    assert case.metrics["test.far.n_classes"] == 3
    for prefix, scores_GC in case.scores.items():
        for key, value in literal_scores(scores_GC[far_G], case.labels_GC[far_G]).items():
            assert case.metrics[f"{prefix}.far.{key}"] == pytest.approx(value), (prefix, key)


def features_of_bytes(
    trunk: str, weights: str, how: object, *parts: Sequence[Path], seed: int
) -> npt.NDArray[np.float32]:
    """Features that copies of a file share and that lie far apart for any two others."""
    seeds = [list(hashlib.sha256(path.read_bytes()).digest()) for paths in parts for path in paths]
    return np.array([np.random.default_rng(some).normal(size=64) for some in seeds], dtype=np.float32)


@pytest.fixture
def telling_trunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.evaluation.baselines.trunk_features", features_of_bytes)


@pytest.mark.usefixtures("telling_trunk")
def test_exactly_the_groups_that_copy_training_pictures_are_not_far(
    make_dataset: MakeDataset, make_run: MakeRun
) -> None:
    dataset = make_dataset()
    images = dataset.root / "images"
    for copied, target in (("oil-train-000", "oil-test-000"), ("ink-train-003", "ink-test-005")):
        shutil.copy(images / f"{copied}.png", images / f"{target}.png")
    shutil.copy(images / "oil-val-002.png", images / "oil-test-002.png")  # validation pictures do not count
    run = make_run(dataset)
    metrics = evaluate_run(run)
    ours_GC, labels_GC, groups = pooled_predictions(run)
    far_G = np.array([group not in ("test-000", "test-005") for group in groups])
    subject = open_subject(run)
    found = run_baselines(subject, read_splits(subject.dataset, EMOTIONS))
    assert metrics["test.far.n_groups"] == 7
    for prefix, rows in {"test": ours_GC, **{f"baseline.{k}": v for k, v in found.scores.items()}}.items():
        expected, classes = macro_map(rows[far_G], labels_GC[far_G])
        assert metrics[f"{prefix}.far.macro_map"] == pytest.approx(expected)
    assert metrics["test.far.n_classes"] == classes
    check_intervals(metrics)


@pytest.mark.usefixtures("telling_trunk")
@pytest.mark.parametrize("left", [0, 1])
def test_without_a_far_label_there_is_only_the_number_of_far_groups(
    make_dataset: MakeDataset, make_run: MakeRun, left: int
) -> None:
    dataset = make_dataset()
    for number in range(left, 9):
        source, target = (
            dataset.root / "images" / f"oil-{part}-{number:03d}.png" for part in ("train", "test")
        )
        shutil.copy(source, target)
    bare = pl.when(pl.col("group") < f"test-{left:03d}").then(pl.lit([], dtype=pl.List(pl.Int32)))
    dataset.table("test").with_columns(labels=bare.otherwise("labels")).write_parquet(
        dataset.root / "test.parquet"
    )
    metrics = evaluate_run(make_run(dataset))
    assert {key: value for key, value in metrics.items() if ".far." in key} == {"test.far.n_groups": left}
    assert "difference.frozen.macro_map" in metrics
