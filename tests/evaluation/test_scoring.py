from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from emotionnet.data.store import Dataset
from emotionnet.evaluation.class_table import class_table
from emotionnet.evaluation.intervals import Estimate
from emotionnet.evaluation.predictions import read_predictions
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.units import pool_scores
from emotionnet.files import read_json, write_json
from emotionnet.inference.loading import load_predictor
from emotionnet.models.description import Fitted, ImageModel, read_description, write_description
from emotionnet.records import DataError

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]
EMOTIONS = ("anger", "joy", "sadness")
REQUIRED = (
    *("test.macro_map", "test.hit_rate", "test.n_classes", "test.n_groups"),
    *("baseline.chance.macro_map", "baseline.pixels.macro_map", "baseline.shuffled.macro_map"),
    *("baseline.shuffled.macro_map_p95", "baseline.shuffled.macro_map_p", "baseline.frozen.macro_map"),
    *(
        "baseline.chance.macro_map_p95",
        "baseline.frozen.c",
        "baseline.pixels.c",
        "baseline.nearest.macro_map",
    ),
    *(f"difference.frozen.macro_map{end}" for end in ("", "_ci_low", "_ci_high", "_p")),
    *(f"test.ap.{emotion}{end}" for emotion in EMOTIONS for end in ("", "_ci_low", "_ci_high")),
    "test.far.n_groups",
    *("zero_shot.unseen.auc", "zero_shot.unseen.n_tags"),
)


def test_metrics_hold_every_promised_key_and_numbers_only(scored_run: Path) -> None:
    metrics = read_json(scored_run / "metrics.json")
    assert [key for key in REQUIRED if key not in metrics] == []
    assert {type(value) for value in metrics.values()} <= {int, float}
    assert (metrics["test.n_groups"], metrics["test.n_images"], metrics["test.n_classes"]) == (9, 13, 3)
    assert metrics["test.macro_map"] == 1.0  # red, yellow and blue squares are told apart


def test_twice_the_same_bytes(make_run: MakeRun) -> None:
    run = make_run()
    files = [run / "metrics.json", run / "predictions" / "test.parquet"]
    evaluate_run(run)
    first = [path.read_bytes() for path in files]
    evaluate_run(run)
    assert [path.read_bytes() for path in files] == first


def test_predictions_are_kept_for_every_picture(make_run: MakeRun) -> None:
    run = make_run()
    evaluate_run(run, split="val")
    table = read_predictions(run, "val")
    predictor = load_predictor(run)
    dataset = run.parent / "dataset"
    expected = predictor.predict([dataset / path for path in table["path"]])
    assert table["id"].to_list()[:3] == ["oil/val-000", "oil/val-001", "ink/val-001"]
    assert table["labels"].to_list()[3:5] == [["sadness"], ["anger", "joy"]]
    for row, prediction in zip(table.to_dicts(), expected, strict=True):
        probabilities = dict(zip(predictor.emotions, row["probabilities"], strict=True))
        assert {
            score.name: pytest.approx(score.value, abs=1e-6) for score in prediction.emotions
        } == probabilities
        assert row["tags"] == [score.name for score in prediction.tags]


def test_baselines_belong_to_the_test_split(make_run: MakeRun) -> None:
    run = make_run()
    for values in (evaluate_run(run, split="val"), evaluate_run(run, baselines=False)):
        assert not any(key.startswith("baseline.") for key in values)
    assert {"val.macro_map", "test.macro_map"} <= set(read_json(run / "metrics.json"))


def test_a_network_without_projection_names_no_tags(make_run: MakeRun) -> None:
    run = make_run(shape="plain")
    evaluate_run(run, baselines=False)
    assert set(map(tuple, read_predictions(run)["tags"].to_list())) == {()}


def test_scores_are_means_over_the_pictures_of_a_group(make_run: MakeRun) -> None:
    run = make_run()
    evaluate_run(run, baselines=False)
    table = read_predictions(run)
    pooled_GC = pool_scores(np.array(table["probabilities"].to_list()), table["group"].to_list())
    assert len(pooled_GC) == 9
    np.testing.assert_allclose(pooled_GC.sum(axis=1), 1, rtol=1e-6)


def test_other_emotions_are_refused_and_nothing_is_written(
    make_run: MakeRun, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run = make_run()
    other = make_dataset(folder=tmp_path / "other")
    write_json(
        other.root / "emotions.json", [{"name": name, "count": 1} for name in ("anger", "envy", "joy")]
    )
    with pytest.raises(DataError, match="only in the run: sadness; only in the data set: envy"):
        evaluate_run(run, data=other.root)
    assert not (run / "metrics.json").exists()
    assert not (run / "predictions").exists()


def test_the_order_of_a_data_sets_emotions_does_not_matter(
    make_run: MakeRun, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run = make_run()
    expected = evaluate_run(run, baselines=False)
    turned = make_dataset(folder=tmp_path / "turned")
    words = read_json(turned.root / "emotions.json")
    write_json(turned.root / "emotions.json", words[::-1])
    for split in ("train", "val", "test"):
        table = turned.table(split)
        table.with_columns(labels=table["labels"].list.eval(2 - pl_element())).write_parquet(
            turned.root / f"{split}.parquet"
        )
    assert evaluate_run(run, baselines=False, data=turned.root) == expected


def pl_element() -> pl.Expr:
    return pl.element().cast(pl.Int32)


def test_unknown_split_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(DataError, match="split must be one of train, val, test; got 'dev'"):
        evaluate_run(make_run(), split="dev")


def test_class_table_by_hand() -> None:
    scores_GC = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    labels_GC = np.array([[True, False], [False, False], [True, False], [False, False]])
    first, absent = class_table(scores_GC, labels_GC, ("joy", "awe"), seed=0)
    assert (first.emotion, first.positives, first.prevalence) == ("joy", 2, 0.5)
    assert isinstance(first.ap, Estimate)
    assert isinstance(first.auc, Estimate)
    assert first.ap.value == pytest.approx(5 / 6)
    assert first.auc.value == pytest.approx(3 / 4)
    assert 0 <= first.ap.low < first.ap.value < first.ap.high <= 1
    assert 0 <= first.auc.low < first.auc.value < first.auc.high <= 1
    assert first.chance == pytest.approx(0.68, abs=0.02)  # mean over the 6 orders: 0.6806
    assert (absent.positives, absent.ap, absent.auc, absent.chance) == (0, None, None, None)


def test_predictions_that_are_missing_or_broken(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(DataError, match=r"test\.parquet: file not found; 'emotionnet evaluate"):
        read_predictions(run)
    (run / "predictions").mkdir()
    (run / "predictions" / "test.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"test\.parquet: must have the columns id, path"):
        read_predictions(run)


def fit_temperature(run: Path, dataset: Dataset, split: str) -> None:
    model = read_description(run, ImageModel)
    fitted = Fitted(name="temperature", value=1.5, data_hash=dataset.split_hash(split))
    write_description(run, model.model_copy(update={"fitted": (fitted,)}))


def test_a_number_fitted_on_the_split_is_refused_and_nothing_is_written(
    make_run: MakeRun, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    fit_temperature(run, dataset, "test")
    before = sorted(run.iterdir())
    text = (
        "temperature must have been fitted on other data than are scored; it was fitted on the test split of"
    )
    with pytest.raises(DataError, match=text):
        evaluate_run(run)
    assert sorted(run.iterdir()) == before
    assert "val.macro_map" in evaluate_run(run, split="val")


def test_a_number_fitted_on_the_same_pictures_in_another_data_set_is_refused(
    make_run: MakeRun, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    fit_temperature(run, dataset, "test")
    shutil.copytree(dataset.root, tmp_path / "turned")
    table = dataset.table("test").reverse().with_columns("other/" + pl.col("id"))
    table.write_parquet(tmp_path / "turned" / "test.parquet")
    with pytest.raises(DataError, match=r"temperature must .* on the test split of .*turned"):
        evaluate_run(run, data=tmp_path / "turned")
    assert not (run / "metrics.json").exists()
    other = make_dataset(folder=tmp_path / "other", seed=1)
    assert "test.macro_map" in evaluate_run(run, data=other.root, baselines=False)


def test_a_number_fitted_on_validation_is_welcome(make_run: MakeRun, make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    expected = evaluate_run(run, baselines=False)
    fit_temperature(run, dataset, "val")
    assert evaluate_run(run, baselines=False) == expected
