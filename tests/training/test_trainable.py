from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.config import TeacherConfig, TrainConfig
from emotionnet.config_files import load_config
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.inference.soft_labels import apply_teacher
from emotionnet.records import ConfigError, DataError
from emotionnet.training.run import train, train_teacher

FAULT = "objective.criterion: must be 'loss' where every validation picture carries every emotion"


def test_soft_labels_are_learned_by_the_loss_and_scored_on_given_ones(
    ready: dict[str, Any], tmp_path: Path
) -> None:
    """A teacher gives each picture a share of every emotion: average precision is 1 for any network."""
    given = Path(ready["data.root"])
    soft = apply_teacher(Path(ready["text.teacher"]), given, tmp_path / "soft")
    options = {**ready, "data.root": str(soft.root), "epochs": 2}
    with pytest.raises(ConfigError, match=FAULT):
        train(load_config(TrainConfig, None, options))
    assert not Path(ready["out"]).exists()
    run = train(load_config(TrainConfig, None, {**options, "objective.criterion": "loss"}))
    before = (run / "metrics.json").read_bytes()
    with pytest.raises(DataError, match="some picture must lack some emotion for scores to tell anything"):
        evaluate_run(run)
    assert (run / "metrics.json").read_bytes() == before
    assert evaluate_run(run, data=given, baselines=False)["test.n_groups"] > 0


def test_a_teacher_of_soft_labels_is_chosen_by_loss_or_top1(
    ready: dict[str, Any], tmp_path: Path, teacher_config: Callable[..., TeacherConfig]
) -> None:
    soft = apply_teacher(Path(ready["text.teacher"]), Path(ready["data.root"]), tmp_path / "soft")
    vectors, out = Path(ready["text.vectors"]), tmp_path / "second"
    with pytest.raises(ConfigError, match=FAULT):
        train_teacher(teacher_config(soft, vectors, out))
    for criterion in ("loss", "top1"):
        train_teacher(
            teacher_config(soft, vectors, tmp_path / criterion, **{"objective.criterion": criterion})
        )
