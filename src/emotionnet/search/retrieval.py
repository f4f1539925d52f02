"""The best pictures of an index for what is asked: by comparing all, or candidates of approximate search.

Shape letters: N = pictures, V = size of a vector.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array
from emotionnet.search.ann import candidates
from emotionnet.search.ranking import Column, Mix, directions, log_probabilities, standard_scores
from emotionnet.search.store import EXACT_LIMIT, Index, vectors_of

SAMPLE = 2_048  # pictures that means and deviations are taken from where there are too many to look at all


class Retrieval:
    """An index whose pictures are ranked, by several threads at once."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._drawing = threading.Lock()
        self._samples: dict[Column, Array] = {}

    def ranked(self, asked: Mix, count: int, where: str | None = None) -> list[tuple[str, float]]:
        """The ids of the best pictures and their scores, the best first, equal ones in order of their paths.

        All pictures are compared where there are at most `EXACT_LIMIT`; else those that approximate search
        finds in each direction, with their exact scores.

        Args:
            asked: What they are ranked by.
            count: How many, at most.
            where: As for `Index.table`; only such pictures are given.

        Raises:
            DataError: The index cannot be read.
        """
        if not len(self.index):
            return []
        if self._is_small:
            scores_N = standard_scores(asked, self._all)
            kept = np.arange(len(self.index)) if where is None else self.index.rows_where(where)
            order = kept[_best(scores_N[kept], count)]
            return [(self.index.ids[row], float(scores_N[row])) for row in order]
        wanted = list(directions(asked))
        ids = self._candidates(wanted, count, where)
        if not ids:
            return []
        vectors = self.vectors(dict(wanted), ids)
        scores_N = standard_scores(asked, vectors.__getitem__, self._sample)
        return [(ids[place], float(scores_N[place])) for place in _best(scores_N, count)]

    def vectors(self, columns: Collection[Column], ids: Sequence[str]) -> dict[Column, Array]:
        """Vectors of some pictures, in the given order; float32, shape (N, V) for each column."""
        if self._is_small:
            rows = [self.index.row(name) for name in ids]
            return {column: self._all(column)[rows] for column in columns}
        kept = {column: "probabilities" if column == "log_probabilities" else column for column in columns}
        found = self.index.table(list(kept.values()), ids=ids)
        info = self.index.info
        sizes = {
            "features": info.n_features,
            "projection": info.embedding_size or 0,
            "probabilities": len(info.emotions),
        }
        vectors = {
            column: vectors_of(found[name].combine_chunks(), sizes[name]) for column, name in kept.items()
        }
        return {
            column: log_probabilities(rows_NV) if column == "log_probabilities" else unit_rows(rows_NV)
            for column, rows_NV in vectors.items()
        }

    @property
    def _is_small(self) -> bool:
        return len(self.index) <= EXACT_LIMIT

    def _candidates(self, wanted: Sequence[tuple[Column, Array]], count: int, where: str | None) -> list[str]:
        """What may be among the best, in order of the paths; all where probabilities alone are asked for."""
        if all(column == "log_probabilities" for column, _ in wanted):
            return list(self.index.table(["id"], where=where)["id"].to_pylist())
        found: set[str] = set()
        for column, direction in wanted:
            if column != "log_probabilities":
                found.update(candidates(self.index, column, direction, count, where=where))
        return sorted(found, key=self.index.row)

    def _all(self, column: Column) -> Array:
        rows_NV = self._log_probabilities if column == "log_probabilities" else getattr(self.index, column)
        assert isinstance(rows_NV, np.ndarray), f"{self.index.folder}: {column}"
        return rows_NV

    @cached_property
    def _log_probabilities(self) -> Array:
        return log_probabilities(self.index.probabilities)

    def _sample(self, column: Column) -> Array:
        """Vectors of pictures drawn with a fixed seed."""
        with self._drawing:
            if column not in self._samples:
                drawn = np.random.default_rng(0).choice(
                    len(self.index), min(SAMPLE, len(self.index)), replace=False
                )
                ids = [self.index.ids[row] for row in np.sort(drawn)]
                self._samples |= self.vectors([column], ids)
            return self._samples[column]


def _best(scores_N: Array, count: int) -> npt.NDArray[np.intp]:
    """Places of the largest, the largest first, equal ones in order."""
    if len(scores_N) > count:
        least = np.partition(scores_N, len(scores_N) - count)[len(scores_N) - count]
        places = np.flatnonzero(scores_N >= least)
    else:
        places = np.arange(len(scores_N))
    order = np.argsort(-scores_N[places], kind="stable")[:count]
    return np.asarray(places[order])
