"""Labels as points of the space that pictures are projected into, and how near a picture is to each.

A label is a few words. Its points are their vectors, or what a text teacher makes of each of them by itself
(Wei et al., CVPR 2020, section 4). Shape letters: N = pictures, K = labels, W = words of one label,
V = words known, D = embedding size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from emotionnet.inference.outputs import Array
from emotionnet.records import DataError
from emotionnet.text.vectors import WordVectors

Pool = Literal["mean", "max"]
Labels = Sequence[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class TeacherWords:
    """A teacher's tags as vectors: its feature of each tag; `unknown` (D,) stands for any other word."""

    tags: WordVectors
    unknown: Array


def word_sets(labels: Labels) -> dict[str, tuple[str, ...]]:
    """For each label its words.

    Raises:
        DataError: No label, a label without a word, or something that is no text.
    """
    by_name = labels.items() if isinstance(labels, Mapping) else ((name, (name,)) for name in labels)
    words = {name: (some,) if isinstance(some, str) else tuple(some) for name, some in by_name}
    if isinstance(labels, str):
        raise DataError(f"labels must be a list of words, or words by label; got the text {labels!r}")
    if not words or not all(words.values()):
        raise DataError(f"every label must have at least one word, and one label be given; got {labels!r}")
    odd = [word for some in words.values() for word in some if not isinstance(word, str)]
    if odd:
        raise DataError(f"every word must be a text; got {odd[0]!r}")
    return words


def label_points(words: Mapping[str, Sequence[str]], space: WordVectors | TeacherWords) -> dict[str, Array]:
    """The points of each label, of length 1 (0 for a zero vector), in its words' order.

    Args:
        words: At least one word for each label; capitals do not matter where the vectors have none.
        space: Word vectors, or `teacher_words.teacher_words`.

    Returns:
        Float32, shape (W, D), for each label.

    Raises:
        DataError: A word has no vector; names all such words.
    """
    known = space.tags if isinstance(space, TeacherWords) else space
    wanted = dict.fromkeys(word for some in words.values() for word in some)
    found = {word: word_vector(word, known) for word in wanted}
    if isinstance(space, TeacherWords):
        found = {word: space.unknown if vector is None else vector for word, vector in found.items()}
    missing = ", ".join(word for word, vector in found.items() if vector is None)
    if missing:
        raise DataError(f"every word must have a vector; this run's vectors lack {missing}")
    return {
        label: unit_rows(np.stack([vector for word in some if (vector := found[word]) is not None]))
        for label, some in words.items()
    }


def label_scores(projection_ND: Array, points: Mapping[str, Array], *, pool: Pool = "mean") -> Array:
    """Mean or largest cosine between each projection and the points of each label.

    Args:
        projection_ND: Any length per row; a zero row has cosine 0 with all.
        points: As `label_points` gives them.
        pool: Which.

    Returns:
        Float32, shape (N, K), from -1 to 1.

    Raises:
        DataError: Projection and points have another size.
    """
    size = next(iter(points.values())).shape[1]
    if projection_ND.shape[1] != size:
        sizes = f"{size} and {projection_ND.shape[1]}"
        raise DataError(f"the points of labels and the projection must have one size; got {sizes}")
    unit_ND = unit_rows(projection_ND)
    if pool == "mean":
        cosines_NK: Array = unit_ND @ np.stack([some.mean(axis=0) for some in points.values()], axis=1)
        return cosines_NK
    return np.stack([(unit_ND @ some.T).max(axis=1) for some in points.values()], axis=1)


def unit_rows(rows_ND: Array) -> Array:
    """Rows of length 1; a zero row stays zero."""
    lengths_N1 = np.linalg.norm(rows_ND, axis=-1, keepdims=True)
    unit_ND: Array = rows_ND / np.maximum(lengths_N1, 1e-12)
    return unit_ND


def word_vector(word: str, vectors: WordVectors) -> Array | None:
    """The vector of a word, else that of its small letters, (D,); None where there is neither."""
    vector = vectors.get(word)
    return vectors.get(word.lower()) if vector is None else vector
