"""Runs that do not say where their trunk began, and data sets with nothing to learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.data.store import Dataset
from emotionnet.data.tables import read_parquet, write_parquet
from emotionnet.evaluation.report import report_run
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.subject import open_subject
from emotionnet.evaluation.zeroshot_baselines import word_baselines
from emotionnet.files import read_json, write_json

MakeDataset = Callable[..., Dataset]
MakeRun = Callable[..., Path]


def forget(run: Path) -> Path:
    values = read_json(run / "config.json")
    values["data"]["root"] = values["model"]["weights"] = None
    write_json(run / "config.json", values)
    return run


def baselines(metrics: dict[str, float]) -> set[str]:
    return {key.split(".")[1] for key in metrics if key.startswith("baseline.")}


def test_baselines_of_an_unknown_trunk_are_left_out_with_a_message(
    make_run: MakeRun, make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset()
    known = evaluate_run(make_run(dataset), data=dataset.root)
    run = forget(make_run(dataset, name="unknown"))
    capsys.readouterr()
    metrics = evaluate_run(run, data=dataset.root)
    assert f"{run}: no baselines frozen, nearest and shuffled" in capsys.readouterr().err
    assert baselines(metrics) == {"chance", "pixels"}
    assert not any(".far." in key for key in metrics)
    assert {key: known[key] for key in metrics} == metrics
    assert report_run(run, data=dataset.root)[0].is_file()


def test_without_rows_to_learn_from_the_test_split_is_scored(
    make_run: MakeRun, make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset()
    run = make_run(dataset)
    known = evaluate_run(run)
    write_parquet(dataset.root / "val.parquet", read_parquet(dataset.root / "val.parquet").clear())
    capsys.readouterr()
    metrics = evaluate_run(run)
    assert f"{dataset.root}: no baselines but chance" in capsys.readouterr().err
    assert baselines(metrics) == {"chance"}
    assert {key: known[key] for key in metrics} == metrics


def test_words_of_an_unknown_trunk_have_no_ridge(make_run: MakeRun, make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    subject = open_subject(forget(make_run(dataset)), dataset.root)
    outputs = subject.predictor.outputs([dataset.image_path(one) for one in dataset.records("test")])
    assert [*word_baselines(subject, ("fury",), outputs)] == ["similarity"]
