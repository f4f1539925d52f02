"""The terms of the image network's loss, each a function of a batch's output (Wei et al. 2020, section 4).

What a term compares the output with is computed for a whole split before training. Shape letters:
N = images of the batch, M = images of the split, C = emotions, D = embedding size, A = teacher's emotions,
T = tags of the batch, V = tags of the teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emotionnet.losses import (
    NO_LABEL,
    attended_features,
    distillation_loss,
    embedding_distance,
    hardest_label_loss,
    multi_label_cross_entropy,
    single_label_cross_entropy,
    soft_cross_entropy,
)
from emotionnet.models.network import EmotionOutput
from emotionnet.models.transform import TextTransform
from emotionnet.records import ImageRecord
from emotionnet.text.teacher import pack

Compared = Callable[[EmotionOutput, Tensor], Tensor]  # a batch's output and its indices in, a scalar out
Loss = Callable[[Tensor, Tensor], Tensor]
CLASSIFICATIONS: dict[str, Loss] = {
    "soft_cross_entropy": soft_cross_entropy,
    "cross_entropy": single_label_cross_entropy,
    "bce": multi_label_cross_entropy,
    "hardest": hardest_label_loss,
}


@dataclass(frozen=True)
class Classification:
    """The emotion scores against `labels`: one row, or one class, for each image of the split."""

    loss: Loss
    labels: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        return self.loss(output.scores, _rows(self.labels, output, indices))


@dataclass(frozen=True)
class FixedTarget:
    """The projection's distance to a vector of each image: `target_MD`."""

    target_MD: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        return embedding_distance(_projection(output), _rows(self.target_MD, output, indices))


@dataclass(frozen=True)
class TransformedTarget:
    """The projection's distance to a transform of the text model's feature, `features_MF`."""

    transform: TextTransform
    features_MF: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        target_ND, _ = self.transform(_rows(self.features_MF, output, indices))
        return embedding_distance(_projection(output), target_ND)


@dataclass(frozen=True)
class TransformClassification:
    """The transform's own emotion scores against the labels."""

    transform: TextTransform
    features_MF: Tensor
    distribution_MC: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        _, scores_NC = self.transform(_rows(self.features_MF, output, indices))
        return soft_cross_entropy(scores_NC, _rows(self.distribution_MC, output, indices))


@dataclass(frozen=True)
class AttendedTarget:
    """The projection's distance to the tags that it attends to itself; `bags` hold each image's tag ids."""

    bags: Sequence[Sequence[int]]
    features_VD: Tensor
    padding_D: Tensor
    max_tags: int

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        projection_ND = _projection(output)
        bags = [self.bags[index][: self.max_tags] for index in indices.tolist()]
        tags_T, _ = pack(bags)
        device = projection_ND.device
        counts_N = torch.tensor([len(bag) for bag in bags])
        target_ND = attended_features(
            projection_ND,
            self.features_VD[tags_T].to(device),
            torch.repeat_interleave(counts_N).to(device),
            self.padding_D.to(device),
            (self.max_tags - counts_N).to(device, projection_ND.dtype),
        )
        return embedding_distance(projection_ND, target_ND)


@dataclass(frozen=True)
class Distillation:
    """The second head against the text model's scores before softmax, `teacher_MA`."""

    teacher_MA: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        assert output.aux_scores is not None  # the term is made for networks with such a head
        return distillation_loss(output.aux_scores, _rows(self.teacher_MA, output, indices))


def single_labels(records: Sequence[ImageRecord]) -> Tensor:
    """Each record's first label, or -1 where it has none; int64, shape (M,)."""
    return torch.tensor([record.labels[0] if record.labels else NO_LABEL for record in records])


def _rows(table: Tensor, output: EmotionOutput, indices: Tensor) -> Tensor:
    return table[indices].to(output.scores.device)


def _projection(output: EmotionOutput) -> Tensor:
    assert output.projection is not None  # the term is made for networks with such a head
    return output.projection
