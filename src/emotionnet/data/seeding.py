"""Randomness of torch from a seed, with the global state left as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def torch_seed(*numbers: int, cuda_devices: Iterable[int] = ()) -> Iterator[None]:
    """Within the block torch draws from a state that depends on `numbers` alone.

    Args:
        numbers: Any integers, such as a seed, an epoch and a step.
        cuda_devices: GPUs whose generators are seeded and restored too.
    """
    seed = np.random.SeedSequence([number % 2**63 for number in numbers]).generate_state(1, np.uint64)[0]
    devices = list(cuda_devices)
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(int(seed))  # torch.manual_seed would reach every GPU
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(int(seed))
        yield
