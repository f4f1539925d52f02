"""The text transform: from the text model's feature into the space of the projection.

Shape letters: N = images, F = the text model's feature, D = embedding size, C = emotions.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu

from emotionnet.data.seeding import torch_seed


class TextTransform(nn.Module):
    """t = linear(feature), scores = linear(ReLU(t)); trains beside an image network and is not kept.

    Wei et al., CVPR 2020, section 4: the network's projection approaches t, and the scores learn
    the image's labels.

    Args:
        n_features: F.
        embedding_size: D.
        n_emotions: C.
        seed: Of the weights (PyTorch's own initialisation of a linear map).
    """

    def __init__(self, n_features: int, embedding_size: int, n_emotions: int, *, seed: int = 0) -> None:
        super().__init__()
        with torch_seed(seed, 1):
            self.proj = nn.Linear(n_features, embedding_size)
            self.fc = nn.Linear(embedding_size, n_emotions)

    def forward(self, features_NF: Tensor) -> tuple[Tensor, Tensor]:
        """Float features, shape (N, F); gives t, shape (N, D), and scores before softmax, shape (N, C)."""
        target_ND = self.proj(features_NF)
        return target_ND, self.fc(relu(target_ND))
