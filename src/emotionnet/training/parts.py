"""One split, as the loop sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.loaders import Batch
from emotionnet.training.objective import Objective


def as_it_is(values: Tensor) -> Tensor:
    """The input that a module takes without further ado."""
    return values


@dataclass(frozen=True)
class Part:
    """One split as the loop sees it; `prepare` makes a module's input of a batch's, on the device."""

    loader: Iterable[Batch]
    order: EpochOrder
    objective: Objective
    prepare: Callable[[Tensor], Tensor] = as_it_is

    @property
    def usual_size(self) -> int:
        """Samples that this process has of most batches."""
        size, rank, world = min(self.order.batch_size, self.order.count), self.order.rank, self.order.world
        return size * (rank + 1) // world - size * rank // world
