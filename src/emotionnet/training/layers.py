"""The layers of a trunk, from first to last, as timm tells them: to freeze some, to slow some down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from timm.models import group_parameters
from torch import nn

from emotionnet.records import ConfigError


def trunk_layers(trunk: nn.Module, key: str) -> tuple[dict[str, int], list[int]]:
    """Number the layers of a timm trunk by its own `group_matcher`.

    Args:
        trunk: The trunk.
        key: The key of the config that asks, for the error.

    Returns:
        The layer of each parameter by name, from 0, and those layers, in order, that are blocks: what comes
        before is the stem, and what comes behind, such as a last normalisation, goes with the heads.

    Raises:
        ConfigError: The trunk does not tell its layers.
    """
    matcher: Any = trunk.group_matcher(coarse=False) if hasattr(trunk, "group_matcher") else None  # type: ignore[operator]
    if not isinstance(matcher, Mapping):
        raise ConfigError(f"{key}: must be left out with a trunk that does not tell its layers to timm")
    layers: dict[str, int] = group_parameters(trunk, matcher, reverse=True)
    patterns = [re.compile(text) for text in _texts(matcher.values())]
    blocks = {layer for name, layer in layers.items() if _is_block(name, patterns)}
    if not blocks:
        raise ConfigError(f"{key}: must be left out with a trunk without blocks")
    return layers, sorted(blocks)


def freeze_but_last(trunk: nn.Module, count: int) -> list[nn.Module]:
    """Keep all of a trunk as it is but its last `count` blocks and what comes behind them.

    Returns:
        The frozen submodules, as `schedule.freeze`.

    Raises:
        ConfigError: The trunk has fewer blocks, or does not tell them.
    """
    layers, blocks = trunk_layers(trunk, "model.last_blocks")
    if count > len(blocks):
        raise ConfigError(
            f"model.last_blocks: must be at most {len(blocks)}, the blocks that the trunk has; got {count}"
        )
    for name, parameter in trunk.named_parameters():
        if layers[name] < blocks[-count]:
            parameter.requires_grad = False
    return [part for part in trunk.modules() if _is_frozen(part)]


def layer_scales(trunk: nn.Module, decay: float) -> dict[str, float]:
    """Factor of each parameter's learning rate: `decay` to the power of its blocks below the heads.

    1 for what comes behind the last block, `decay` for that, its square for the one before it, and so on to
    the stem (Clark et al., ICLR 2020; Bao et al., ICLR 2022): what timm's `param_groups_layer_decay` gives.

    Raises:
        ConfigError: The trunk does not tell its layers.
    """
    layers, blocks = trunk_layers(trunk, "optimizer.layer_decay")
    return {name: decay ** max(0, blocks[-1] + 1 - layer) for name, layer in layers.items()}


def _texts(specs: Iterable[Any]) -> Iterable[str]:
    """The patterns of timm's matcher: of each group one, or several with what sorts them."""
    for spec in specs:
        if isinstance(spec, str):
            yield spec
        elif spec is not None:
            yield from (text for text, _ in spec)


def _is_block(name: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    """Whether the pattern that sorts a parameter in captures the number of a block."""
    found = next((match for pattern in patterns if (match := pattern.match(name))), None)
    return found is not None and any(found.groups())


def _is_frozen(part: nn.Module) -> bool:
    parameters = list(part.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
