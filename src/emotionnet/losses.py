"""Training losses.

Shape letters: N = images of a batch, C = emotions, D = embedding size, T = tags, K = dimensions such as
valence. Where a loss takes `weights_C`, one weight for each emotion, at least 0, the cost of a label is
multiplied with the weight of its emotion; the loss's denominator stays as it is, so that weights whose mean
over the labels is 1 keep its scale.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    kl_div,
    log_softmax,
    logsigmoid,
    softmax,
)

NO_LABEL = -1  # stands in a list of single labels for an image that has none
SMALLEST_SHARE = 0.01  # of a teacher's softmax that is mixed into labels


def label_distribution(labels_NC: Tensor) -> Tensor:
    """Turn multi-hot labels or vote counts into a distribution over the classes.

    1/k for each of an image's k labels; counts are divided by their sum (Wei et al.,
    CVPR 2020, section 4: soft labels). A row of zeros stays zero.

    Args:
        labels_NC: Multi-hot labels or counts; shape (N, C), finite, at least 0.

    Returns:
        Float, shape (N, C); each row sums to 1, or to 0 where no label was given.

    Raises:
        ValueError: Not two axes, or a negative or non-finite entry.
    """
    if labels_NC.ndim != 2:
        raise ValueError(f"labels must have the shape (N, C); got {tuple(labels_NC.shape)}")
    floats_NC = labels_NC if labels_NC.is_floating_point() else labels_NC.float()
    if not bool((floats_NC.isfinite() & (floats_NC >= 0)).all()):
        raise ValueError("labels must be finite and at least 0; some are not")
    sums_N1 = floats_NC.sum(dim=1, keepdim=True)
    return floats_NC / sums_N1.where(sums_N1 > 0, 1.0)


def smoothed(labels_NC: Tensor, share: float) -> Tensor:
    """Labels with a share of each row spread over all classes alike (Szegedy et al., CVPR 2016, section 7).

    Args:
        labels_NC: Labels as distributions; float, shape (N, C), at least 0.
        share: How much is spread, 0 to 1, no unit.

    Returns:
        Float, shape (N, C); each row keeps its sum, so that one without label stays zero.
    """
    return (1 - share) * labels_NC + share * labels_NC.mean(dim=1, keepdim=True)


def soft_cross_entropy(logits_NC: Tensor, targets_NC: Tensor, weights_C: Tensor | None = None) -> Tensor:
    """Mean over the batch of -sum_c y_c log softmax(s)_c (Wei et al., CVPR 2020, section 4).

    A target row of zeros adds nothing to the sum and still counts in the mean's
    denominator. Rows need not sum to 1: a multi-hot row costs the sum over its labels.

    Args:
        logits_NC: Scores before softmax; float, shape (N, C).
        targets_NC: Target weights of the classes; float, shape (N, C), at least 0.
        weights_C: See the top of this file.

    Returns:
        Scalar, at least 0; nats.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("scores and targets", "(N, C)", logits_NC, targets_NC)
    weighed_NC = targets_NC if weights_C is None else targets_NC * weights_C
    return -(weighed_NC * log_softmax(logits_NC, dim=1)).sum(dim=1).mean()


def kl_divergence(logits_NC: Tensor, targets_NC: Tensor, weights_C: Tensor | None = None) -> Tensor:
    """Mean over the batch of sum_c y_c (log y_c - log softmax(s)_c): `soft_cross_entropy` less its minimum.

    Its gradient is that of `soft_cross_entropy`; it is 0 where softmax meets the targets. 0 log 0 is 0.

    Args:
        logits_NC: Scores before softmax; float, shape (N, C).
        targets_NC: Label distributions; float, shape (N, C), rows sum to 1, or to 0: they cost nothing.
        weights_C: See the top of this file.

    Returns:
        Scalar; nats; at least 0 without weights.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("scores and targets", "(N, C)", logits_NC, targets_NC)
    costs_NC = kl_div(log_softmax(logits_NC, dim=1), targets_NC, reduction="none")
    weighed_NC = costs_NC if weights_C is None else costs_NC * weights_C
    return weighed_NC.sum(dim=1).mean()


def single_label_cross_entropy(
    logits_NC: Tensor, labels_N: Tensor, weights_C: Tensor | None = None, *, smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy over the images that have a label, as of PyTorch; 0 where none has.

    Args:
        logits_NC: Scores before softmax; float, shape (N, C).
        labels_N: Each image's class; int64, shape (N,), 0..C-1, or -1: ignored.
        weights_C: See the top of this file; PyTorch's own mean would divide by their sum over the batch.
        smoothing: As `smoothed` does with a distribution, 0 to 1.

    Returns:
        Scalar, at least 0; nats.

    Raises:
        ValueError: There is not one label for each row.
    """
    if logits_NC.ndim != 2 or labels_N.shape != logits_NC.shape[:1]:
        shapes = f"{tuple(logits_NC.shape)} and {tuple(labels_N.shape)}"
        raise ValueError(f"scores and labels must have the shapes (N, C) and (N,); got {shapes}")
    total = cross_entropy(
        logits_NC, labels_N, weights_C, ignore_index=NO_LABEL, reduction="sum", label_smoothing=smoothing
    )
    return total / (labels_N != NO_LABEL).sum().clamp(min=1)


def multi_label_cross_entropy(
    logits_NC: Tensor, labels_NC: Tensor, weights_C: Tensor | None = None
) -> Tensor:
    """Mean over images and classes of the binary cross-entropy of sigmoid(s) and a label of 0 or 1.

    Args:
        logits_NC: Scores before the sigmoid; float, shape (N, C).
        labels_NC: 1 where an image has the label, 0 elsewhere; float, shape (N, C).
        weights_C: See the top of this file; labels of 0 cost the same whatever they are (`pos_weight`).

    Returns:
        Scalar, at least 0; nats.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("scores and labels", "(N, C)", logits_NC, labels_NC)
    return binary_cross_entropy_with_logits(logits_NC, labels_NC, pos_weight=weights_C)


def asymmetric_loss(
    logits_NC: Tensor,
    labels_NC: Tensor,
    weights_C: Tensor | None = None,
    *,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    margin: float = 0.05,
) -> Tensor:
    """Binary cross-entropy that looks away from what is easy, above all from easy negatives.

    With p = sigmoid(s) and q = max(p - margin, 0), a label costs -(1 - p)^gamma_pos log p and its absence
    -q^gamma_neg log(1 - q) (Ridnik et al., ICCV 2021, section 3). The mean runs over images and classes, as
    in `multi_label_cross_entropy`, where the authors sum; gradients flow through the powers too, which the
    authors' code may cut off. 4 and 0.05 are the paper's; its gamma_pos is 0, and that of the released
    code 1 by default, as here.

    Args:
        logits_NC: Scores before the sigmoid; float, shape (N, C).
        labels_NC: 1 where an image has the label, 0 elsewhere; float, shape (N, C).
        weights_C: As in `multi_label_cross_entropy`.
        gamma_neg: Power for labels of 0; no unit, at least 1.
        gamma_pos: Power for labels of 1; no unit, 0 or at least 1.
        margin: A label of 0 whose p is at most this costs nothing; above 0, below 1.

    Returns:
        Scalar, at least 0; nats.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("scores and labels", "(N, C)", logits_NC, labels_NC)
    logits_NC = logits_NC.to(labels_NC.dtype)  # powers want more than bfloat16
    absent_NC = torch.sigmoid(-logits_NC)
    shifted_NC = (absent_NC + margin).clamp(max=1.0)  # 1 - q, at least the margin: its log is finite
    present_cost_NC = absent_NC**gamma_pos * logsigmoid(logits_NC)
    absent_cost_NC = (1 - shifted_NC) ** gamma_neg * shifted_NC.log()
    if weights_C is not None:
        present_cost_NC = present_cost_NC * weights_C
    return -(labels_NC * present_cost_NC + (1 - labels_NC) * absent_cost_NC).mean()


def hardest_label_loss(logits_NC: Tensor, labels_NC: Tensor, weights_C: Tensor | None = None) -> Tensor:
    """Mean over the batch of -log softmax(s)_h, h the label of an image that has the lowest score.

    A variant of our own; the original lets all labels of an image share the loss. An image without
    label adds nothing and still counts in the mean's denominator.

    Args:
        logits_NC: Scores before softmax; float, shape (N, C).
        labels_NC: Above 0 where an image has the label; shape (N, C).
        weights_C: See the top of this file; h is then the label that costs most.

    Returns:
        Scalar, at least 0; nats.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("scores and labels", "(N, C)", logits_NC, labels_NC)
    given_NC = log_softmax(logits_NC, dim=1).where(labels_NC > 0, 0.0)
    return -(given_NC if weights_C is None else given_NC * weights_C).amin(dim=1).mean()


def mixed_labels(labels_NC: Tensor, teacher_logits_NC: Tensor) -> Tensor:
    """Labels with the text teacher's opinion in them, (q + y) / sum(q + y) (Wei et al. 2020, section 4).

    q is the softmax of the teacher's scores, its entries below 0.01 set to 0.

    Args:
        labels_NC: Labels as a distribution, y; float, shape (N, C), at least 0.
        teacher_logits_NC: The teacher's scores of the same classes before softmax; float, shape (N, C).

    Returns:
        Float, shape (N, C); rows sum to 1, or to 0 where both y and q are all 0.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("labels and teacher", "(N, C)", labels_NC, teacher_logits_NC)
    shares_NC = softmax(teacher_logits_NC, dim=1)
    return label_distribution(labels_NC + shares_NC.where(shares_NC >= SMALLEST_SHARE, 0.0))


def distillation_loss(logits_NC: Tensor, teacher_logits_NC: Tensor) -> Tensor:
    """Soft cross-entropy of the image model against softmax of the text teacher's scores.

    No gradient flows into the teacher (Wei et al., CVPR 2020, section 4; temperature 1).

    Args:
        logits_NC: The image model's scores before softmax; float, shape (N, C).
        teacher_logits_NC: The teacher's scores before softmax; float, shape (N, C).

    Returns:
        Scalar, at least the mean entropy of the teacher; nats.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("student and teacher", "(N, C)", logits_NC, teacher_logits_NC)
    return soft_cross_entropy(logits_NC, softmax(teacher_logits_NC.detach(), dim=1))


def embedding_distance(projection_ND: Tensor, target_ND: Tensor) -> Tensor:
    """Mean over the batch of 1 - cosine(projection, target) (Wei et al., CVPR 2020, section 4).

    A row of zeros has no direction: its cosine is 0, its distance 1, its gradient 0.

    Args:
        projection_ND: Image embeddings; float, shape (N, D), any length per row.
        target_ND: What they approach; float, shape (N, D), any length per row.

    Returns:
        Scalar, from 0 to 2, no unit.

    Raises:
        ValueError: The shapes differ or are not (N, D).
    """
    _require_one_shape("projection and target", "(N, D)", projection_ND, target_ND)
    return (1 - cosine_similarity(projection_ND, target_ND, dim=1)).mean()


def concordance_loss(told_NK: Tensor, true_NK: Tensor) -> Tensor:
    """1 - concordance, the mean over the dimensions of a batch (Lin 1989, Biometrics 45).

    Concordance is 2 s_xy / (s_x^2 + s_y^2 + (mean x - mean y)^2), with variances over N, of the images whose
    true value is known; 0 where neither side varies and both are equal. A dimension that fewer than two
    images know has none and is left out; where all are, the loss is 0, and so is its gradient.

    Args:
        told_NK: What the network says, in the units of the truth; float, shape (N, K).
        true_NK: The truth; float, shape (N, K), NaN where not known.

    Returns:
        Scalar, 0 to 2, no unit.

    Raises:
        ValueError: The shapes differ or are not (N, K).
    """
    _require_one_shape("told and true values", "(N, K)", told_NK, true_NK)
    known_NK = ~true_NK.isnan()
    counts_K = known_NK.sum(dim=0).clamp(min=1)

    def mean(values_NK: Tensor) -> Tensor:
        return values_NK.where(known_NK, 0.0).sum(dim=0) / counts_K

    told_NK = told_NK.to(true_NK.dtype)  # differences want more than bfloat16
    true_NK = true_NK.where(known_NK, 0.0)
    told_K, true_K = mean(told_NK), mean(true_NK)
    from_told_NK, from_true_NK = told_NK - told_K, true_NK - true_K
    spread_K = mean(from_told_NK**2) + mean(from_true_NK**2) + (told_K - true_K) ** 2
    concordance_K = 2 * mean(from_told_NK * from_true_NK) / spread_K.where(spread_K > 0, 1.0)
    usable_K = known_NK.sum(dim=0) >= 2
    return (1 - concordance_K).where(usable_K, 0.0).sum() / usable_K.sum().clamp(min=1)


def attended_features(
    projection_ND: Tensor, features_TD: Tensor, image_T: Tensor, padding_D: Tensor, places_N: Tensor
) -> Tensor:
    """Sum of tag features, each weighed by sigmoid(feature . projection) (Wei et al., CVPR 2020, section 4).

    Weights are not normalised. The sum runs over all positions of a sentence: each one without tag adds
    the feature of padding, weighed alike. Gradients flow through the projection.

    Args:
        projection_ND: Image embeddings; float, shape (N, D).
        features_TD: The features of all tags of all images, end to end; float, shape (T, D).
        image_T: Which image each tag belongs to; int64, shape (T,), 0..N-1.
        padding_D: The feature of padding; float, shape (D,).
        places_N: Positions without tag of each image; float, shape (N,), at least 0.

    Returns:
        Float, shape (N, D).

    Raises:
        ValueError: Embeddings and features have different sizes.
    """
    sizes = projection_ND.shape[-1], features_TD.shape[-1], padding_D.shape[-1]
    if len(set(sizes)) > 1:
        raise ValueError(f"projection, tag features and padding must have one size; got {sizes}")
    weights_T = (features_TD * projection_ND[image_T]).sum(dim=1).sigmoid()
    padding_N = places_N * (projection_ND @ padding_D).sigmoid()
    sums_ND = padding_N[:, None] * padding_D
    return sums_ND.index_add(0, image_T, weights_T[:, None] * features_TD)


def _require_one_shape(names: str, letters: str, first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 2:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"{names} must have one {letters} shape; got {shapes}")
