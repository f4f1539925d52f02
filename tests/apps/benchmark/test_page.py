"""Table and page over predictions that are made up, so that every number can be had in another way."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.benchmark.folder import Found, read_found, write_found
from emotionnet.apps.benchmark.page import seed_spread, verdict, with_interval, write_page
from emotionnet.apps.benchmark.plan import Unit, left_out_source, units
from emotionnet.apps.benchmark.table import Table
from emotionnet.config_files import load_config
from emotionnet.data.folds import fold_splits, group_folds
from emotionnet.data.store import Dataset
from emotionnet.evaluation.intervals import Difference, Estimate
from emotionnet.evaluation.metrics import macro_auc, macro_map
from emotionnet.evaluation.units import pool_labels, pool_scores
from emotionnet.records import SPLITS, DataError, ImageRecord
from emotionnet.text.vectors import WordVectors, write_vectors

SOURCES = ("ink", "oil")
SIGNAL = {"full": 1.5, "softmax": 1.5, "head": 1.0, "frozen": 0.7, "nearest": 0.3, "full_without": 0.8}
EMOTIONS, UNSEEN = ("anger", "joy", "sadness"), ("fury", "delight", "gloom")
VECTORS = WordVectors((*EMOTIONS, *UNSEEN), np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]])
MakeDataset = Callable[..., Dataset]


@pytest.fixture
def config(make_benchmark: Callable[[], Path], make_dataset: MakeDataset, tmp_path: Path) -> BenchmarkConfig:
    """A benchmark of 3 folds and 2 seeds whose units are all done: noise, and a signal by method."""
    out = tmp_path / "out"
    config = load_config(BenchmarkConfig, make_benchmark(), {"out": str(out), "seeds": 2, "workers": 2})
    for space in ("tags", "families"):
        dataset = make_dataset({"train": 30, "val": 15, "test": 15}, folder=out / space / "dataset")
        write_vectors(VECTORS, out / space / "vectors", info={})
        for seed, unit in enumerate(units(config, SOURCES, unseen=True)):
            if unit.space == space:
                _fake(config, unit, dataset, np.random.default_rng(seed))
    return config


def _fake(config: BenchmarkConfig, unit: Unit, dataset: Dataset, rng: np.random.Generator) -> None:
    split_of = fold_splits(group_folds(dataset, config.folds, seed=unit.seed), unit.fold, config.folds)
    every = [record for split in SPLITS for record in dataset.records(split)]
    records = tuple(record for record in every if split_of[record.group] == "test")
    if unit.method.endswith("_without"):
        kept = left_out_source(unit, SOURCES)
        records = tuple(record for record in records if record.source == kept)
    labels_MC = _hot(records, "labels")
    unseen_MK = _hot(records, "unseen")
    signal = SIGNAL.get(unit.method, 0.0)
    words = 3 if unit.method in ("full", "ridge") else 0
    write_found(
        config.out,
        unit,
        records,
        {"seconds": 6.0},
        labels=labels_MC,
        scores=signal * labels_MC + rng.normal(size=labels_MC.shape),
        unseen=unseen_MK[:, :words],
        cosines=((2 if unit.method == "full" else 1) * unseen_MK + rng.normal(size=unseen_MK.shape))[
            :, :words
        ],
    )


def _hot(records: tuple[ImageRecord, ...], name: str) -> np.ndarray:
    return np.array([[index in getattr(record, name) for index in range(3)] for record in records])


def every_found(config: BenchmarkConfig, method: str) -> list[list[Found]]:
    return [
        [read_found(config.out, Unit("tags", method, seed, fold)) for fold in range(3)] for seed in range(2)
    ]


def test_a_method_is_the_mean_over_folds_and_seeds_of_its_group_scores(config: BenchmarkConfig) -> None:
    by_seed = [
        np.mean(
            [
                macro_map(pool_scores(one.scores, one.groups), pool_labels(one.labels, one.groups))[0]
                for one in folds
            ]
        )
        for folds in every_found(config, "full")
    ]
    found = Table(config, SOURCES).scored("tags", "full")
    assert found["macro_map"].value == pytest.approx(np.mean(by_seed))
    assert seed_spread(found["macro_map"]) == pytest.approx(np.std(by_seed, ddof=1))


def test_on_an_unseen_source_only_its_pictures_count(config: BenchmarkConfig) -> None:
    values = []
    for seed, folds in enumerate(every_found(config, "full")):
        for fold, one in enumerate(folds):
            source = left_out_source(Unit("tags", "full", seed, fold), SOURCES)
            kept = np.array([name == source for name in one.sources])
            groups = [name for name, keep in zip(one.groups, kept, strict=True) if keep]
            values.append(
                macro_auc(pool_scores(one.scores[kept], groups), pool_labels(one.labels[kept], groups))[0]
            )
    found = Table(config, SOURCES).on_unseen_source("full")
    assert found["auc"].value == pytest.approx(np.mean(values))


def test_zero_shot_is_scored_over_words_with_both_sides(config: BenchmarkConfig) -> None:
    values = []
    for folds in every_found(config, "full"):
        for one in folds:
            labels_GK = pool_labels(one.unseen, one.groups)
            sides_K = labels_GK.any(axis=0) & ~labels_GK.all(axis=0)
            cosines_GK = pool_scores(one.cosines, one.groups)
            values.append(macro_auc(cosines_GK[:, sides_K], labels_GK[:, sides_K])[0])
    found = Table(config, SOURCES).zero_shot()
    assert found is not None
    assert found.scores["full"]["auc"].value == pytest.approx(np.mean(values))
    assert found.permuted.shape == (200,)
    assert found.permuted.mean() < found.scores["full"]["auc"].value


def test_words_are_swapped_alike_on_every_fold(config: BenchmarkConfig) -> None:
    """Else the mean over folds would be steadier than any network's, and every network would pass."""
    orders = [np.random.default_rng([0, 3]).permutation(3)]
    values = []
    for folds in every_found(config, "full"):
        for one in folds:
            labels_GK, cosines_GK = pool_labels(one.unseen, one.groups), pool_scores(one.cosines, one.groups)
            sides_K = labels_GK.any(axis=0) & ~labels_GK.all(axis=0)
            values.append(macro_auc(cosines_GK[:, orders[0][sides_K]], labels_GK[:, sides_K])[0])
    found = Table(config, SOURCES).zero_shot()
    assert found is not None
    assert found.permuted[0] == pytest.approx(np.mean(values))


def test_similarity_goes_through_the_words_of_the_emotions(config: BenchmarkConfig) -> None:
    values = []
    for seed in range(2):
        for fold in range(3):
            softmax = read_found(config.out, Unit("tags", "softmax", seed, fold))
            full = read_found(config.out, Unit("tags", "full", seed, fold))
            points_MD = softmax.scores @ np.stack(
                [VECTORS.vectors_VD[VECTORS.words.index(e)] for e in EMOTIONS]
            )
            words_KD = np.stack([VECTORS.vectors_VD[VECTORS.words.index(word)] for word in UNSEEN])
            cosines_MK = points_MD @ words_KD.T / np.linalg.norm(points_MD, axis=1, keepdims=True)
            labels_GK = pool_labels(full.unseen, full.groups)
            sides_K = labels_GK.any(axis=0) & ~labels_GK.all(axis=0)
            values.append(
                macro_auc(pool_scores(cosines_MK, full.groups)[:, sides_K], labels_GK[:, sides_K])[0]
            )
    found = Table(config, SOURCES).zero_shot()
    assert found is not None
    assert found.scores["similarity"]["auc"].value == pytest.approx(np.mean(values))


def test_swapped_labels_are_held_against_random_scores(config: BenchmarkConfig) -> None:
    found = Table(config, SOURCES).swapped()
    expected = []
    for seed in range(2):
        for fold in range(2):
            one = read_found(config.out, Unit("tags", "shuffled", seed, fold))
            scores_GC, labels_GC = pool_scores(one.scores, one.groups), pool_labels(one.labels, one.groups)
            expected.append(macro_map(scores_GC, labels_GC)[0])
    assert found.trained == pytest.approx(expected)
    difference = found.difference()
    gaps = np.subtract(found.trained, found.random)
    reach = 3.182446305284263 * gaps.std(ddof=1) / 2  # t of 3 degrees of freedom, 4 networks
    assert (difference.low, difference.high) == pytest.approx((gaps.mean() - reach, gaps.mean() + reach))
    assert (difference.p < 0.05) == (difference.low > 0 or difference.high < 0)
    assert Table(config, SOURCES).chance("tags")["auc"] == pytest.approx(0.5, abs=0.01)


def test_the_page_says_the_same_numbers_and_explains_every_term(config: BenchmarkConfig) -> None:
    page = write_page(config, units(config, SOURCES, unseen=True), SOURCES).read_text()
    table = Table(config, SOURCES)
    for method, name in (("full", "trained (all three terms)"), ("frozen", "frozen trunk")):
        estimate = table.scored("tags", method)["macro_map"].estimate()
        assert f"| {name} | {with_interval(estimate)} |" in page
    ours, theirs = (table.scored("tags", name)["macro_map"] for name in ("full", "frozen"))
    assert f"| trained (all three terms) minus frozen trunk | {with_interval(ours.minus(theirs))} |" in page
    terms: tuple[str, ...] = (
        "Group",
        "Fold",
        "Seed",
        "Frozen trunk",
        "Nearest neighbour",
        "8x8 pixels",
        "Chance",
        "Hit rate",
    )
    terms += (
        "Average precision",
        "Macro mAP",
        "AUC",
        "Interval",
        "Difference",
        "p",
        "Trained (softmax only)",
    )
    for term in terms:
        assert len(re.findall(rf"\*\*{re.escape(term)}\*\*", page)) == 1, term
    assert "## An unseen emoji at an unseen vendor" in page
    assert page.count("\n| chance |") == 2
    assert re.search(r"\n\n\| chance \|", page) is None, "the row must belong to its table"
    assert "\n\n\n" not in page


def test_a_difference_whose_interval_includes_0_is_reported_as_that() -> None:
    unclear = verdict(Difference(0.02, -0.01, 0.05, p=0.2), "a", "b")
    assert unclear == (
        "The interval includes 0: no difference between 'a' and 'b' is shown. "
        "One between -0.010 and +0.050 is not ruled out."
    )
    assert verdict(Difference(0.03, 0.01, 0.05, p=0.01), "a", "b").startswith("'a' scores higher than 'b'")
    assert verdict(Difference(-0.03, -0.05, -0.01, p=0.01), "a", "b").startswith("'a' scores lower than 'b'")


def test_numbers_are_written_alike() -> None:
    assert with_interval(Estimate(0.41249, 0.365, 0.46)) == "0.412 (0.365 to 0.460)"
    assert with_interval(Estimate(-0.0004, -0.1, 0.1)) == "0.000 (-0.100 to 0.100)"


def test_predictions_that_are_no_table_are_named(config: BenchmarkConfig) -> None:
    path = config.out / "predictions" / "tags-full-seed0-fold0.parquet"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"tags-full-seed0-fold0\.parquet: must be"):
        Table(config, SOURCES).scored("tags", "full")
