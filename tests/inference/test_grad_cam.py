"""Grad-cam held to its formula, written out a second time, and to pictures whose answer is plain."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from emotionnet.inference.grad_cam import grad_cam
from emotionnet.inference.outputs import Array
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.records import DataError

pytest.importorskip("pytorch_grad_cam")
SIDE = 64
MAPS = (("test_resnet", 2), ("test_efficientnet", 1), ("test_convnext", 1), ("test_mambaout", 1))


@pytest.fixture
def make_network() -> Callable[[str], EmotionNet]:
    def make(trunk: str) -> EmotionNet:
        network = EmotionNet(create_trunk(trunk, "none", seed=1), "2branch", 3, 4, seed=1)
        rng = np.random.default_rng(0)
        for module in network.modules():  # else random networks of blocks with a scale tell hardly anything
            if isinstance(scale := getattr(module, "gamma", None), nn.Parameter):
                scale.data.fill_(1.0)
        for weight in network.parameters():
            weight.data += 0.02 * torch.from_numpy(
                rng.standard_normal(tuple(weight.shape)).astype(np.float32)
            )
        return network.eval()

    return make


@pytest.fixture
def noise() -> Array:
    return np.random.default_rng(1).standard_normal((3, SIDE, SIDE)).astype(np.float32)


class _Means(nn.Module):
    """A trunk whose maps are the means of 8 x 8 pixels of each colour, and its features their means."""

    num_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(8)

    def forward_features(self, images_N3HW: Tensor) -> Tensor:
        maps: Tensor = self.pool(images_N3HW)
        return maps

    def forward_head(self, maps: Tensor, pre_logits: bool) -> Tensor:  # noqa: ARG002
        return maps.mean((2, 3))


@pytest.fixture
def means() -> EmotionNet:
    """Anger is red less blue, joy is green, sadness is blue."""
    network = EmotionNet(_Means(), "2branch", 3, 3)
    heads = {network.fc: [[1.0, 0, -1], [0, 1, 0], [0, 0, 1]], network.proj: np.eye(3).tolist()}
    for head, weights in heads.items():
        assert head is not None
        head.weight.data, head.bias.data = torch.tensor(weights), torch.zeros(3)
    return network


def _corners() -> Array:
    """Red at the top left, blue at the bottom right."""
    input_3SS = np.zeros((3, SIDE, SIDE), dtype=np.float32)
    input_3SS[0, :8, :8] = 1
    input_3SS[2, -8:, -8:] = 1
    return input_3SS


def _spread(cam_11HW: Tensor) -> Array:
    """Of the picture's size, from 0 to 1."""
    large_11SS = F.interpolate(cam_11HW.relu(), size=(SIDE, SIDE), mode="bilinear")
    spread: Array = ((large_11SS - large_11SS.min()) / (large_11SS.max() - large_11SS.min())).numpy()[0, 0]
    return spread


@pytest.mark.parametrize(("emotion", "row", "column"), [(0, 0, 0), (2, 7, 7)])
def test_heat_lies_where_the_picture_speaks(means: EmotionNet, emotion: int, row: int, column: int) -> None:
    heat_SS = grad_cam(means, _corners(), emotion)
    cells_88 = torch.zeros(1, 1, 8, 8)
    cells_88[0, 0, row, column] = 1
    assert heat_SS is not None
    assert heat_SS.dtype == np.float32
    np.testing.assert_allclose(heat_SS, _spread(cells_88), atol=1e-5)


def test_no_heat_where_nothing_speaks_for_it(means: EmotionNet) -> None:
    heat_SS = grad_cam(means, _corners(), 1)
    assert heat_SS is not None
    assert not heat_SS.any()


def test_heat_of_a_word_is_that_of_its_cosine(means: EmotionNet) -> None:
    """At features of (1, 0, 1) / 64, red is for a word that means red, and blue against it."""
    heat_SS = grad_cam(means, _corners(), np.array([1, 0, 0], dtype=np.float32))
    same_SS = grad_cam(means, _corners(), 0)
    assert heat_SS is not None
    assert same_SS is not None
    np.testing.assert_allclose(heat_SS, same_SS, atol=1e-5)


@pytest.mark.parametrize(("trunk", "emotion"), MAPS)
def test_formula_on_trunks_that_give_maps(
    make_network: Callable[[str], EmotionNet], noise: Array, trunk: str, emotion: int
) -> None:
    network = make_network(trunk)
    maps = network.trunk.forward_features(torch.from_numpy(noise)[None]).detach().requires_grad_()  # type: ignore[operator]
    features_NF = network.trunk.forward_head(maps, pre_logits=True)  # type: ignore[operator]
    (slopes,) = torch.autograd.grad(network.forward_head(features_NF).scores[0, emotion], maps)
    maps = maps.detach()
    if trunk == "test_mambaout":
        slopes, maps = slopes.permute(0, 3, 1, 2), maps.permute(0, 3, 1, 2)
    cam_11HW = (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)
    assert (cam_11HW > 0).any()
    heat_SS = grad_cam(network, noise, emotion)
    assert heat_SS is not None
    np.testing.assert_allclose(heat_SS, _spread(cam_11HW), atol=1e-4)


@pytest.mark.parametrize(("trunk", "prefix"), [("test_vit", 1), ("test_vit2", 1)])
def test_formula_on_trunks_that_give_tokens(
    make_network: Callable[[str], EmotionNet], noise: Array, trunk: str, prefix: int
) -> None:
    network = make_network(trunk)
    vit: Any = network.trunk
    last = vit.blocks[-1]
    kept: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    with torch.no_grad():
        network(torch.from_numpy(noise)[None])
    handle.remove()
    normed = last.norm1(kept[0]).detach().requires_grad_()
    tokens = kept[0] + last.ls1(last.attn(normed))
    tokens = vit.norm(tokens + last.ls2(last.mlp(last.norm2(tokens))))
    features_NF = vit.forward_head(tokens, pre_logits=True)
    (slopes,) = torch.autograd.grad(network.forward_head(features_NF).scores[0, 1], normed)
    slopes, normed = slopes[:, prefix:], normed.detach()[:, prefix:]
    cam_11HW = (slopes.mean(1, keepdim=True) * normed).sum(2).reshape(1, 1, 4, 4)
    assert (cam_11HW > 0).any()
    heat_SS = grad_cam(network, noise, 1)
    assert heat_SS is not None
    np.testing.assert_allclose(heat_SS, _spread(cam_11HW), atol=1e-4)


def test_heat_of_tokens_stands_upright(make_network: Callable[[str], EmotionNet]) -> None:
    """Without positions a ViT tells empty patches apart by nothing: the one that is not empty stands out."""
    network = make_network("test_vit")
    network.trunk.pos_embed.data.zero_()  # type: ignore[operator]
    for row, column in ((0, 0), (3, 3), (0, 2), (2, 0)):
        input_3SS = np.zeros((3, SIDE, SIDE), dtype=np.float32)
        input_3SS[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 2
        heat_SS = grad_cam(network, input_3SS, 0)
        assert heat_SS is not None
        centres_44 = heat_SS[8::16, 8::16]
        apart_44 = np.abs(centres_44 - np.median(centres_44)) > 0.1
        assert np.argwhere(apart_44).tolist() == [[row, column]]


def test_the_network_is_as_it_was(make_network: Callable[[str], EmotionNet], noise: Array) -> None:
    network = make_network("test_resnet").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.inference_mode():
        assert grad_cam(network, noise, 0) is not None
    assert network.training
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_threads_do_not_see_each_other(make_network: Callable[[str], EmotionNet], noise: Array) -> None:
    network = make_network("test_efficientnet")
    alone = [grad_cam(network, noise, emotion) for emotion in range(3)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda number: grad_cam(network, noise, number % 3), range(12)))
    for number, heat_SS in enumerate(together):
        np.testing.assert_array_equal(heat_SS, alone[number % 3])


@pytest.fixture
def without_package() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pytorch_grad_cam", None)
        yield


@pytest.mark.usefixtures("without_package")
def test_package_is_asked_for(means: EmotionNet) -> None:
    with pytest.raises(DataError, match=r"^heat maps .* grad-cam.*; pip install 'emotionnet\[explain\]'$"):
        grad_cam(means, _corners(), 0)
