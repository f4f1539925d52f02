from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.config import SourceConfig
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.evaluation.subject import open_subject, require_not_fitted_on, training_config
from emotionnet.files import read_json, write_json
from emotionnet.models.description import Fitted, ImageModel, read_description, write_description
from emotionnet.records import DataError

MakeRun = Callable[..., Path]


def test_a_run_opens_its_own_data_set(make_run: MakeRun) -> None:
    subject = open_subject(make_run())
    assert subject.dataset.name == "squares"
    assert (subject.trunk_weights, subject.seed) == ("none", 3)
    assert subject.predictor.emotions == ("anger", "joy", "sadness")


def test_run_and_data_set_may_move_together(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    target = tmp_path / "elsewhere"
    target.mkdir()
    for folder in ("dataset", "run"):
        shutil.move(tmp_path / folder, target / folder)
    assert open_subject(target / run.name).dataset.root.resolve() == (target / "dataset").resolve()


def test_a_data_set_that_is_gone_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    shutil.move(tmp_path / "dataset", tmp_path / "moved")
    with pytest.raises(DataError, match=r"dataset: the run's DATASET must be there; .* with --data"):
        open_subject(run)
    assert open_subject(run, tmp_path / "moved").dataset.name == "squares"


def test_a_weights_file_is_found_from_the_run(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    values = read_json(run / "config.json")
    values["model"]["weights"] = "../trunk.safetensors"
    write_json(run / "config.json", values)
    weights = Path(training_config(run)["model"]["weights"])
    assert weights.is_absolute()
    assert weights.resolve() == (tmp_path / "trunk.safetensors").resolve()


def test_a_weights_file_that_is_gone_is_said_and_no_fault(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    values = read_json(run / "config.json")
    values["model"]["weights"] = "/home/alice/trunk.safetensors"
    write_json(run / "config.json", values)
    assert open_subject(run).trunk_weights is None
    assert (
        "/home/alice/trunk.safetensors: weights that the trunk began with are not" in capsys.readouterr().err
    )


def test_a_benchmark_elsewhere_is_divided_by_the_runs_own_fold(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    values = read_json(run / "config.json")
    values["data"] |= {"format": "emotionroi", "fold": 2}
    write_json(run / "config.json", values)
    asked: list[SourceConfig] = []

    def see(source: SourceConfig, **_: Any) -> Dataset:
        asked.append(source)
        return read_dataset(run.parent / "dataset")

    monkeypatch.setattr("emotionnet.evaluation.subject.open_data", see)
    for name in ("emotionroi", "artphoto", "auto"):
        open_subject(run, run.parent / "dataset", format=name)
    assert [(source.format, source.fold) for source in asked] == [
        ("emotionroi", 2),
        ("artphoto", 0),
        ("auto", 0),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], r"config\.json: must be a JSON object; got list"),
        (
            {"seed": "x", "data": []},
            r"data\.root: must be given as str; got None\n.*model\.weights.*\n.*seed: .*'x'",
        ),
    ],
)
def test_a_config_that_says_too_little_is_refused(make_run: MakeRun, content: Any, text: str) -> None:
    run = make_run()
    write_json(run / "config.json", content)
    with pytest.raises(DataError, match=text):
        training_config(run)


def test_a_run_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a RUN folder"):
        open_subject(tmp_path / "nothing")


def fit(run: Path, **hashes: str) -> None:
    """Say in the RUN's model.json that a number of each name was fitted on the split of that hash."""
    model = read_description(run, ImageModel)
    fitted = tuple(Fitted(name=name, value=1.5, data_hash=data_hash) for name, data_hash in hashes.items())
    write_description(run, model.model_copy(update={"fitted": fitted}))


def test_every_number_that_was_fitted_on_the_split_is_named(make_run: MakeRun) -> None:
    run = make_run()
    dataset = open_subject(run).dataset
    ours, other = dataset.split_hash("test"), dataset.split_hash("val")
    fit(run, temperature=ours, bias=other, threshold=ours)
    subject = open_subject(run)
    with pytest.raises(DataError) as caught:
        require_not_fitted_on(subject, "test")
    assert caught.value.faults == (
        f"{run}: temperature must have been fitted on other data than are scored; "
        f"it was fitted on the test split of {dataset.root}",
        f"{run}: threshold must have been fitted on other data than are scored; "
        f"it was fitted on the test split of {dataset.root}",
    )
    with pytest.raises(DataError, match=r"bias must .* it was fitted on the val split"):
        require_not_fitted_on(subject, "val")
    require_not_fitted_on(subject, "train")


def test_a_run_with_nothing_fitted_may_be_scored_anywhere(make_run: MakeRun) -> None:
    subject = open_subject(make_run())
    assert subject.predictor.model.fitted == ()
    for split in ("train", "val", "test"):
        require_not_fitted_on(subject, split)


def test_what_nobody_knows_is_null(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    values = read_json(run / "config.json")
    values["data"]["root"] = values["model"]["weights"] = None
    write_json(run / "config.json", values)
    with pytest.raises(DataError, match=r"run: the run does not say on which DATASET; .* with --data"):
        open_subject(run)
    subject = open_subject(run, tmp_path / "dataset")
    assert (subject.dataset.name, subject.trunk_weights) == ("squares", None)
