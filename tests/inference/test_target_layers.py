"""Which layer of a trunk heat maps are made of, and how its output is read as maps."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor, nn

from emotionnet.inference.target_layers import TargetLayer, find_target_layer

SIDE = 64


def _trunk(name: str, **options: object) -> nn.Module:
    trunk: nn.Module = timm.create_model(name, num_classes=0, **options)
    return trunk.eval()


def _found(trunk: nn.Module, side: int = SIDE) -> TargetLayer:
    layer = find_target_layer(trunk, torch.zeros(1, 3, side, side))
    assert layer is not None
    return layer


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_resnet", "layer4"),
        ("test_efficientnet", "bn2"),  # of the last convolution, with its activation
        ("test_convnext", "norm_pre"),  # passes on what the last stage gives
        ("test_byobnet", "final_conv"),
        ("test_nfnet", "final_act"),
        ("test_mambaout", "stages"),
        ("mobilenetv3_small_050", "blocks"),
        ("test_vit", "blocks.5.norm1"),
        ("test_vit2", "blocks.7.norm1"),
    ],
)
def test_each_family_has_its_last_layer_with_places(name: str, expected: str) -> None:
    trunk = _trunk(name)
    assert _found(trunk).module is trunk.get_submodule(expected)


def test_swin_gives_its_channels_last() -> None:
    trunk = _trunk("swin_tiny_patch4_window7_224", img_size=56, embed_dim=8, depths=(1, 1), num_heads=(1, 1))
    layer = _found(trunk, 56)
    maps_NCHW = layer.to_maps(torch.arange(2 * 3 * 16.0).reshape(1, 2, 3, 16))
    assert layer.module is trunk.get_submodule("norm")
    assert maps_NCHW.shape == (1, 16, 2, 3)
    assert maps_NCHW[0, :, 1, 2].tolist() == list(range(80, 96))


@pytest.mark.parametrize(
    ("name", "prefix", "options"),
    [
        ("test_vit", 1, {}),
        ("test_vit2", 1, {}),  # a register, no class token
        ("vit_tiny_patch16_224", 0, {"class_token": False, "global_pool": "avg"}),
        ("deit_tiny_distilled_patch16_224", 2, {}),
        ("beit_base_patch16_224", 1, {"num_heads": 2}),
    ],
)
def test_tokens_lie_row_by_row_behind_those_of_no_place(
    name: str, prefix: int, options: dict[str, object]
) -> None:
    small = {"embed_dim": 8, "depth": 1, "num_heads": 1, "img_size": SIDE} | options
    trunk = _trunk(name, **(small if not name.startswith("test") else {}))
    tokens_NTC = torch.arange(prefix + 16.0)[None, :, None] - prefix
    maps_NCHW = _found(trunk).to_maps(tokens_NTC)
    assert maps_NCHW[0, 0].tolist() == [[4.0 * row + column for column in range(4)] for row in range(4)]


def test_grid_of_a_size_that_the_trunk_was_not_built_for() -> None:
    layer = find_target_layer(_trunk("test_vit"), torch.zeros(1, 3, 32, 48))
    assert layer is not None
    assert layer.to_maps(torch.zeros(1, 7, 64)).shape == (1, 64, 2, 3)


class _Odd(nn.Module):
    def __init__(self, given: object) -> None:
        super().__init__()
        self.given = given

    def forward_features(self, images_N3HW: Tensor) -> object:  # noqa: ARG002
        return self.given


@pytest.mark.parametrize("given", [torch.zeros(1, 4), torch.zeros(1, 9, 4), [torch.zeros(1)]])
def test_none_where_nothing_has_places(given: object) -> None:
    assert find_target_layer(_Odd(given), torch.zeros(1, 3, 8, 8)) is None


def test_none_where_the_maps_are_one_place() -> None:
    assert find_target_layer(_trunk("test_resnet"), torch.zeros(1, 3, 32, 32)) is None


def test_no_hook_stays() -> None:
    trunk = _trunk("test_resnet")
    _found(trunk)
    assert not any(module._forward_hooks for module in trunk.modules())
