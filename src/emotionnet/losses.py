"""Training losses. Shape letters: N = images in the batch, C = emotion classes, D = embedding size."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cosine_similarity, log_softmax, softmax


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


def soft_cross_entropy(logits_NC: Tensor, targets_NC: Tensor) -> Tensor:
    """Mean over the batch of -sum_c y_c log softmax(s)_c (Wei et al., CVPR 2020, section 4).

    A target row of zeros adds nothing to the sum and still counts in the mean's
    denominator. Rows need not sum to 1: a multi-hot row costs the sum over its labels.

    Args:
        logits_NC: Scores before softmax; float, shape (N, C).
        targets_NC: Target weights of the classes; float, shape (N, C), at least 0.

    Returns:
        Scalar, at least 0; nats.

    Raises:
        ValueError: The shapes differ or are not (N, C).
    """
    _require_one_shape("scores and targets", "(N, C)", logits_NC, targets_NC)
    return -(targets_NC * log_softmax(logits_NC, dim=1)).sum(dim=1).mean()


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


def _require_one_shape(names: str, letters: str, first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 2:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"{names} must have one {letters} shape; got {shapes}")
