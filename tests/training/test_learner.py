"""A module as it is trained; `test_team.py` has what processes average."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from lightning.fabric.plugins.precision.amp import MixedPrecision
from lightning.fabric.plugins.precision.precision import Precision
from torch import Tensor, nn

from emotionnet.records import ConfigError
from emotionnet.training import loop
from emotionnet.training.learner import Learner, average_statistics, synchronised


def test_a_forward_gives_what_is_made_of_the_output() -> None:
    module = nn.Linear(3, 2)
    learner = Learner(module, nn.Identity(), Precision())
    inputs = torch.ones(4, 3)
    assert torch.equal(learner(torch.sum, inputs), module(inputs).sum())


def test_losses_are_computed_in_float32() -> None:
    learner = Learner(nn.Linear(3, 2), nn.Identity(), MixedPrecision("bf16-mixed", "cpu"))
    weight = torch.ones(2, 1)

    def use(output: Tensor) -> Tensor:
        return output @ weight

    with torch.autocast("cpu", torch.bfloat16):
        assert learner(use, torch.ones(4, 3)).dtype == torch.float32
        assert use(learner.module(torch.ones(4, 3)).float()).dtype == torch.bfloat16, "else they would not be"


def test_a_tutor_is_a_part_of_what_trains() -> None:
    learner = Learner(nn.Linear(1, 1), nn.Linear(2, 2), Precision())
    assert {name for name, _ in learner.named_parameters()} == {
        f"{part}.{name}" for part in ("module", "tutor") for name in ("weight", "bias")
    }


def test_synchronised_batchnorm_keeps_tensors_and_names() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    before = module.state_dict()
    found, frozen = synchronised(module, ())
    assert frozen == ()
    assert isinstance(found, nn.Sequential)
    assert isinstance(found[1], nn.SyncBatchNorm)
    after = found.state_dict()
    assert list(after) == list(before)
    assert all(after[name].data_ptr() == before[name].data_ptr() for name in before)


def test_what_is_frozen_stays_frozen_when_batchnorm_is_synchronised() -> None:
    module = nn.Sequential(nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4)), nn.BatchNorm2d(4))
    converted, frozen = synchronised(module, (module[0], module[1]))
    assert isinstance(converted, nn.Sequential)
    converted.train()
    for part in frozen:
        part.eval()
    assert [part.training for part in converted] == [False, False, True]
    assert not converted[1][0].training  # type: ignore[index]


def test_synchronised_batchnorm_needs_gpus() -> None:
    run = SimpleNamespace(fabric=SimpleNamespace(device=torch.device("cpu")))
    with pytest.raises(ConfigError, match=r"sync_batchnorm: must be false without GPUs; got true"):
        loop._Run._synchronised(run, nn.Identity(), ())  # type: ignore[arg-type]


def test_one_process_has_nothing_to_average() -> None:
    norm = nn.BatchNorm1d(1)
    average_statistics(norm, 1)  # would fail without a process group
    assert norm.running_mean is not None
    assert norm.running_mean.item() == 0
