"""EmotionNet: a trunk and its heads (Wei et al., CVPR 2020, section 4).

Shape letters: N = images, F = trunk features, C = emotions, D = embedding size,
A = classes of the second head, K = dimensions such as valence, H and W = image height and width in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from emotionnet.data.seeding import torch_seed
from emotionnet.models.trunks import feature_size
from emotionnet.records import DataError


class EmotionOutput(NamedTuple):
    """What the network says about a batch; None where its shape has no such head.

    `features` (N, F) is the trunk's pooled feature, `scores` (N, C) are emotion scores
    before softmax, `projection` (N, D) lies in the space of the tags, `aux_scores` (N, A)
    are the second class head's scores before softmax, `dimensions` (N, K) are valence and its like in
    the units of the data set. All float, any range.
    """

    features: Tensor
    scores: Tensor
    projection: Tensor | None
    aux_scores: Tensor | None
    dimensions: Tensor | None = None


@dataclass(frozen=True)
class Shape:
    """Which heads a network has.

    `projection`: a linear map into the tag space; `scores_from_projection`: the emotion
    scores read the projection in place of the feature; `aux`: a second class head.
    """

    projection: bool = False
    scores_from_projection: bool = False
    aux: bool = False


SHAPES: Mapping[str, Shape] = {
    "plain": Shape(),
    "2branch": Shape(projection=True),
    "joint": Shape(projection=True, scores_from_projection=True),
    "3branch": Shape(projection=True, aux=True),
}


class EmotionNet(nn.Module):
    """A trunk and its heads, in one of `SHAPES`.

    It takes images as `trunks.preprocessing` describes. State-dict names: the trunk's under
    `trunk.`, the heads' `fc`, `proj`, `fc_aux` and `fc_dimensions`.

    Args:
        trunk: A module with timm's `forward_features` and `forward_head`.
        shape: A key of `SHAPES`.
        n_emotions: C, size of `scores`.
        embedding_size: D, size of `projection`; shapes without one leave it aside.
        n_aux: A, size of `aux_scores`; shapes without one leave it aside.
        n_dimensions: K, size of `dimensions`; 0: no such head, in whatever shape.
        seed: Of the heads' weights (PyTorch's own initialisation of a linear map).

    Raises:
        DataError: The shape is unknown, or a size that it needs is missing or below 1.
    """

    def __init__(
        self,
        trunk: nn.Module,
        shape: str,
        n_emotions: int,
        embedding_size: int | None = None,
        n_aux: int | None = None,
        *,
        n_dimensions: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if shape not in SHAPES:
            raise DataError(f"shape must be one of {', '.join(SHAPES)}; got {shape!r}")
        self.shape = SHAPES[shape]
        self.n_features = feature_size(trunk)
        self.trunk = trunk
        scores_from = self.n_features
        with torch_seed(seed):
            self.proj: nn.Linear | None = None
            if self.shape.projection:
                self.proj = _linear(self.n_features, embedding_size, shape, "embedding_size")
            if self.proj is not None and self.shape.scores_from_projection:
                scores_from = self.proj.out_features
            self.fc = _linear(scores_from, n_emotions, shape, "n_emotions")
            self.fc_aux: nn.Linear | None = None
            if self.shape.aux:
                self.fc_aux = _linear(self.n_features, n_aux, shape, "n_aux")
            self.fc_dimensions = nn.Linear(self.n_features, n_dimensions) if n_dimensions else None

    @property
    def embedding_size(self) -> int | None:
        """D, or None without a projection."""
        return self.proj.out_features if self.proj is not None else None

    def forward(self, images_N3HW: Tensor) -> EmotionOutput:
        """Float images, preprocessed, shape (N, 3, H, W)."""
        return self.forward_head(self.forward_features(images_N3HW))

    def forward_features(self, images_N3HW: Tensor) -> Tensor:
        """The trunk's pooled features, shape (N, F)."""
        maps = self.trunk.forward_features(images_N3HW)  # type: ignore[operator]
        features_NF: Tensor = self.trunk.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        return features_NF

    def forward_head(self, features_NF: Tensor) -> EmotionOutput:
        """Everything that follows from pooled features, which may have been cached."""
        projection_ND = self.proj(features_NF) if self.proj is not None else None
        scores_from = features_NF
        if self.shape.scores_from_projection and projection_ND is not None:
            scores_from = projection_ND
        return EmotionOutput(
            features=features_NF,
            scores=self.fc(scores_from),
            projection=projection_ND,
            aux_scores=self.fc_aux(features_NF) if self.fc_aux is not None else None,
            dimensions=self.fc_dimensions(features_NF) if self.fc_dimensions is not None else None,
        )


def _linear(n_in: int, n_out: int | None, shape: str, name: str) -> nn.Linear:
    if n_out is None or n_out < 1:
        raise DataError(f"shape {shape} needs {name}, at least 1; got {n_out}")
    return nn.Linear(n_in, n_out)
