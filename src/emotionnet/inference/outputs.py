"""What a network says of pictures, as arrays. No torch in here.

Shape letters: N = images, F = features, C = emotions, D = embedding size, K = dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from emotionnet.data.shards.member import PictureFile

Array = npt.NDArray[np.float32]


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

    def take(self, rows: Sequence[int] | slice) -> Outputs:
        """Those of some images, in the order in which `rows` names them."""
        return Outputs(
            features=self.features[rows],
            scores=self.scores[rows],
            projection=None if self.projection is None else self.projection[rows],
            dimensions=None if self.dimensions is None else self.dimensions[rows],
        )


def probabilities(scores_NC: Array, activation: Literal["softmax", "sigmoid"]) -> Array:
    """What scores say: of emotions that share 1 (softmax) or stand each for itself (sigmoid).

    Returns:
        Float32, the nearest to the exact value; `torch_backend.probabilities` has torch's last bits instead.
    """
    wide_NC = scores_NC.astype(np.float64)
    with np.errstate(invalid="ignore"):  # scores that are not finite give NaN
        if activation == "sigmoid":
            shares_NC = np.exp(-np.logaddexp(0, -wide_NC))
        else:
            powers_NC = np.exp(wide_NC - wide_NC.max(axis=1, keepdims=True))
            shares_NC = powers_NC / powers_NC.sum(axis=1, keepdims=True)
    found_NC: Array = shares_NC.astype(np.float32)
    return found_NC


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of some images after those of others, as one; at least one part."""
    if len(parts) == 1:
        return parts[0]

    def rows(arrays: Sequence[Array | None]) -> Array | None:
        known = [array for array in arrays if array is not None]
        return np.concatenate(known) if known else None

    return Outputs(
        features=np.concatenate([part.features for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        projection=rows([part.projection for part in parts]),
        dimensions=rows([part.dimensions for part in parts]),
    )


def each_once(paths: Sequence[PictureFile]) -> tuple[list[PictureFile], list[int]]:
    """Pictures that several records may share, each once in order; and for every path its place there."""
    place = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    return list(place), [place[path] for path in paths]
