"""Pictures through a network: the one place where outputs are computed.

Shape letters: N = images, F = features, C = emotions, D = embedding size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotionnet.data.images import ImageLike, Preprocessing, decode, evaluation_array
from emotionnet.progress import track
from emotionnet.records import DataError

Array = npt.NDArray[np.float32]


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
    """Put images through an `EmotionNet` in evaluation mode, in float32.

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
    network.eval()
    with torch.inference_mode():
        parts = [network(batch) for batch in _batches(how, images, batch_size, progress)]
    projections = [part.projection for part in parts if part.projection is not None]
    return Outputs(
        features=torch.cat([part.features for part in parts]).numpy(),
        scores=torch.cat([part.scores for part in parts]).numpy(),
        projection=torch.cat(projections).numpy() if projections else None,
    )


def _batches(
    how: Preprocessing, images: Sequence[ImageLike], size: int, progress: str
) -> Iterator[torch.Tensor]:
    starts = range(0, len(images), size)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for start in track(starts, progress, total=len(starts)) if progress else starts:
            some = images[start : start + size]
            arrays = pool.map(lambda image: evaluation_array(decode(image), how), some)
            batch = torch.from_numpy(np.stack(list(arrays)))
            yield batch.to(memory_format=torch.channels_last)
