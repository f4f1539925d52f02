"""Timed steps leave everything as it was."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emotionnet.config import TrainConfig
from emotionnet.config_files import load_config
from emotionnet.data.store import read_dataset
from emotionnet.models.network import EmotionOutput
from emotionnet.training import device, trials
from emotionnet.training.image_job import image_job
from emotionnet.training.jobs import Job
from emotionnet.training.objective import Term
from emotionnet.training.trials import Trials, Way

FLOAT32, BFLOAT16 = Way("float32", "channels_last"), Way("bfloat16", "contiguous")


@pytest.fixture
def make_job(ready: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(trials, "ENOUGH", 0.0)

    def make(**options: Any) -> Job:
        config = load_config(TrainConfig, None, ready | options)
        return image_job(config, read_dataset(Path(ready["data.root"])))

    return make


def test_weights_statistics_modes_and_chance_stay(make_job: Any) -> None:
    job = make_job(**{"model.freeze": ["trunk.conv_stem"], "objective.embedding": "transform"})
    before = {name: tensor.clone() for name, tensor in job.module.state_dict().items()}
    modes = [module.training for module in job.module.modules()]
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    found = Trials(job, 32).seconds([FLOAT32, BFLOAT16])
    assert torch.equal(torch.rand(3), expected)
    assert [*found] == [FLOAT32, BFLOAT16]
    assert all(0 < seconds < 60 for seconds in found.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in job.module.state_dict().items())
    assert [module.training for module in job.module.modules()] == modes
    assert all(p.grad is None for module in (job.module, job.tutor) for p in module.parameters())


def test_frozen_parts_are_tried_frozen(make_job: Any) -> None:
    job = make_job(**{"model.freeze": ["trunk.bn1"]})
    tried = Trials(job, 32)
    modes = {name: module.training for name, module in tried.module.named_modules()}
    assert not modes["trunk.bn1"]
    assert modes["trunk.blocks.0"]


def test_pictures_come_through_what_prepares_them(make_job: Any) -> None:
    """Whole numbers, of the batch's size; a last batch that is smaller does not count."""
    seen = []
    job = make_job()

    def prepare(pictures: torch.Tensor) -> torch.Tensor:
        seen.append((pictures.dtype, pictures.shape))
        return pictures.float() / 255

    found = Trials(replace(job, train=replace(job.train, prepare=prepare)), 32).seconds([FLOAT32])
    assert math.isfinite(found[FLOAT32])
    assert set(seen) == {(torch.uint8, (5, 3, 32, 32))}


@pytest.mark.parametrize("fault", ["error", "loss", "gradient"])
def test_a_way_that_fails_takes_for_ever(make_job: Any, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bfloat16 alone: it is tried once, and the other way is timed all the same."""
    job = make_job()
    tries: list[str] = []

    def make_fabric(precision: str) -> Any:
        tries.append(precision)
        return device.make_fabric(precision)

    def odd(output: EmotionOutput, _: torch.Tensor) -> torch.Tensor:
        zero = 0 * output.scores.sum()  # its root has a gradient that is no number
        if tries[-1] == "bfloat16" and fault == "error":
            raise torch.OutOfMemoryError("no memory")
        if tries[-1] == "bfloat16":
            return zero + math.nan if fault == "loss" else zero.sqrt()
        return zero

    monkeypatch.setattr("emotionnet.training.trials.make_fabric", make_fabric)
    objective = replace(job.train.objective, terms={**job.train.objective.terms, "odd": Term(1.0, odd)})
    found = Trials(replace(job, train=replace(job.train, objective=objective)), 32).seconds(
        [FLOAT32, BFLOAT16]
    )
    assert found[BFLOAT16] == math.inf
    assert math.isfinite(found[FLOAT32])
    assert tries.count("bfloat16") == 1
    assert tries.count("float32") == 1 + trials.ROUNDS
