from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.evaluation.subject import open_subject, training_config
from emotionnet.files import read_json, write_json
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
