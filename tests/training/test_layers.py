"""Layers of timm's trunks: which freeze, and how their rates fall."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from emotionnet.config import OptimizerConfig, ScheduleConfig
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.records import ConfigError
from emotionnet.training.layers import freeze_but_last, layer_scales
from emotionnet.training.schedule import freeze, make_optimizer, rate_factor, set_rates

# a trunk, its blocks from the first to the last, and what comes behind them
TRUNKS: dict[str, tuple[list[str], list[str]]] = {
    "test_resnet": ([f"layer{number}.0" for number in (1, 2, 3, 4)], []),
    "test_efficientnet": ([f"blocks.{number}.0" for number in range(5)], ["conv_head", "bn2"]),
    "test_vit": ([f"blocks.{number}" for number in range(6)], ["norm"]),
    "test_convnext": (
        [
            f"stages.{stage}.blocks.{block}"
            for stage, depth in enumerate((1, 2, 4, 2))
            for block in range(depth)
        ],
        ["head.norm"],
    ),
}


def block_of(name: str, blocks: list[str], behind: list[str]) -> int:
    """The place of a parameter's block; a shrinking layer goes with the first block behind it."""
    if any(name.startswith(f"{part}.") for part in behind):
        return len(blocks)
    if ".downsample." in name and name.startswith("stages."):
        name = name.partition(".downsample.")[0] + ".blocks.0."
    return next((place for place, block in enumerate(blocks) if name.startswith(f"{block}.")), -1)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("name", TRUNKS)
def test_all_but_the_last_blocks_freeze(name: str, count: int) -> None:
    trunk, (blocks, behind) = create_trunk(name, "none"), TRUNKS[name]
    frozen = freeze_but_last(trunk, count)
    for parameter_name, parameter in trunk.named_parameters():
        place = block_of(parameter_name, blocks, behind)
        assert parameter.requires_grad == (place >= len(blocks) - count), parameter_name
    still = {id(part) for part in frozen}
    for part_name, part in trunk.named_modules():
        if isinstance(part, nn.BatchNorm2d | nn.LayerNorm):
            place = block_of(f"{part_name}.", blocks, behind)
            assert (id(part) in still) == (place < len(blocks) - count), part_name
    assert id(trunk) not in still


@pytest.mark.parametrize("name", TRUNKS)
def test_rates_fall_from_the_heads_down_as_timm_lets_them(name: str) -> None:
    """timm's groups are those of a classifier, whose own layer is the head."""
    whole = timm.create_model(name, pretrained=False, num_classes=3)
    theirs: dict[str, float] = {}
    names = {id(parameter): name for name, parameter in whole.named_parameters()}
    for group in param_groups_layer_decay(whole, layer_decay=0.7):
        theirs |= {names[id(parameter)]: group["lr_scale"] for parameter in group["params"]}
    ours = layer_scales(create_trunk(name, "none"), 0.7)
    assert ours == pytest.approx({name: theirs[name] for name in ours})
    left = set(theirs) - set(ours)
    assert {theirs[name] for name in left} == {1.0}
    assert len(left) == 2  # weight and bias of the classifier


def network(trunk: str = "test_efficientnet") -> EmotionNet:
    return EmotionNet(create_trunk(trunk, "none"), "plain", 3)


def test_without_decay_the_groups_are_heads_and_trunk() -> None:
    module = network()
    groups = make_optimizer(module, OptimizerConfig(lr=0.2, trunk_lr=0.1, layer_decay=1.0)).param_groups
    assert [group["lr"] for group in groups] == [0.2, 0.1]
    assert [id(p) for p in groups[0]["params"]] == [id(p) for p in module.fc.parameters()]
    assert [id(p) for p in groups[1]["params"]] == [id(p) for p in module.trunk.parameters()]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adadelta"])
def test_every_group_keeps_its_share_of_the_heads_rate(optimizer: str) -> None:
    module = network()
    config = OptimizerConfig(name=optimizer, lr=0.2, trunk_lr=0.1, layer_decay=0.5, weight_decay=0.03)  # type: ignore[arg-type]
    made = make_optimizer(module, config)
    rates = {id(p): group["lr"] for group in made.param_groups for p in group["params"]}
    scales = layer_scales(module.trunk, 0.5)
    assert len(rates) == len(list(module.parameters()))
    for name, parameter in module.named_parameters():
        inside = name.startswith("trunk.")
        expected = 0.1 * scales[name.removeprefix("trunk.")] if inside else 0.2
        assert rates[id(parameter)] == pytest.approx(expected), name
    assert {group["weight_decay"] for group in made.param_groups} == {0.03}
    for name in ("cosine", "multistep"):
        schedule = ScheduleConfig(name=name, milestones=(3,), warmup_epochs=2)  # type: ignore[arg-type]
        for position in (0.25, 1.5, 2.0, 3.7):
            head = set_rates(made, rate_factor(schedule, position, 5))
            shares = [group["lr"] / head for group in made.param_groups]
            assert shares == pytest.approx([1.0, *(0.5 * 0.5**power for power in range(1, 7))])


def test_frozen_layers_have_no_group() -> None:
    module = network()
    freeze(module, ("fc",))
    freeze_but_last(module.trunk, 2)
    groups = make_optimizer(module, OptimizerConfig(lr=1.0, layer_decay=0.5)).param_groups
    assert [group["lr"] for group in groups] == [0.5, 0.25]


def test_a_trunk_has_no_more_blocks_than_it_has() -> None:
    with pytest.raises(ConfigError) as error:
        freeze_but_last(create_trunk("test_vit", "none"), 7)
    assert error.value.faults == (
        "model.last_blocks: must be at most 6, the blocks that the trunk has; got 7",
    )


class Mute(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.fc = nn.Linear(2, 2), nn.Linear(2, 2)


class Flat(nn.Linear):
    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        assert not coarse
        return {"stem": "weight|bias"}


def test_a_trunk_that_tells_no_layers_is_a_fault() -> None:
    text = "must be left out with a trunk that does not tell its layers to timm"
    with pytest.raises(ConfigError, match=rf"model\.last_blocks: {text}"):
        freeze_but_last(Mute().trunk, 1)
    with pytest.raises(ConfigError, match=rf"optimizer\.layer_decay: {text}"):
        make_optimizer(Mute(), OptimizerConfig(layer_decay=0.5))
    with pytest.raises(
        ConfigError, match=r"model\.last_blocks: must be left out with a trunk without blocks"
    ):
        freeze_but_last(Flat(2, 2), 1)


def test_decay_needs_a_trunk() -> None:
    with pytest.raises(
        ConfigError, match=r"optimizer\.layer_decay: must be 1 without an image trunk; got 0\.9"
    ):
        make_optimizer(nn.Linear(2, 2), OptimizerConfig(layer_decay=0.9))


def test_what_is_frozen_stays_and_the_rest_moves() -> None:
    module = network("test_resnet")
    for part in freeze_but_last(module.trunk, 1):
        part.eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    optimizer = make_optimizer(module, OptimizerConfig(lr=0.1))
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for _ in range(
        3
    ):  # the last BatchNorm of a block begins at 0: what is before it moves in the second step
        optimizer.zero_grad()
        module(images).scores.square().sum().backward()
        optimizer.step()
    moved = {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name for name in before if name.startswith(("fc.", "trunk.layer4."))} == moved
