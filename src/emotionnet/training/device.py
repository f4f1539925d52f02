"""The device of a training, the arithmetic on it, and how tensors lie in its memory."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.strategies.ddp import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from emotionnet.data.seeding import torch_seed
from emotionnet.training.team import Team

PRECISIONS: Mapping[str, Any] = MappingProxyType({"float32": "32-true", "bfloat16": "bf16-mixed"})
FORMATS: Mapping[str, torch.memory_format] = MappingProxyType(
    {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
)

for _name in ("lightning.fabric", "lightning.pytorch"):  # their remarks tell what the config says
    logging.getLogger(_name).setLevel(logging.WARNING)


def make_fabric(precision: str, team: Team | None = None) -> Fabric:
    """A GPU where there is one, else the CPU, with the arithmetic that one of `PRECISIONS` names.

    Each process of a team has one; they share the training of whatever is set up.
    """
    how: dict[str, Any] = {"devices": 1}
    if team is not None and team.world > 1:
        # What a batch leaves without gradients may differ; BatchNorm's statistics are averaged by the loop.
        options: dict[str, Any] = {_buffers_option(): False}
        strategy = DDPStrategy(
            cluster_environment=TorchElasticEnvironment(),
            find_unused_parameters=True,
            **options,
        )
        how = {
            "devices": team.local_world,
            "num_nodes": team.world // team.local_world,
            "strategy": strategy,
        }
    fabric = Fabric(accelerator="auto", precision=PRECISIONS[precision], **how)
    if team is not None and team.world > 1:
        fabric.launch()
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"  # else each optimizer step looks for a driver's library
    return fabric


def _buffers_option() -> str:
    """What lets process 0 give its buffers to the others at each forward; PyTorch 2.13 renamed it."""
    names = inspect.signature(DistributedDataParallel).parameters
    return "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"


def seeded(fabric: Fabric, *numbers: int) -> AbstractContextManager[None]:
    """Within the block randomness on the device and the CPU depends on the numbers alone."""
    devices = [fabric.device.index or 0] if fabric.device.type == "cuda" else []
    return torch_seed(*numbers, cuda_devices=devices)
