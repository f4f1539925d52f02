"""Pictures through a network: the one place where outputs are computed.

Shape letters: N = images, F = features, C = emotions, D = embedding size, K = dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emotionnet.data.images import ImageLike, Preprocessing, decode, evaluation_array
from emotionnet.models.network import EmotionOutput
from emotionnet.progress import track
from emotionnet.records import DataError

Array = npt.NDArray[np.float32]
FILES_AT_ONCE = 32


@dataclass(frozen=True)
class Outputs:
    """What a network says of N images; float32.

    `features` (N, F); `scores` (N, C), before softmax or sigmoid; `projection` (N, D) or None; `dimensions`
    (N, K) or None.
    """

    features: Array
    scores: Array
    projection: Array | None
    dimensions: Array | None = None

    @property
    def probabilities(self) -> Array:
        """Softmax of the scores; float32, shape (N, C), rows sum to 1."""
        return probabilities(self.scores, "softmax")

    def take(self, rows: Sequence[int]) -> Outputs:
        """Those of some images, in the order in which `rows` names them."""
        return Outputs(
            features=self.features[rows],
            scores=self.scores[rows],
            projection=None if self.projection is None else self.projection[rows],
            dimensions=None if self.dimensions is None else self.dimensions[rows],
        )


def probabilities(scores_NC: Array, activation: Literal["softmax", "sigmoid"]) -> Array:
    """What scores say: of emotions that share 1 (softmax) or stand each for itself (sigmoid); float32."""
    scores = torch.from_numpy(scores_NC)
    return (torch.softmax(scores, dim=1) if activation == "softmax" else torch.sigmoid(scores)).numpy()


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of some images after those of others, as one; at least one part."""

    def rows(arrays: Sequence[Array | None]) -> Array | None:
        known = [array for array in arrays if array is not None]
        return np.concatenate(known) if known else None

    return Outputs(
        features=np.concatenate([part.features for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        projection=rows([part.projection for part in parts]),
        dimensions=rows([part.dimensions for part in parts]),
    )


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
        DataError: No image, or some that cannot be decoded: one line for each.
    """
    if not images:
        raise DataError("at least one image must be given; got none")
    starts = range(0, len(images), batch_size)
    parts, faults = [], []
    for start in track(starts, progress, total=len(starts)) if progress else starts:
        arrays = read_arrays(how, images[start : start + batch_size])
        faults += [fault for array in arrays if isinstance(array, DataError) for fault in array.faults]
        if not faults:  # else the rest is only looked through
            parts.append(run_arrays(network, [array for array in arrays if not isinstance(array, DataError)]))
    if faults:
        raise DataError(faults)
    return joined(parts)


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


def each_once(paths: Sequence[Path]) -> tuple[list[Path], list[int]]:
    """Pictures that several records may share, each once in order; and for every path its place there."""
    place = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    return list(place), [place[path] for path in paths]


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
    return outputs_of(output)


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
