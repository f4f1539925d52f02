"""Optimizers by name, and the learning rate at any point of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adadelta, AdamW, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from emotionnet.config import OptimizerConfig, ScheduleConfig
from emotionnet.records import ConfigError
from emotionnet.training.layers import layer_scales


def rate_factor(
    schedule: ScheduleConfig, position: float, epochs: int, losses: Sequence[float] = ()
) -> float:
    """What the configured learning rates are multiplied with.

    Args:
        schedule: Which curve.
        position: Epochs done so far, fractions of an epoch included; 0..epochs.
        epochs: Length of the whole run.
        losses: Validation loss of each epoch that is done; 'plateau' asks for them.

    Returns:
        Factor, 0..1, no unit.
    """
    if position < schedule.warmup_epochs:
        return position / schedule.warmup_epochs
    if schedule.name == "multistep":
        passed = sum(int(position) >= milestone for milestone in schedule.milestones)
        return float(schedule.gamma**passed)
    if schedule.name == "cosine":
        length = max(1e-9, epochs - schedule.warmup_epochs)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (position - schedule.warmup_epochs) / length)))
    if schedule.name == "plateau":
        return _plateau_factor(schedule.gamma, schedule.patience, tuple(losses))
    return 1.0


@lru_cache(maxsize=4)
def _plateau_factor(gamma: float, patience: int, losses: tuple[float, ...]) -> float:
    """PyTorch's ReduceLROnPlateau with its own thresholds, led through the losses so far.

    It depends on them alone, so that a run that is gone on with needs no state of it.
    """
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    plateau = ReduceLROnPlateau(optimizer, factor=gamma, patience=patience, eps=0.0)
    for loss in losses:
        plateau.step(loss)
    return float(optimizer.param_groups[0]["lr"])


def make_optimizer(module: nn.Module, config: OptimizerConfig, tutor: nn.Module | None = None) -> Optimizer:
    """The optimizer over all parameters that train; those of `module.trunk` may have rates of their own.

    Each group keeps its full rate in `full_lr`, which `set_rates` multiplies: rates keep their proportions
    over the whole schedule. The heads are the first group.

    Args:
        module: What is trained.
        config: Which optimizer.
        tutor: What trains along, at the rate of the heads.

    Raises:
        ConfigError: Nothing is left to train, or the trunk does not tell the layers that rates fall over.
    """
    heads = [p for name, p in module.named_parameters() if p.requires_grad and not name.startswith("trunk.")]
    trunk = _trunk_groups(module, config)
    if not heads and not trunk:
        raise ConfigError("model.freeze: some part must be left to train; all are frozen")
    heads += [p for p in tutor.parameters() if p.requires_grad] if tutor is not None else []
    groups = [{"params": heads, "lr": config.lr}, *trunk]
    groups = [{**group, "full_lr": group["lr"]} for group in groups if group["params"]]
    options: Mapping[str, Any] = {"weight_decay": config.weight_decay}
    if config.name == "sgd":
        return SGD(groups, momentum=config.momentum, **options)
    if config.name == "adadelta":
        return Adadelta(groups, **options)
    return AdamW(groups, betas=(config.momentum, 0.999), **options)


def _trunk_groups(module: nn.Module, config: OptimizerConfig) -> list[dict[str, Any]]:
    """The trunk's parameters that train: one group, or one for each rate, the highest first."""
    lr = config.lr if config.trunk_lr is None else config.trunk_lr
    named = [(name, p) for name, p in module.named_parameters() if name.startswith("trunk.")]
    trains = [(name.removeprefix("trunk."), p) for name, p in named if p.requires_grad]
    if config.layer_decay == 1:
        return [{"params": [p for _, p in trains], "lr": lr}] if trains else []
    trunk = getattr(module, "trunk", None)
    if not isinstance(trunk, nn.Module):
        raise ConfigError(
            f"optimizer.layer_decay: must be 1 without an image trunk; got {config.layer_decay}"
        )
    scales = layer_scales(trunk, config.layer_decay)
    ordered = sorted({scales[name] for name, _ in trains}, reverse=True)
    return [
        {"params": [p for name, p in trains if scales[name] == scale], "lr": lr * scale} for scale in ordered
    ]


def set_rates(optimizer: Optimizer, factor: float) -> float:
    """Give every group its rate at this point; returns the first group's."""
    for group in optimizer.param_groups:
        group["lr"] = group["full_lr"] * factor
    return float(optimizer.param_groups[0]["lr"])


def freeze(module: nn.Module, parts: tuple[str, ...]) -> list[nn.Module]:
    """Keep the parameters of the named parts as they are.

    Returns:
        The frozen submodules. They belong in evaluation mode while the rest trains,
        so that BatchNorm keeps its statistics.

    Raises:
        ConfigError: A name is no part of the module; lists the parts of its first two levels.
    """
    modules = dict(module.named_modules())
    unknown = [part for part in parts if part not in modules or not part]
    if unknown:
        known = ", ".join(name for name in modules if name and name.count(".") < 2)
        raise ConfigError(
            f"model.freeze: must name parts of the network; got {', '.join(unknown)}; parts: {known}"
        )
    frozen = [modules[part] for part in parts]
    for part in frozen:
        part.requires_grad_(requires_grad=False)
    return frozen
