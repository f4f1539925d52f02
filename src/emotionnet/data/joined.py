"""Which of many numbers belong together, pair by pair, many pairs at a time.

Shape letters: N = numbers, P = pairs.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Integers = npt.NDArray[np.int64]

_WAITING = 1 << 20  # pairs


class Joined:
    """Sets of the numbers 0 to N - 1 that grow together; several threads may join.

    Args:
        n: How many numbers there are.
    """

    def __init__(self, n: int) -> None:
        self.labels_N = np.arange(n, dtype=np.int64)  # of each, as far as was looked at
        self._waiting: list[tuple[Integers, Integers]] = []
        self._number = 0
        self._lock = threading.Lock()

    def join(self, one_P: npt.ArrayLike, other_P: npt.ArrayLike) -> None:
        """Put the sets of both numbers of each pair together; integers, shape (P,)."""
        one_P, other_P = np.asarray(one_P, dtype=np.int64), np.asarray(other_P, dtype=np.int64)
        with self._lock:
            self._waiting.append((one_P, other_P))
            self._number += len(one_P)
            if self._number > min(_WAITING, len(self.labels_N)):
                self._settle()

    def smallest(self) -> Integers:
        """For each number the smallest of its set; int64, shape (N,)."""
        with self._lock:
            self._settle()
            return self.labels_N

    def _settle(self) -> None:
        if not self._number:
            return
        ends_2P = np.stack([np.concatenate(side) for side in zip(*self._waiting, strict=True)])
        self._waiting, self._number = [], 0
        names, ends = np.unique(self.labels_N[ends_2P], return_inverse=True)
        one, other = ends.reshape(ends_2P.shape)
        graph = coo_array((np.ones(len(one), dtype=np.bool_), (one, other)), shape=(len(names), len(names)))
        _, parts = connected_components(graph, directed=False)
        _, first = np.unique(parts, return_index=True)  # names are in order: the first is the smallest
        above_N = np.arange(len(self.labels_N), dtype=np.int64)
        above_N[names] = names[first[parts]]
        self.labels_N = above_N[self.labels_N]
