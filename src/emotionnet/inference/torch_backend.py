"""Torch behind the call that all back ends have. Shape letters: N = images, C = emotions."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from emotionnet.data.images import ImageLike, Preprocessing
from emotionnet.inference.engine import AT_ONCE, run_images
from emotionnet.inference.networks import read_network
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.models.network import EmotionNet, EmotionOutput
from emotionnet.records import DataError, first_line

Module = TypeVar("Module", bound=nn.Module)


class TorchBackend:
    """An `EmotionNet` at work, on its own device and in its own precision.

    Args:
        network: In evaluation mode from here on.
        step: Pictures at once; the last bits of a picture's numbers depend on those beside it.
    """

    name = "torch"

    def __init__(self, network: EmotionNet, *, step: int = AT_ONCE) -> None:
        self.network = network.eval()
        self.step = step

    @property
    def n_features(self) -> int:
        """Size of the trunk's features."""
        return self.network.n_features

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        """What the network says of each batch, float32 (n, 3, S, S), in order."""
        for batch_N3SS in batches:
            yield self._outputs(batch_N3SS)

    @torch.inference_mode()
    def _outputs(self, batch_N3SS: Array) -> Outputs:
        self.network.eval()
        home = next(self.network.parameters())
        batch = torch.from_numpy(batch_N3SS).to(memory_format=torch.channels_last)
        return outputs_of(self.network(batch.to(device=home.device, dtype=home.dtype)))


def open_network(run: Path, *, device: str) -> TorchBackend:
    """The network of a finished RUN, on a device as `on_device` has it.

    Raises:
        DataError: As `networks.read_network` and `on_device`.
    """
    network, _ = read_network(run)
    return TorchBackend(on_device(network, device))


def run_network(
    network: EmotionNet,
    how: Preprocessing,
    images: Sequence[ImageLike],
    *,
    batch_size: int = AT_ONCE,
    progress: str = "",
) -> Outputs:
    """Put images through a network, `batch_size` at once; as `engine.run_images`."""
    return run_images(TorchBackend(network, step=batch_size), how, images, progress=progress)


def outputs_of(output: EmotionOutput) -> Outputs:
    """A batch's output as arrays, wherever and in whatever precision it was computed."""

    def array(tensor: Tensor) -> Array:
        return tensor.float().cpu().numpy()

    return Outputs(
        features=array(output.features),
        scores=array(output.scores),
        projection=None if output.projection is None else array(output.projection),
        dimensions=None if output.dimensions is None else array(output.dimensions),
    )


def probabilities(scores_NC: Array, activation: Literal["softmax", "sigmoid"]) -> Array:
    """As `outputs.probabilities`, with the last bits of torch, on which kept scores rest."""
    scores = torch.from_numpy(scores_NC)
    return (torch.softmax(scores, dim=1) if activation == "softmax" else torch.sigmoid(scores)).numpy()


def on_device(network: Module, device: str) -> Module:
    """Put a network on a device.

    Args:
        network: Any.
        device: A name of PyTorch's; `auto`: a CUDA GPU where there is one, else the CPU.

    Raises:
        DataError: There is no such device.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        return network.to(torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # unknown, or not of this machine
        raise DataError(
            f"device must be 'auto' or one of this machine's; got {device!r} ({first_line(error)})"
        ) from None
