"""Pictures through a network: the one place where outputs are computed.

Shape letters: N = images, F = features, C = emotions, D = embedding size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotionnet.data.images import ImageLike, Preprocessing, decode, evaluation_array
from emotionnet.progress import track
from emotionnet.records import DataError

Array = npt.NDArray[np.float32]
FILES_AT_ONCE = 32


@dataclass(frozen=True)
class Outputs:
    """What a network says of N images; float32.

    `features` (N, F); `scores` (N, C), before softmax; `projection` (N, D) or None.
    """

    features: Array
    scores: Array
    projection: Array | None

    @property
    def probabilities(self) -> Array:
        """Softmax of the scores; float32, shape (N, C), rows sum to 1."""
        return torch.softmax(torch.from_numpy(self.scores), dim=1).numpy()


def run_network(
    network: nn.Module,
    how: Preprocessing,
    images: Sequence[ImageLike],
    *,
    batch_size: int = 32,
    progress: str = "",
) -> Outputs:
    """Put images through an `EmotionNet` in evaluation mode.

    Args:
        network: Gives an `EmotionOutput`.
        how: Preprocessing of the images.
        images: At least one.
        batch_size: Images per step.
        progress: What a progress bar on standard error says; empty: no bar.

    Raises:
        DataError: No image, or one that cannot be decoded.
    """
    if not images:
        raise DataError("at least one image must be given; got none")
    starts = range(0, len(images), batch_size)
    parts = []
    for start in track(starts, progress, total=len(starts)) if progress else starts:
        arrays = read_arrays(how, images[start : start + batch_size])
        parts.append(run_arrays(network, [_require_array(array) for array in arrays]))
    projections = [part.projection for part in parts if part.projection is not None]
    return Outputs(
        features=np.concatenate([part.features for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        projection=np.concatenate(projections) if projections else None,
    )


@dataclass(frozen=True)
class FileOutputs:
    """What a network says of a few files: `outputs` of `paths`, and one line for each that cannot be read."""

    paths: tuple[Path, ...]
    outputs: Outputs | None
    faults: tuple[str, ...]


def run_files(
    network: nn.Module, how: Preprocessing, paths: Sequence[Path], *, progress: str
) -> Iterator[FileOutputs]:
    """Put files through a network a few at a time, so that memory does not grow with their number.

    Args:
        network: Gives an `EmotionOutput`.
        how: Preprocessing of the pictures.
        paths: In the order in which they come out.
        progress: What a progress bar on standard error says.

    Yields:
        A few files each; `outputs` is None where none of them can be read.
    """
    for start in track(range(0, len(paths), FILES_AT_ONCE), progress):
        some = paths[start : start + FILES_AT_ONCE]
        arrays = read_arrays(how, some)
        good = [array for array in arrays if not isinstance(array, DataError)]
        yield FileOutputs(
            paths=tuple(p for p, array in zip(some, arrays, strict=True) if not isinstance(array, DataError)),
            outputs=run_arrays(network, good) if good else None,
            faults=tuple(fault for array in arrays if isinstance(array, DataError) for fault in array.faults),
        )


def read_arrays(how: Preprocessing, images: Sequence[ImageLike]) -> list[Array | DataError]:
    """The network's input for each image, or why there is none.

    Whole pictures exist in the two threads only, so that memory does not grow with their size times their
    number.
    """

    def read(image: ImageLike) -> Array | DataError:
        try:
            return evaluation_array(decode(image), how)
        except DataError as error:
            return error

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(read, images))


@torch.inference_mode()
def run_arrays(network: nn.Module, arrays_3HW: Sequence[Array]) -> Outputs:
    """One step of a network in evaluation mode, on its own device and in its own precision.

    Args:
        network: Gives an `EmotionOutput`.
        arrays_3HW: At least one, as `read_arrays` gives them; float32, all of one shape (3, H, W).
    """
    network.eval()
    home = next(network.parameters())
    batch = torch.from_numpy(np.stack(arrays_3HW)).to(memory_format=torch.channels_last)
    output = network(batch.to(device=home.device, dtype=home.dtype))
    projection = output.projection
    return Outputs(
        features=output.features.float().cpu().numpy(),
        scores=output.scores.float().cpu().numpy(),
        projection=projection.float().cpu().numpy() if projection is not None else None,
    )


def _require_array(array: Array | DataError) -> Array:
    if isinstance(array, DataError):
        raise array
    return array
