"""Batches of tag sentences, as arrays: a sentence is too little work to be a Python object of its own.

Shape letters: N = sentences, M = tags of all sentences, laid end to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
import numpy.typing as npt
import torch

from emotionnet.data.epoch_order import EpochOrder, Sample
from emotionnet.data.loaders import Batch
from emotionnet.data.many_seeds import uniforms

AT_ONCE = 16  # batches that are drawn together

Ids = npt.NDArray[np.int64]


class TagBatches:
    """The batches of an order, epoch after epoch; the inputs are tag ids (M,) and where sentences begin (N,).

    Args:
        bags: The tag ids of each sentence.
        order: Which sentences come when.
        dropout: Chance that a tag is left out of its sentence, by the sample's seed alone; 0 to 1.
    """

    def __init__(self, bags: Sequence[Sequence[int]], order: EpochOrder, *, dropout: float = 0.0) -> None:
        self._lengths = np.array([len(bag) for bag in bags], dtype=np.int64)
        self._tags = np.fromiter(chain.from_iterable(bags), dtype=np.int64, count=int(self._lengths.sum()))
        self._starts = _starts(self._lengths)
        self.order, self.dropout = order, dropout

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.order)
        while some := list(islice(batches, AT_ONCE)):
            yield from self._drawn(some)

    def _drawn(self, some: Sequence[Sequence[Sample]]) -> Iterator[Batch]:
        drawn = [sample for samples in some for sample in samples]
        indices_N, seeds_N = np.array(drawn, dtype=np.int64).reshape(-1, 2).T
        tags_M, lengths_N = self._sentences(indices_N, seeds_N)
        ends = np.cumsum([len(samples) for samples in some])
        starts_N = _starts(lengths_N)
        edges_N = np.append(starts_N, len(tags_M))
        for first, end in zip(ends - [len(samples) for samples in some], ends, strict=True):
            begin = edges_N[first]
            tags = tags_M[begin : edges_N[end]]
            inputs = (torch.from_numpy(tags), torch.from_numpy(starts_N[first:end] - begin))
            yield Batch(inputs=inputs, indices=torch.from_numpy(indices_N[first:end].copy()))

    def _sentences(self, indices_N: Ids, seeds_N: Ids) -> tuple[Ids, Ids]:
        """The tags of some sentences, and how many each has."""
        lengths_N = self._lengths[indices_N]
        shift_N = self._starts[indices_N] - _starts(lengths_N)
        tags_M = self._tags[np.repeat(shift_N, lengths_N) + np.arange(lengths_N.sum())]
        if not self.dropout:
            return tags_M, lengths_N
        kept_M = uniforms(seeds_N, lengths_N) >= self.dropout
        sentence_M = np.repeat(np.arange(len(lengths_N)), lengths_N)
        return tags_M[kept_M], np.bincount(sentence_M[kept_M], minlength=len(lengths_N))


def _starts(lengths_N: Ids) -> Ids:
    """Where each begins when all are laid end to end."""
    starts_N: Ids = lengths_N.cumsum() - lengths_N
    return starts_N
