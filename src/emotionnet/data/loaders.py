"""Records to torch batches, in an order fixed by a seed.

The order of an epoch and the augmentation of a picture depend on the seed, the epoch
and the record alone, not on workers or on where a run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import v2

from emotionnet.data.images import Preprocessing, decode, evaluation_array
from emotionnet.data.seeding import torch_seed
from emotionnet.records import DataError

Sample = tuple[int, int]  # index of a record, seed of its augmentation
Transform = Callable[[Image.Image, int], Tensor]


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    `inputs` are the module's arguments; `indices` (int64, shape (N,)) tell which records they are;
    `skipped` names pictures of this batch that could not be read.
    """

    inputs: tuple[Tensor, ...]
    indices: Tensor
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.indices)


class EpochOrder(Sampler[list[Sample]]):
    """Batches of one epoch after another; shuffled, or in file order.

    A last batch of one joins the batch before it, since BatchNorm cannot train on it.
    """

    def __init__(self, count: int, *, batch_size: int, seed: int, shuffle: bool) -> None:
        self.count, self.batch_size, self.seed, self.shuffle = count, batch_size, seed, shuffle
        self.epoch = 0

    def __len__(self) -> int:
        full, rest = divmod(self.count, self.batch_size)
        joins = rest == 1 and full > 0 and self.shuffle
        return full + (rest > 0) - joins

    def __iter__(self) -> Iterator[list[Sample]]:
        rng = np.random.default_rng([self.seed % 2**32, self.epoch])
        order = rng.permutation(self.count) if self.shuffle else np.arange(self.count)
        seeds = rng.integers(2**62, size=self.count)
        samples = [(int(index), int(seeds[index])) for index in order]
        batches = len(self)
        for number in range(batches):
            end = self.count if number == batches - 1 else (number + 1) * self.batch_size
            yield samples[number * self.batch_size : end]


class Augmentation:
    """Random resized crop and mirror (torchvision v2), then normalised; random by the sample's seed alone."""

    def __init__(self, how: Preprocessing, *, crop_scale: tuple[float, float], flip: bool) -> None:
        steps: list[Any] = [v2.RandomResizedCrop(how.image_size, scale=crop_scale, antialias=True)]
        steps += [v2.RandomHorizontalFlip()] if flip else []
        steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(how.mean, how.std)]
        self.steps = v2.Compose(steps)

    def __call__(self, image: Image.Image, seed: int) -> Tensor:
        with torch_seed(seed):
            result: Tensor = self.steps(image)
        return result


class Evaluation:
    """Resize, centre crop, normalise; the same for every seed."""

    def __init__(self, how: Preprocessing) -> None:
        self.how = how

    def __call__(self, image: Image.Image, seed: int) -> Tensor:  # noqa: ARG002
        return torch.from_numpy(evaluation_array(image, self.how))


class _Pictures(Dataset[Any]):
    def __init__(self, paths: Sequence[Path], transform: Transform) -> None:
        self.paths, self.transform = paths, transform

    def __getitem__(self, sample: Sample) -> tuple[int, Tensor | str]:
        index, seed = sample
        try:
            return index, self.transform(decode(self.paths[index]), seed)
        except DataError as error:
            return index, str(error)


def image_batches(
    paths: Sequence[Path], transform: Transform, order: EpochOrder, *, workers: int
) -> DataLoader[Batch]:
    """Batches of pictures; `order.epoch` chooses the epoch; unreadable ones are left out and named."""
    return DataLoader(
        _Pictures(paths, transform),
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_collate_pictures,
        persistent_workers=workers > 0,
        generator=torch.Generator().manual_seed(order.seed),  # else it would draw from the global state
        pin_memory=torch.cuda.is_available(),
    )


def bag_batches(
    bags: Callable[[Sequence[Sample]], tuple[Tensor, Tensor]], order: EpochOrder
) -> DataLoader[Batch]:
    """Batches of tag sentences; `bags` packs the samples' tag ids as (ids, offsets)."""

    def collate(samples: Sequence[Sample]) -> Batch:
        return Batch(inputs=bags(samples), indices=torch.tensor([index for index, _ in samples]))

    generator = torch.Generator().manual_seed(order.seed)
    return DataLoader(_Samples(), batch_sampler=order, collate_fn=collate, generator=generator)


class _Samples(Dataset[Any]):
    def __getitem__(self, sample: Sample) -> Sample:
        return sample


def _collate_pictures(samples: Sequence[tuple[int, Tensor | str]]) -> Batch:
    good = [(index, image) for index, image in samples if isinstance(image, Tensor)]
    return Batch(
        inputs=(torch.stack([image for _, image in good]),) if good else (),
        indices=torch.tensor([index for index, _ in good], dtype=torch.long),
        skipped=tuple(fault for _, fault in samples if isinstance(fault, str)),
    )
