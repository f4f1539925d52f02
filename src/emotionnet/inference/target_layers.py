"""Where in a trunk grad-cam looks: the last layer that still knows where things are.

Shape letters: N = images, C = channels, H and W = the layer's grid, T = tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TargetLayer:
    """A layer, and how what it gives is read as maps of shape (N, C, H, W)."""

    module: nn.Module
    to_maps: Callable[[Tensor], Tensor]


def find_target_layer(trunk: nn.Module, images_N3HW: Tensor) -> TargetLayer | None:
    """The layer of a trunk of timm that its heat maps are made of.

    * Trunks that give maps (ResNet, RegNet, EfficientNet, MobileNet, ConvNeXt, Swin, ...): the last layer
      whose output has their shape, that is, the last stage with what stands behind it.
    * Trunks that give tokens (ViT, DeiT, BEiT, EVA, ...): the first norm of the last block. Behind that block
      only the class token is looked at, and the others have no gradient.

    Args:
        trunk: In evaluation mode.
        images_N3HW: Any input that fits it.

    Returns:
        None for a trunk of another kind, such as one whose tokens lie in no grid.
    """
    outputs = _outputs(trunk, images_N3HW)
    given = outputs.pop(trunk)
    if not isinstance(given, Tensor):
        return None
    if given.dim() == 4:
        return _last_maps(trunk, given, outputs)
    height, width = images_N3HW.shape[2:]
    return _last_tokens(trunk, (height, width), outputs) if given.dim() == 3 else None


def _last_maps(trunk: Any, given: Tensor, outputs: dict[nn.Module, Any]) -> TargetLayer | None:
    to_maps = _from_channels_last if getattr(trunk, "output_fmt", None) == "NHWC" else _as_they_are
    height, width = to_maps(given).shape[2:]
    alike = [module for module, output in outputs.items() if _shape(output) == given.shape]
    return TargetLayer(alike[-1], to_maps) if alike and height * width > 1 else None


def _last_tokens(trunk: Any, size: tuple[int, int], outputs: dict[nn.Module, Any]) -> TargetLayer | None:
    norm: Any = getattr(trunk.blocks[-1], "norm1", None) if hasattr(trunk, "blocks") else None
    grid_of = getattr(getattr(trunk, "patch_embed", None), "dynamic_feat_size", None)
    shape = _shape(outputs.get(norm)) if norm is not None else None
    if grid_of is None or shape is None or len(shape) != 3:
        return None
    grid = grid_of(size)
    prefix = shape[1] - grid[0] * grid[1]  # tokens of class, distillation and registers stand first
    if not 0 <= prefix <= getattr(trunk, "num_prefix_tokens", 0):
        return None
    return TargetLayer(norm, partial(_from_tokens, grid=tuple(grid), prefix=prefix))


def _outputs(trunk: Any, images_N3HW: Tensor) -> dict[nn.Module, Any]:
    """What each module gives, in the order in which they finish; and, under the trunk, its maps or tokens."""
    found: dict[nn.Module, Any] = {}

    def keep(module: nn.Module, _: object, output: object) -> None:
        found.pop(module, None)
        found[module] = output

    handles = [module.register_forward_hook(keep) for module in trunk.modules()]
    try:
        with torch.no_grad():
            given = trunk.forward_features(images_N3HW)
    finally:
        for handle in handles:
            handle.remove()
    return {**found, trunk: given}


def _shape(output: object) -> torch.Size | None:
    return output.shape if isinstance(output, Tensor) else None


def _as_they_are(maps_NCHW: Tensor) -> Tensor:
    return maps_NCHW


def _from_channels_last(maps_NHWC: Tensor) -> Tensor:
    return maps_NHWC.permute(0, 3, 1, 2)


def _from_tokens(tokens_NTC: Tensor, *, grid: tuple[int, int], prefix: int) -> Tensor:
    """Tokens lie row by row."""
    count, _, size = tokens_NTC.shape
    return _from_channels_last(tokens_NTC[:, prefix:].reshape(count, *grid, size))
