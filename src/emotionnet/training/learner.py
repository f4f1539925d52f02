"""A module as processes train it together: one forward, gradients and statistics that are averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric.plugins import Precision
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer


class Learner(nn.Module):
    """What is trained, in one forward with what is made of its output.

    Distributed training must see, from the results of a forward, which parameters get gradients: so the loss
    is one of its results, and the tutor is a part of it. Losses are computed in float32, as without it.
    """

    def __init__(self, module: nn.Module, tutor: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.module, self.tutor, self.precision = module, tutor, precision

    def forward(self, use: Callable[[Any], Any], *inputs: Tensor) -> Any:
        """What `use` makes of the module's output."""
        output = self.precision.convert_output(self.module(*inputs))
        with torch.autocast(inputs[0].device.type, enabled=False):
            return use(output)


def average_gradients(optimizer: Optimizer) -> None:
    """Means over the processes, of gradients that no backward has averaged."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                _average(parameter.grad)


def average_statistics(module: nn.Module, world: int) -> None:
    """Means over `world` processes of what BatchNorm has learned of their parts of the batches."""
    if world == 1:
        return
    for part in module.modules():
        if isinstance(part, _BatchNorm) and part.training and part.running_mean is not None:
            assert part.running_var is not None  # it comes with the mean
            _average(part.running_mean)
            _average(part.running_var)


def synchronised(module: nn.Module, frozen: tuple[nn.Module, ...]) -> tuple[nn.Module, tuple[nn.Module, ...]]:
    """The same module with BatchNorm over the batch of all processes; its tensors and their names stay.

    Returns:
        The module, and the parts of it that stand where the `frozen` ones stood.
    """
    from timm.layers import convert_sync_batchnorm

    names = [name for name, part in module.named_modules() if part in frozen]
    converted: nn.Module = convert_sync_batchnorm(module)
    return converted, tuple(converted.get_submodule(name) for name in names)


def _average(values: Tensor) -> None:
    dist.all_reduce(values)
    values.div_(dist.get_world_size())
