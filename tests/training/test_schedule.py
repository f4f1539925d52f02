"""Learning rates, optimizers and freezing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from emotionnet.config import OptimizerConfig, ScheduleConfig
from emotionnet.records import ConfigError
from emotionnet.training.schedule import freeze, make_optimizer, rate_factor, set_rates


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.fc = nn.Linear(2, 3)


@pytest.mark.parametrize(
    ("position", "factor"), [(0, 1.0), (9.99, 1.0), (10, 0.1), (19.5, 0.1), (20, 0.01), (29.9, 0.01)]
)
def test_multistep_lowers_the_rate_at_each_milestone(position: float, factor: float) -> None:
    schedule = ScheduleConfig(name="multistep", milestones=(10, 20, 500), gamma=0.1)
    assert rate_factor(schedule, position, 30) == pytest.approx(factor)


def test_cosine_equals_torchs_annealing() -> None:
    schedule = ScheduleConfig(name="cosine")
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    for epoch in range(12):
        assert rate_factor(schedule, epoch, 12) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        reference.step()


def test_warm_up_rises_linearly_and_cosine_ends_at_zero() -> None:
    schedule = ScheduleConfig(name="cosine", warmup_epochs=2)
    assert [rate_factor(schedule, position, 6) for position in (0, 0.5, 1, 2)] == [0.0, 0.25, 0.5, 1.0]
    assert rate_factor(schedule, 4, 6) == pytest.approx(0.5)
    assert rate_factor(schedule, 6, 6) == pytest.approx(0.0)


def test_constant_stays() -> None:
    assert {rate_factor(ScheduleConfig(name="constant"), position, 9) for position in range(9)} == {1.0}


def test_trunk_and_heads_have_their_rates() -> None:
    optimizer = make_optimizer(Tiny(), OptimizerConfig(lr=0.2, trunk_lr=0.01))
    assert set_rates(optimizer, 0.5) == pytest.approx(0.1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.005])
    set_rates(optimizer, 1.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.01])


def test_optimizers_take_their_settings() -> None:
    sgd = make_optimizer(Tiny(), OptimizerConfig(momentum=0.8, weight_decay=0.3))
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.8, 0.3)
    adamw = make_optimizer(Tiny(), OptimizerConfig(name="adamw", momentum=0.7, weight_decay=0.2))
    assert isinstance(adamw, torch.optim.AdamW)
    assert (adamw.defaults["betas"], adamw.defaults["weight_decay"]) == ((0.7, 0.999), 0.2)


def test_adadelta_takes_the_steps_of_torchs() -> None:
    steps: list[list[torch.Tensor]] = []
    for ours in (True, False):
        module = Tiny()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))
        optimizer = (
            make_optimizer(module, OptimizerConfig(name="adadelta", lr=1.0, weight_decay=0.1))
            if ours
            else torch.optim.Adadelta(module.parameters(), lr=1.0, rho=0.9, weight_decay=0.1)
        )
        for _ in range(4):
            optimizer.zero_grad()
            module.fc(
                module.trunk(torch.tensor([[1.0, 2.0], [0.0, -3.0], [1.0, 0.5]]))
            ).square().sum().backward()
            optimizer.step()
        steps.append([parameter.detach() for parameter in module.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*steps, strict=True))


def test_frozen_parts_are_left_out_of_the_optimizer() -> None:
    module = Tiny()
    frozen = freeze(module, ("trunk",))
    assert frozen == [module.trunk]
    groups = make_optimizer(module, OptimizerConfig()).param_groups
    assert [
        parameter is module.fc.weight or parameter is module.fc.bias for parameter in groups[0]["params"]
    ] == [
        True,
        True,
    ]
    assert len(groups) == 1


def test_a_part_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"got neck; parts: trunk, trunk\.0, trunk\.1, fc"):
        freeze(Tiny(), ("neck", "fc"))


def test_nothing_left_to_train_is_a_fault() -> None:
    module = Tiny()
    freeze(module, ("trunk", "fc"))
    with pytest.raises(ConfigError, match=r"model\.freeze: some part must be left"):
        make_optimizer(module, OptimizerConfig())


def test_the_rate_falls_on_a_plateau_as_pytorch_lets_it() -> None:
    """Against PyTorch's own scheduler, step by step, over losses that fall, rise and stay."""
    losses = [1.0, 0.8, 0.81, 0.8, 0.79995, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    schedule = ScheduleConfig(name="plateau", patience=2, gamma=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, factor=0.1)
    seen = []
    for epoch, loss in enumerate(losses):
        factor = rate_factor(schedule, float(epoch), 12, losses[:epoch])
        assert factor == pytest.approx(optimizer.param_groups[0]["lr"])
        seen.append(factor)
        theirs.step(loss)
    assert len(set(seen)) == 3  # it fell twice


def test_a_tutor_trains_at_the_rate_of_the_heads() -> None:
    module = nn.ModuleDict({"trunk": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    tutor = nn.Linear(3, 3)
    optimizer = make_optimizer(module, OptimizerConfig(lr=0.5, trunk_lr=0.1), tutor)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in tutor.parameters()} == {0.5}
    assert len(rates) == 6
