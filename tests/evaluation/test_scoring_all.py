"""Scores beyond macro mAP: single labels, votes, dimensions, persons, temperature; and the report of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from emotionnet import runs
from emotionnet.data.record_tables import OPTIONAL, SCHEMA
from emotionnet.data.store import Dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.predictions import read_predictions
from emotionnet.evaluation.report import report_run
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.files import read_json, write_json
from emotionnet.inference.loading import load_predictor
from emotionnet.models.description import ImageModel, read_description, write_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import save_weights
from emotionnet.records import DataError

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
KINDS = {**SCHEMA, **OPTIONAL}
EMOTIONS = ("anger", "joy", "sadness")


def change(dataset: Dataset, splits: tuple[str, ...], **columns: Any) -> None:
    """Write columns of a data set anew; each a function from its rows to a value for each."""
    for split in splits:
        table = dataset.table(split)
        rows = table.to_dicts()
        new = [pl.Series(name, [f(row) for row in rows], KINDS[name]) for name, f in columns.items()]
        write_parquet(dataset.root / f"{split}.parquet", table.with_columns(new))


def number(row: dict[str, Any]) -> int:
    return int(row["group"][-3:])


def confused_label(row: dict[str, Any]) -> list[int]:
    """The emotion that the colour tells, but another one for every fifth group."""
    return [(number(row) + (number(row) % 5 == 0)) % 3]


@pytest.fixture
def single(make_dataset: MakeDataset, make_run: MakeRun) -> Path:
    """A run on 15 test groups with one label each, every fifth of them odd."""
    dataset = make_dataset({"test": 15, "val": 9})
    run = make_run(dataset, shape="plain")
    change(dataset, ("train", "val", "test"), labels=confused_label)
    return run


def add_dimensions(run: Path) -> None:
    """Give a network a head of two dimensions, drawn at random."""
    predictor, model = load_predictor(run), read_description(run, ImageModel)
    network = EmotionNet(
        create_trunk(model.trunk, "none"),
        model.shape,
        n_emotions=len(model.emotions),
        embedding_size=model.embedding_size,
        n_dimensions=2,
    )
    network.load_state_dict(predictor.require_network().state_dict(), strict=False)
    assert network.fc_dimensions is not None
    torch.nn.init.normal_(network.fc_dimensions.weight, generator=torch.Generator().manual_seed(0))
    save_weights(network, run / runs.WEIGHTS)
    write_description(run, model.model_copy(update={"dimensions": ("arousal", "valence")}))


def test_single_labels_have_accuracy_and_calibration(single: Path) -> None:
    metrics = evaluate_run(single)
    table = read_predictions(single)
    groups = table.group_by("group", maintain_order=True).agg("single", "probabilities")
    true = [names[0] for names in groups["single"]]
    told = [EMOTIONS[int(np.mean(rows.to_list(), axis=0).argmax())] for rows in groups["probabilities"]]
    assert metrics["test.n_single"] == 15
    assert metrics["test.accuracy"] == pytest.approx(accuracy_score(true, told))
    assert metrics["test.macro_f1"] == pytest.approx(f1_score(true, told, average="macro"))
    assert metrics["test.n_classes_without"] == 0
    assert metrics["val.temperature"] > 1  # sure of all, wrong of a fifth
    assert metrics["test.scaled.ece"] < metrics["test.ece"]
    assert metrics["baseline.chance.accuracy"] == pytest.approx(1 / 3)
    difference = metrics["test.accuracy"] - metrics["baseline.frozen.accuracy"]
    assert metrics["difference.frozen.accuracy"] == pytest.approx(difference)
    assert "val.temperature" not in evaluate_run(single, baselines=False)
    assert "val.temperature" not in read_json(single / "metrics.json")


def test_a_validation_split_without_labels_fits_no_temperature(single: Path, tmp_path: Path) -> None:
    path = tmp_path / "dataset" / "val.parquet"
    write_parquet(path, pl.read_parquet(path).clear())
    metrics = evaluate_run(single)
    assert "test.ece" in metrics
    assert not {"val.temperature", "test.scaled.ece"} & metrics.keys()


def test_a_sigmoid_network_is_pooled_by_its_log_odds(make_run: MakeRun) -> None:
    run = make_run(shape="plain")
    model = read_description(run, ImageModel)
    soft = evaluate_run(run, baselines=False)
    write_description(run, model.model_copy(update={"activation": "sigmoid"}))
    metrics = evaluate_run(run)
    table = read_predictions(run)
    scores_NC = np.array(table["scores"].to_list())
    np.testing.assert_allclose(
        np.array(table["probabilities"].to_list()), 1 / (1 + np.exp(-scores_NC)), rtol=1e-5
    )
    groups = table.group_by("group", maintain_order=True).agg("labels", "scores")
    pooled_GC = np.array([np.mean(rows.to_list(), axis=0) for rows in groups["scores"]])
    for place, name in enumerate(EMOTIONS):
        positive_G = [any(name in labels for labels in rows) for rows in groups["labels"]]
        expected = average_precision_score(positive_G, pooled_GC[:, place])
        assert metrics[f"test.ap.{name}"] == pytest.approx(expected)
    assert metrics["val.temperature"] > 0  # each emotion stands for itself, so that several labels will do
    assert "test.scaled.ece" not in metrics
    assert soft["test.n_groups"] == metrics["test.n_groups"]


def test_votes_are_shares_and_groups_have_their_mean(make_dataset: MakeDataset, make_run: MakeRun) -> None:
    dataset = make_dataset()
    run = make_run(dataset, shape="plain")
    change(
        dataset,
        ("test",),
        labels=lambda _: [0, 1, 2],
        label_weights=lambda row: [3.0, 1.0, 0.0] if row["source"] == "oil" else [1.0, 1.0, 2.0],
    )
    metrics = evaluate_run(run, baselines=False)
    table = read_predictions(run)
    assert table["shares"].to_list()[0] == [0.75, 0.25, 0.0]
    distances = []
    for rows in table.partition_by("group", maintain_order=True):
        told, true = (np.mean(rows[name].to_list(), axis=0) for name in ("probabilities", "shares"))
        distances.append(np.abs(told - true).max())
    assert metrics["test.chebyshev"] == pytest.approx(np.mean(distances))
    assert {"test.kl", "test.clark", "test.canberra", "test.cosine", "test.intersection"} <= metrics.keys()


def test_dimensions_are_matched_by_name(make_dataset: MakeDataset, make_run: MakeRun) -> None:
    dataset = make_dataset()
    run = make_run(dataset, shape="plain")
    add_dimensions(run)
    info = dataset.root / "dataset.json"
    write_json(info, read_json(info) | {"dimensions": ["valence", "arousal"]})
    change(dataset, ("test",), dimensions=lambda row: [float(number(row)), float("nan")])
    metrics = evaluate_run(run, baselines=False)
    table = read_predictions(run)
    assert table["true_dimensions"].to_list()[3][1] == 2.0
    assert np.isnan(table["true_dimensions"].to_list()[3][0])
    rows = table.group_by("group", maintain_order=True).agg("dimensions")["dimensions"]
    told_G = np.array([np.mean(some.to_list(), axis=0)[1] for some in rows])
    assert metrics["test.rmse.valence"] == pytest.approx(np.sqrt(np.mean((told_G - np.arange(9)) ** 2)))
    assert metrics["test.ccc"] == metrics["test.ccc.valence"]
    assert "test.ccc.arousal" not in metrics


@pytest.fixture
def persons(make_dataset: MakeDataset, make_run: MakeRun) -> Path:
    """A run on 9 test images; every other has two persons, of whom the second differs in its label."""
    dataset = make_dataset()
    run = make_run(dataset, shape="plain")
    change(
        dataset,
        ("train", "val", "test"),
        box=lambda _: [0.0, 0.0, 16.0, 16.0],
        labels=lambda row: [(number(row) + (row["source"] == "ink")) % 3],
    )
    return run


def test_persons_stand_beside_images(persons: Path) -> None:
    metrics = evaluate_run(persons, baselines=False)
    table = read_predictions(persons)
    assert (metrics["test.n_groups"], metrics["test.person.n_groups"]) == (9, 9)
    assert (metrics["test.n_images"], metrics["test.person.n_persons"]) == (13, 13)
    told_NC, labels = np.array(table["probabilities"].to_list()), table["labels"].to_list()
    for place, name in enumerate(EMOTIONS):
        expected = average_precision_score([name in some for some in labels], told_NC[:, place])
        assert metrics[f"test.person.ap.{name}"] == pytest.approx(expected)
    assert metrics["test.person.macro_map"] < metrics["test.macro_map"]
    assert metrics["test.person.accuracy"] < 1
    assert metrics["test.n_single"] == 5  # images whose persons agree, each alone here
    text = report_run(persons)[0].read_text(encoding="utf-8")
    assert "By person (unit: the person, 13 in 9 images, those of one image resampled together)" in text
    assert "by image (9)" in text
    assert "by person (13)" in text


def test_the_report_shows_errors_and_every_score(single: Path) -> None:
    add_dimensions(single)
    change(
        Dataset(single.parent / "dataset", {}, (), (), ()),
        ("test",),
        dimensions=lambda row: [number(row) / 3, 1.0 * (number(row) % 4), 0.0],
    )
    evaluate_run(single)
    report, card = report_run(single)
    text = report.read_text(encoding="utf-8")
    for part in (
        "Accuracy over the 15 groups with a single label is",
        "Confusion matrix: what each true emotion was told as",
        "Reliability: how often what is told with a probability is right",
        "The temperature was fitted on validation pictures",
        "valence: told against true",
        "balanced accuracy",
        "CCC, arousal",
        "Expected calibration error: mean over units",
    ):
        assert part in text, part
    assert "Every score:" in card.read_text(encoding="utf-8")


def test_the_report_of_an_older_table_says_to_evaluate_again(scored_run: Path) -> None:
    path = scored_run / "predictions" / "test.parquet"
    write_parquet(path, pl.read_parquet(path).drop("scores", "single"))
    with pytest.raises(DataError, match="written by an earlier version: evaluate the run again"):
        report_run(scored_run)


def test_a_run_is_scored_on_another_kind_of_source(make_run: MakeRun, tmp_path: Path) -> None:
    """One folder for each emotion, its splits given; the same pictures as in the data set's test split."""
    run = make_run(shape="plain")
    dataset = tmp_path / "dataset"
    for row in pl.read_parquet(dataset / "test.parquet").to_dicts():
        for split in ("train", "val", "test"):
            folder = tmp_path / "tree" / split / EMOTIONS[row["labels"][0]]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(dataset / row["path"], folder)
    metrics = evaluate_run(run, baselines=False, data=tmp_path / "tree", format="folders")
    assert metrics["test.n_images"] == 13
    assert metrics["test.n_single"] == metrics["test.n_groups"] == 13  # each picture its own group
    assert "test.accuracy_ci_low" in metrics
    report, _ = report_run(run, data=tmp_path / "tree", format="folders")
    assert "How often tags occur" not in report.read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"dataset\.json"):
        report_run(run, data=tmp_path / "tree", format="dataset")
