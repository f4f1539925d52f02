"""Which samples each process sees when: batches of one epoch after another, in an order fixed by a seed.

The order depends on the seed, the epoch and the records alone, not on workers, on the number of processes or
on where a run was interrupted.

Shape letters: N = samples, S = shards.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

Sample = tuple[int, int]  # index of a record, seed of its augmentation
Indices = npt.NDArray[np.int64]

LANES = 16  # streams of shards that a batch is drawn from: of several nodes, each reads its own lanes
WINDOW = 2  # shards of a lane whose samples are shuffled together


class EpochOrder(Sampler[list[Sample]]):
    """Batches of one epoch after another; shuffled, or in file order.

    A batch is that of all processes together: of its N samples the process `rank` of `world` gets those from
    N * rank // world up to N * (rank + 1) // world, in file order maybe none. `start` is how many batches of
    the epoch are done already. The loop sets `epoch`, `rank`, `world` and `start`.

    When shuffled, a last batch of fewer than 2 samples for each process joins the batch before it, since
    BatchNorm cannot train on one.

    Args:
        count: Samples in all.
        batch_size: Samples of a batch, of all processes together.
        seed: Fixes order and augmentation, with the epoch.
        shuffle: In random order; else in file order, each sample exactly once over all processes.
        blocks_N: The number of the shard that holds each sample; int, shape (N,). The order is random still,
            but few shards are read at a time: the same whatever the number of processes.
    """

    def __init__(
        self, count: int, *, batch_size: int, seed: int, shuffle: bool, blocks_N: Indices | None = None
    ) -> None:
        self.count, self.batch_size, self.seed, self.shuffle = count, batch_size, seed, shuffle
        self.blocks_N = blocks_N
        self.epoch = self.start = self.rank = 0
        self.world = 1

    def __len__(self) -> int:
        full, rest = divmod(self.count, self.batch_size)
        joins = rest < 2 * self.world and full > 0 and self.shuffle
        return full + (rest > 0 and not joins)

    def __iter__(self) -> Iterator[list[Sample]]:
        rng = np.random.default_rng([self.seed % 2**32, self.epoch])
        order_N, seeds_N = self._order(rng)
        batches = len(self)
        for number in range(self.start, batches):
            begin = number * self.batch_size
            size = self.count - begin if number == batches - 1 else self.batch_size
            first, end = (begin + size * rank // self.world for rank in (self.rank, self.rank + 1))
            mine_N = order_N[first:end]
            yield list(zip(mine_N.tolist(), seeds_N[mine_N].tolist(), strict=True))

    def _order(self, rng: np.random.Generator) -> tuple[Indices, Indices]:
        """The samples in the order of the epoch, and the seed of each sample in file order; int64, (N,)."""
        if not self.shuffle:
            return np.arange(self.count), rng.integers(2**62, size=self.count)
        if self.blocks_N is None:
            order_N = rng.permutation(self.count)
            return order_N, rng.integers(2**62, size=self.count)
        seeds_N = rng.integers(2**62, size=self.count)
        return _order_by_blocks(rng, self.blocks_N, self.batch_size), seeds_N


def _order_by_blocks(rng: np.random.Generator, blocks_N: Indices, batch_size: int) -> Indices:
    """A permutation that reads few shards at a time.

    Shards in random order are dealt to lanes of equal length, and each lane is shuffled a few shards at a
    time. Each batch takes an equal stretch from every lane, so that of several processes each reads its own
    lanes: of N samples lane l of L gives those from N * l // L up to N * (l + 1) // L.

    Returns:
        The samples in the order of the epoch; int64, shape (N,).
    """
    by_shard_N = np.argsort(blocks_N, kind="stable")
    sizes_S = np.bincount(blocks_N)
    ends_S = np.cumsum(sizes_S)
    shards = rng.permutation(np.flatnonzero(sizes_S))
    order_N = np.concatenate([by_shard_N[ends_S[shard] - sizes_S[shard] : ends_S[shard]] for shard in shards])
    lanes, place_N = min(LANES, len(shards)), np.arange(len(order_N))
    size_N = np.minimum(batch_size, len(order_N) - place_N // batch_size * batch_size)
    lane_N = ((place_N % batch_size + 1) * lanes - 1) // size_N
    window, start = WINDOW * int(sizes_S.max()), 0
    for length in np.bincount(lane_N, minlength=lanes).tolist():
        for begin in range(start, start + length, window):
            rng.shuffle(order_N[begin : min(begin + window, start + length)])
        start += length
    shuffled_N = np.empty_like(order_N)
    shuffled_N[np.argsort(lane_N, kind="stable")] = order_N
    return shuffled_N
