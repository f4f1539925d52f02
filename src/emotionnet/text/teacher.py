"""The text teachers NLT, NLT-DAN and Avg: tags in, emotions out (Wei et al., CVPR 2020, section 4).

Shape letters: N = sentences (one image's tags each), M = tags of all sentences, V = words
known, D = word vector size, W = width of the tag feature, C = emotion classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from emotionnet.data.seeding import torch_seed
from emotionnet.text.vectors import WordVectors

UNKNOWN_RANGE = 0.01  # unknown words start as uniform(-0.01, 0.01)


@dataclass(frozen=True)
class Architecture:
    """Which layers a teacher has.

    `tag_map`: a linear map and ReLU for each tag, else a tag's feature is its word vector; `deep`: one
    more linear layer, without non-linearity, after BatchNorm and dropout, with dropout behind it too.
    """

    tag_map: bool
    deep: bool


ARCHITECTURES: Mapping[str, Architecture] = {
    "nlt": Architecture(tag_map=True, deep=False),
    "nlt-dan": Architecture(tag_map=True, deep=True),
    "avg": Architecture(tag_map=False, deep=False),
}


class TextOutput(NamedTuple):
    """`scores` (N, C) before softmax; `features` (N, W): after BatchNorm, or after `fc_m` if there is one."""

    scores: Tensor
    features: Tensor


class TextTeacher(nn.Module):
    """Embedding, for each tag a linear map and ReLU, mean, BatchNorm, dropout, linear; see `ARCHITECTURES`.

    The mean runs over `max_tags` positions, and each position without a tag adds
    ReLU(bias), or nothing where there is no map: the module computes that share in one product
    instead of running padding through the linear map; the numbers are the same. BatchNorm needs at
    least two sentences in training mode.

    State-dict names are those of the 2020 code: `embedding.weight` (V + 2, D) with row V
    for an unknown word and row V + 1, always zero, for padding; `conv.weight` (W, 1, D)
    and `conv.bias`, the linear map stored as a convolution over the joined vectors; `bn.*`,
    `fc_m.*` (W, W) and `fc.*`. Weights start from seed 0 (`reset_parameters`).

    Args:
        vocab_size: V.
        word_dim: D.
        n_classes: C.
        architecture: A name in `ARCHITECTURES`.
        width: W; without a map per tag it is D, whatever is asked for.
        max_tags: Positions that the mean runs over; further tags do not count.
        dropout: Chance that an entry of the sentence feature is dropped, 0 to 1.
        static: Whether word vectors are kept from training.

    Raises:
        ValueError: The architecture is unknown.
    """

    def __init__(  # noqa: PLR0913 (what a 2020 model's arguments hold)
        self,
        *,
        vocab_size: int,
        word_dim: int,
        n_classes: int,
        architecture: str = "nlt",
        width: int = 300,
        max_tags: int = 100,
        dropout: float = 0.5,
        static: bool = True,
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be one of {', '.join(ARCHITECTURES)}; got {architecture!r}")
        has = ARCHITECTURES[architecture]
        width = width if has.tag_map else word_dim
        self.vocab_size, self.feature_size, self.max_tags = vocab_size, width, max_tags
        with torch_seed(0):
            self.embedding = nn.Embedding(vocab_size + 2, word_dim, padding_idx=vocab_size + 1)
            self.conv = nn.Conv1d(1, width, kernel_size=word_dim, stride=word_dim) if has.tag_map else None
            self.bn = nn.BatchNorm1d(width)
            self.fc_m = nn.Linear(width, width) if has.deep else None
            self.fc = nn.Linear(width, n_classes)
        self.dropout = nn.Dropout(dropout)
        self.embedding.weight.requires_grad_(not static)
        self.reset_parameters(0)

    @classmethod
    def from_vectors(  # noqa: PLR0913 (those of __init__, and what fills the embedding)
        cls,
        vectors: WordVectors,
        tags: Sequence[str],
        *,
        n_classes: int,
        architecture: str = "nlt",
        width: int = 300,
        max_tags: int = 100,
        dropout: float = 0.5,
        static: bool = True,
        seed: int,
    ) -> TextTeacher:
        """A teacher whose tag ids are indices into `tags`.

        Args:
            vectors: Their vectors; a tag without one starts as uniform(-0.01, 0.01).
            tags: The V tags.
            n_classes: C; it and the next five are those of the class.
            architecture: A name in `ARCHITECTURES`.
            width: W.
            max_tags: Positions that the mean runs over.
            dropout: Chance that an entry of the sentence feature is dropped.
            static: Whether word vectors are kept from training.
            seed: Of all that is random at the start; global random state stays as it was.
        """
        teacher = cls(
            vocab_size=len(tags),
            word_dim=vectors.size,
            n_classes=n_classes,
            architecture=architecture,
            width=width,
            max_tags=max_tags,
            dropout=dropout,
            static=static,
        )
        teacher.reset_parameters(seed)
        rows_VD, known = vectors.matrix(tags)
        places_K = torch.tensor([place for place, has in enumerate(known) if has], dtype=torch.int64)
        with torch.no_grad():
            teacher.embedding.weight[places_K] = torch.from_numpy(rows_VD)[places_K]
        return teacher

    def reset_parameters(self, seed: int) -> None:
        """Start anew: word vectors uniform(-0.01, 0.01), padding zero, the rest PyTorch's own."""
        with torch_seed(seed), torch.no_grad():
            self.embedding.weight.uniform_(-UNKNOWN_RANGE, UNKNOWN_RANGE)
            self.embedding.weight[self.vocab_size + 1] = 0
            for layer in (self.conv, self.bn, self.fc_m, self.fc):
                if layer is not None:
                    layer.reset_parameters()

    def forward(self, tag_ids_M: Tensor, offsets_N: Tensor) -> TextOutput:
        """Score sentences, laid end to end as `pack` lays them.

        Args:
            tag_ids_M: Tag ids, V for an unknown word; int64, shape (M,).
            offsets_N: Where each sentence begins; int64, shape (N,), rising from 0. A
                sentence may be empty: it is all padding.

        Raises:
            ValueError: Not one axis each, or no sentence.
        """
        if tag_ids_M.ndim != 1 or offsets_N.ndim != 1 or len(offsets_N) == 0:
            shapes = f"{tuple(tag_ids_M.shape)} and {tuple(offsets_N.shape)}"
            raise ValueError(f"tag ids and offsets must have the shapes (M,) and (N,), N > 0; got {shapes}")
        features_NW = self.bn(self._mean_over_positions(tag_ids_M, offsets_N))
        if self.fc_m is not None:
            features_NW = self.fc_m(self.dropout(features_NW))
        return TextOutput(scores=self.fc(self.dropout(features_NW)), features=features_NW)

    def tag_features(self, tag_ids_M: Tensor) -> Tensor:
        """The feature of each tag by itself: after ReLU, or its word vector; float, shape (M, W)."""
        vectors_MD: Tensor = self.embedding(tag_ids_M)
        if self.conv is None:
            return vectors_MD
        return relu(linear(vectors_MD, self.conv.weight.squeeze(1), self.conv.bias))

    def padding_feature(self) -> Tensor:
        """What `tag_features` gives for padding: ReLU of the bias, or zeros; float, shape (W,)."""
        if self.conv is None:
            return self.embedding.weight.new_zeros(self.feature_size)
        assert self.conv.bias is not None  # built with one
        return relu(self.conv.bias)

    def _mean_over_positions(self, tag_ids_M: Tensor, offsets_N: Tensor) -> Tensor:
        ends_N = torch.cat([offsets_N[1:], offsets_N.new_tensor([len(tag_ids_M)])])
        lengths_N = ends_N - offsets_N
        sentence_M = torch.repeat_interleave(lengths_N, output_size=len(tag_ids_M))
        if int(lengths_N.max()) > self.max_tags:
            position_M = torch.arange(len(tag_ids_M), device=tag_ids_M.device) - offsets_N[sentence_M]
            counts_M = position_M < self.max_tags
            tag_ids_M, sentence_M = tag_ids_M[counts_M], sentence_M[counts_M]
        features_MW = self.tag_features(tag_ids_M)
        padding_W = self.padding_feature()
        places_N = (self.max_tags - lengths_N).clamp(min=0).to(padding_W.dtype)
        sums_NW = torch.outer(places_N, padding_W).to(features_MW.dtype)
        return sums_NW.index_add(0, sentence_M, features_MW) / self.max_tags


def pack(bags: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Lay sentences of tag ids end to end, as `TextTeacher` takes them.

    Returns:
        All tag ids, int64, shape (M,), and where each sentence begins, int64, shape (N,).
    """
    lengths_N = torch.tensor([len(bag) for bag in bags], dtype=torch.int64)
    tag_ids_M = torch.tensor([tag for bag in bags for tag in bag], dtype=torch.int64)
    return tag_ids_M, lengths_N.cumsum(0) - lengths_N
