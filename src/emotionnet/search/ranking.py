"""How well pictures fit what is asked for.

A query is a weighted sum of parts, a part is a mean of measures, and a measure is a sum of dot products,
each with one column of a picture's vectors. Cosines of words, cosines of pictures and probabilities lie on
scales of their own, so each measure is taken in standard deviations from its mean over the index before
anything is added.

Shape letters: N = pictures, V = size of a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from emotionnet.inference.outputs import Array

Column = Literal["features", "projection", "probabilities"]
Vectors = Callable[[Column], Array]  # the vectors of some pictures: float32, shape (N, V)

_FLAT = 1e-7  # a spread below it is that of rounding: all pictures fit alike


@dataclass(frozen=True, eq=False)
class Measure:
    """Dot products with columns of vectors, added up; `directions` are of shape (V,)."""

    directions: Mapping[Column, Array]

    def of(self, pictures: Vectors) -> Array:
        """Of each picture; float32, shape (N,)."""
        products = [pictures(column) @ direction for column, direction in self.directions.items()]
        summed: Array = np.sum(products, axis=0, dtype=np.float32)
        return summed


@dataclass(frozen=True, eq=False)
class Part:
    """One thing that is asked for; a weight below 0 asks for the contrary."""

    weight: float
    measures: tuple[Measure, ...]


def standard_scores(parts: Sequence[Part], pictures: Vectors, reference: Vectors | None = None) -> Array:
    """How well each picture fits all parts.

    Args:
        parts: At least one, whose weights are not all 0.
        pictures: Their vectors, by column.
        reference: Vectors of the pictures that means and deviations are those of; None: of the same.

    Returns:
        The mean of the parts' standard scores by their weights; float32, shape (N,), in standard deviations.
    """
    total = sum(abs(part.weight) for part in parts)
    scores = [
        part.weight / total / len(part.measures) * _standard(measure, pictures, reference)
        for part in parts
        for measure in part.measures
    ]
    summed: Array = np.sum(scores, axis=0, dtype=np.float32)
    return summed


def _standard(measure: Measure, pictures: Vectors, reference: Vectors | None) -> Array:
    raw_N = measure.of(pictures)
    known_N = raw_N if reference is None else measure.of(reference)
    mean, spread = float(known_N.mean(dtype=np.float64)), float(known_N.std(dtype=np.float64))
    if spread < _FLAT:
        return np.zeros_like(raw_N)
    standard_N: Array = ((raw_N - mean) / spread).astype(np.float32)
    return standard_N


def directions(parts: Sequence[Part]) -> list[tuple[Column, Array]]:
    """Where the best pictures lie: the directions of the parts, turned round where a weight is below 0."""
    return [
        (column, direction if part.weight > 0 else -direction)
        for part in parts
        for measure in part.measures
        for column, direction in measure.directions.items()
    ]
