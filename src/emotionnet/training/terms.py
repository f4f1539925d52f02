"""The terms of the image network's loss, each a function of a batch's output (Wei et al. 2020, section 4).

What a term compares the output with is computed for a whole split before training, and is moved to the device
once. Shape letters:
N = images of the batch, M = images of the split, C = emotions, D = embedding size, A = teacher's emotions,
T = tags of the batch, V = tags of the teacher, K = dimensions such as valence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor
from torch.nn.functional import one_hot

from emotionnet.config import ObjectiveConfig
from emotionnet.losses import (
    NO_LABEL,
    asymmetric_loss,
    attended_features,
    concordance_loss,
    distillation_loss,
    embedding_distance,
    hardest_label_loss,
    kl_divergence,
    multi_label_cross_entropy,
    single_label_cross_entropy,
    smoothed,
    soft_cross_entropy,
)
from emotionnet.models.network import EmotionOutput
from emotionnet.models.transform import TextTransform
from emotionnet.records import ImageRecord
from emotionnet.text.teacher import pack
from emotionnet.training.labels import balanced_weights, label_distributions, multi_hot, single_labels

Compared = Callable[[EmotionOutput, Tensor], Tensor]  # a batch's output and its indices in, a scalar out
Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # scores, labels and weights of the emotions in
CLASSIFICATIONS: dict[str, Loss] = {
    "soft_cross_entropy": soft_cross_entropy,
    "kl": kl_divergence,
    "cross_entropy": single_label_cross_entropy,
    "bce": multi_label_cross_entropy,
    "asymmetric": asymmetric_loss,
    "hardest": hardest_label_loss,
}
OF_DISTRIBUTIONS = ("soft_cross_entropy", "kl")  # classifications that compare with shares of labels
OF_EACH_ALONE = ("bce", "asymmetric")  # those whose scores become probabilities one by one, by a sigmoid


@dataclass(frozen=True)
class Classification:
    """The emotion scores against `labels`: one row, or one class, for each image of the split."""

    loss: Loss
    labels: Tensor
    weights_C: Tensor | None = None

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        weights_C = None if self.weights_C is None else _moved(self.weights_C, output.scores.device)
        return self.loss(output.scores, rows_at(self.labels, indices, output.scores.device), weights_C)


@dataclass(frozen=True)
class FixedTarget:
    """The projection's distance to a vector of each image: `target_MD`."""

    target_MD: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        return embedding_distance(_projection(output), rows_at(self.target_MD, indices, output.scores.device))


@dataclass(frozen=True)
class TransformedTarget:
    """The projection's distance to a transform of the text model's feature, `features_MF`."""

    transform: TextTransform
    features_MF: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        target_ND, _ = self.transform(rows_at(self.features_MF, indices, output.scores.device))
        return embedding_distance(_projection(output), target_ND)


@dataclass(frozen=True)
class TransformClassification:
    """The transform's own emotion scores against the labels."""

    transform: TextTransform
    features_MF: Tensor
    distribution_MC: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        _, scores_NC = self.transform(rows_at(self.features_MF, indices, output.scores.device))
        return soft_cross_entropy(scores_NC, rows_at(self.distribution_MC, indices, output.scores.device))


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
            rows_at(self.features_VD, tags_T, device),
            _moved(torch.repeat_interleave(counts_N), device),
            _moved(self.padding_D, device),
            _moved((self.max_tags - counts_N).to(projection_ND.dtype), device),
        )
        return embedding_distance(projection_ND, target_ND)


@dataclass(frozen=True)
class Distillation:
    """The second head against the text model's scores before softmax, `teacher_MA`."""

    teacher_MA: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        assert output.aux_scores is not None  # the term is made for networks with such a head
        return distillation_loss(output.aux_scores, rows_at(self.teacher_MA, indices, output.scores.device))


@dataclass(frozen=True)
class Concordance:
    """The head of dimensions against `true_MK`, NaN where not known."""

    true_MK: Tensor

    def __call__(self, output: EmotionOutput, indices: Tensor) -> Tensor:
        assert output.dimensions is not None  # the term is made for networks with such a head
        return concordance_loss(output.dimensions, rows_at(self.true_MK, indices, output.scores.device))


def classification(
    objective: ObjectiveConfig,
    records: Sequence[ImageRecord],
    distribution_MC: Tensor,
    weights_C: Tensor | None,
) -> Classification:
    """The term that the objective names, its labels smoothed as it says.

    Args:
        objective: Its classification is not 'none'.
        records: The records of the split.
        distribution_MC: Their labels as distributions, a teacher's opinion in them or not.
        weights_C: Of the emotions, see `class_weights`; None: all weigh alike.
    """
    name, share = objective.classification, objective.label_smoothing
    loss = CLASSIFICATIONS[name]
    if name in OF_DISTRIBUTIONS:
        return Classification(loss, smoothed(distribution_MC, share) if share else distribution_MC, weights_C)
    if name == "cross_entropy":
        loss = partial(single_label_cross_entropy, smoothing=share)
        return Classification(loss, single_labels(records), weights_C)
    return Classification(loss, multi_hot(records, distribution_MC.shape[1]), weights_C)


def class_weights(name: str, training: Sequence[ImageRecord], n_emotions: int) -> Tensor:
    """Balanced weights of the emotions, counted over the training labels as a classification sees them.

    Returns:
        Float32, shape (C,), 1 on average over those labels.
    """
    if name in OF_DISTRIBUTIONS:
        return balanced_weights(label_distributions(training, n_emotions))
    if name == "cross_entropy":
        labels_M = single_labels(training)
        return balanced_weights(one_hot(labels_M[labels_M != NO_LABEL], n_emotions))
    return balanced_weights(multi_hot(training, n_emotions))


def rows_at(table: Tensor, indices: Tensor, device: torch.device) -> Tensor:
    """Rows of a table, on a device; where the table lies there already, no transfer is waited for.

    Args:
        table: Any tensor, its first axis the images of a split.
        indices: Which of them; int64, on the CPU.
        device: Where the rows are to be.
    """
    return _moved(table[_moved(indices, table.device)], device)


def _moved(values: Tensor, device: torch.device) -> Tensor:
    """On a device, without waiting where that is safe."""
    moved: Tensor = move_data_to_device(values, device)
    return moved


def _projection(output: EmotionOutput) -> Tensor:
    assert output.projection is not None  # the term is made for networks with such a head
    return output.projection
