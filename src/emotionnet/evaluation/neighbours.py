"""How close test pictures lie to training pictures, and what copying the closest one would score.

Emoji of one family look alike whatever split they are in: a high score may be no more than
recognition. Shape letters: N = training pictures, M = test pictures, G = test groups,
F = features, C = classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import normalize

from emotionnet.evaluation.metrics import Labels
from emotionnet.evaluation.units import pool_labels

NEAR = 0.9


def cosines(test_MF: npt.NDArray[Any], train_NF: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Cosine of each test picture's features with each training picture's; float32, shape (M, N)."""
    unit_MF, unit_NF = (normalize(rows.astype(np.float32)) for rows in (test_MF, train_NF))
    similar_MN: npt.NDArray[np.float32] = unit_MF @ unit_NF.T
    return similar_MN


def has_neighbour(
    similar_MN: npt.NDArray[np.float32], groups: Sequence[str], *, above: float = NEAR
) -> npt.NDArray[np.bool_]:
    """Whether any picture of each group has a training picture at a cosine above `above`; shape (G,)."""
    near_M = np.any(similar_MN > above, axis=1)
    near_G: npt.NDArray[np.bool_] = pool_labels(near_M[:, None], groups)[:, 0]
    return near_G


def nearest_scores(similar_MN: npt.NDArray[np.float32], train_labels_NC: Labels) -> npt.NDArray[np.float32]:
    """1-nearest neighbour, graded: for each class the cosine with the closest training picture that has it.

    The top class is thus one of the nearest labelled picture's; a class without training picture scores -1.

    Returns:
        Float32, shape (M, C).
    """
    return np.stack([similar_MN[:, has_N].max(axis=1, initial=-1.0) for has_N in train_labels_NC.T], axis=1)
