"""Heat maps of a network in torch: Grad-CAM (Selvaraju et al., ICCV 2017), as the package grad-cam has it.

What is explained is a score before softmax or sigmoid (section 3 there), or a cosine.
Shape letters: N = images, S = image side in pixels, D = embedding size.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from emotionnet.inference.outputs import Array
from emotionnet.inference.target_layers import find_target_layer
from emotionnet.models.network import EmotionNet, EmotionOutput
from emotionnet.records import DataError


def grad_cam(network: EmotionNet, input_3SS: Array, aim: int | Array) -> Array | None:
    """Which parts of a picture raise what a network says.

    The network itself is not touched: a copy that shares its weights carries the hooks, so that other threads
    may use it meanwhile.

    Args:
        network: On any device.
        input_3SS: The picture as the network's input.
        aim: The number of an emotion, or a point (D,) of the projection's space, whose cosine is explained.

    Returns:
        Float32, shape (S, S), from 0 to 1, all 0 where nothing raises it; None where grad-cam does not fit
        the trunk.

    Raises:
        DataError: The package grad-cam is not installed.
    """
    package = _package()
    with torch.inference_mode(False), torch.enable_grad():
        asked = _Asked(_twin(network), aim)
        home = next(network.parameters())
        input_13SS = torch.from_numpy(input_3SS)[None].to(home.device, home.dtype).requires_grad_()
        layer = find_target_layer(asked.network.trunk, input_13SS)
        if layer is None:
            return None
        cam = package.GradCAM(asked, [layer.module], reshape_transform=layer.to_maps)
        heat_SS: Array = cam(input_13SS, targets=[lambda value: value])[0]
    return heat_SS


class _Asked(nn.Module):
    """One number for each image: what is explained; shape (N,)."""

    def __init__(self, network: EmotionNet, aim: int | Array) -> None:
        super().__init__()
        self.network, self.aim = network, aim

    def forward(self, images_N3SS: Tensor) -> Tensor:
        told: EmotionOutput = self.network(images_N3SS)
        if isinstance(self.aim, int):
            return told.scores[:, self.aim]
        assert told.projection is not None  # only such a network has points
        point_1D = torch.from_numpy(self.aim)[None].to(told.projection)
        return torch.cosine_similarity(told.projection, point_1D)


def _twin(network: EmotionNet) -> EmotionNet:
    """A network of the same weights in the same memory, which needs no gradients of them."""
    memo: dict[int, Any] = {id(buffer): buffer for buffer in network.buffers()}
    memo |= {id(weight): nn.Parameter(weight.detach(), False) for weight in network.parameters()}
    return copy.deepcopy(network, memo).eval()


def _package() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside its own dependencies
            import pytorch_grad_cam
    except ImportError:
        raise DataError(
            "heat maps of a network in torch need the package grad-cam, which is not installed; "
            "pip install 'emotionnet[explain]'"
        ) from None
    return pytorch_grad_cam
