"""How well pictures fit what is asked for.

Everything comes down to dot products with a picture's vectors. Cosines of words, cosines of pictures and
logarithms of probabilities lie on scales of their own, so each is taken in standard deviations from its mean
over the index before anything is added, and so is each sum before it goes into another.

Shape letters: N = pictures, V = size of a vector, C = emotions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from emotionnet.inference.outputs import Array

Column = Literal["features", "projection", "log_probabilities"]
Vectors = Callable[[Column], Array]  # the vectors of some pictures: float32, shape (N, V)

LEAST = 1e-4  # is added to probabilities: what is less likely than that counts alike
_FLAT = 1e-7  # a spread below it is that of rounding: all pictures fit alike


def log_probabilities(probabilities_NC: Array) -> Array:
    """The column of this name; float32, shape (N, C)."""
    logs_NC: Array = np.log(probabilities_NC + np.float32(LEAST))
    return logs_NC


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
class Mix:
    """A sum of standard scores by weights; a weight below 0 asks for the contrary."""

    terms: tuple[tuple[float, Term], ...]

    def of(self, pictures: Vectors, reference: Vectors | None) -> tuple[Array, Array]:
        """Of each picture, and of those of the reference; float32, shape (N,) each."""
        found = [(weight, *_standard(term, pictures, reference)) for weight, term in self.terms]
        ours_N: Array = np.sum([weight * ours for weight, ours, _ in found], axis=0, dtype=np.float32)
        if reference is None:
            return ours_N, ours_N
        known: Array = np.sum([weight * theirs for weight, _, theirs in found], axis=0, dtype=np.float32)
        return ours_N, known


Term: TypeAlias = Measure | Mix


def standard_scores(asked: Mix, pictures: Vectors, reference: Vectors | None = None) -> Array:
    """How well each picture fits all that is asked for.

    Args:
        asked: At least one term, weights other than 0.
        pictures: Their vectors, by column.
        reference: Vectors of the pictures that means and deviations are those of; None: of the same.

    Returns:
        The mean of the terms' standard scores by their weights; float32, shape (N,), in standard deviations.
    """
    total = sum(abs(weight) for weight, _ in asked.terms)
    return asked.of(pictures, reference)[0] / np.float32(total)


def _standard(term: Term, pictures: Vectors, reference: Vectors | None) -> tuple[Array, Array]:
    if isinstance(term, Mix):
        raw_N, known_N = term.of(pictures, reference)
    else:
        raw_N = term.of(pictures)
        known_N = raw_N if reference is None else term.of(reference)
    mean, spread = known_N.mean(dtype=np.float64), known_N.std(dtype=np.float64)
    if spread < _FLAT:
        return np.zeros_like(raw_N), np.zeros_like(known_N)
    ours, theirs = (((rows - mean) / spread).astype(np.float32) for rows in (raw_N, known_N))
    return ours, theirs


def directions(asked: Mix, sign: float = 1.0) -> Iterator[tuple[Column, Array]]:
    """Where the best pictures lie: the directions of all terms, turned round where a weight is below 0."""
    for weight, term in asked.terms:
        turned = float(np.sign(weight)) * sign
        if isinstance(term, Mix):
            yield from directions(term, turned)
        else:
            for column, direction in term.directions.items():
                yield column, np.float32(turned) * direction
