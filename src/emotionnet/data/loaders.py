"""Records to torch batches, in an order fixed by a seed, see `epoch_order`.

The augmentation of a picture depends on the seed, the epoch and the record alone, not on workers or on where
a run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from emotionnet.data.epoch_order import EpochOrder, Sample
from emotionnet.data.images import ImageLike, Preprocessing, evaluation_input, opened
from emotionnet.data.jpeg import largest_shrink
from emotionnet.data.picture import Picture
from emotionnet.data.seeding import torch_seed
from emotionnet.records import DataError

Source = ImageLike | Picture
Transform = Callable[[Source, int], Tensor]


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

    def pin_memory(self) -> Batch:
        """The same in memory that goes to a GPU while the CPU works on; DataLoader calls it."""
        inputs = tuple(value.pin_memory() for value in self.inputs)
        return replace(self, inputs=inputs, indices=self.indices.pin_memory())


class Augmentation:
    """Random resized crop and mirror (torchvision v2); random by the sample's seed alone.

    The crop is drawn on the whole picture's size. What is stored without loss is resampled by Pillow; a JPEG
    is decoded as far as its crop needs it and resampled as a tensor, which is within 1 of 255 of Pillow.
    """

    def __init__(self, how: Preprocessing, *, crop_scale: tuple[float, float], flip: bool) -> None:
        self.side, self.flip = how.image_size, flip
        self.crop = v2.RandomResizedCrop(how.image_size, scale=crop_scale, antialias=True)

    def __call__(self, source: Source, seed: int) -> Tensor:
        """uint8, shape (3, side, side), the channels of a pixel side by side in memory."""
        with opened(source) as picture:
            with torch_seed(seed):
                drawn = self.crop.make_params([torch.empty(1).expand(picture.size[::-1])])
                mirrored = self.flip and torch.rand(1).item() < 0.5
            box = (drawn["top"], drawn["left"], drawn["height"], drawn["width"])
            cropped = self._cropped(picture, box)
        return functional.horizontal_flip(cropped) if mirrored else cropped

    def _cropped(self, picture: Picture, box: tuple[int, int, int, int]) -> Tensor:
        size, (top, left, height, width) = [self.side, self.side], box
        if picture.exact:
            resized = functional.resized_crop(picture.image(), top, left, height, width, size, antialias=True)
            return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
        shrink = largest_shrink(min(height, width), self.side)
        pixels_HW3, (across, down) = picture.array(shrink), picture.scale(shrink)
        rows = _scaled(top, height, down, pixels_HW3.shape[0])
        columns = _scaled(left, width, across, pixels_HW3.shape[1])
        crop_HW3 = np.ascontiguousarray(pixels_HW3[rows, columns])  # torch keeps the order of such alone
        crop_3HW = torch.from_numpy(crop_HW3).permute(2, 0, 1)
        return cast(Tensor, functional.resize(crop_3HW, size, antialias=True))


def _scaled(start: int, length: int, scale: float, most: int) -> slice:
    """A stretch of pixels in a picture of another size: at least one, and within the `most` that it has."""
    end = min(max(1, round((start + length) * scale)), most)
    return slice(min(round(start * scale), end - 1), end)


class Normalise:
    """What `Augmentation` gives, as a network takes it: in 0..1, less the mean, divided by the deviation.

    The arithmetic, to the bit, is that of torchvision v2's ToDtype and Normalize, in place and by whole rows.
    """

    def __init__(self, how: Preprocessing) -> None:
        self.how = how
        self.rows: dict[tuple[torch.device, int], tuple[Tensor, Tensor]] = {}

    def __call__(self, batch_N3HW: Tensor) -> Tensor:
        """(N, 3, H, W), uint8 in 0..255, becomes float32 in channels_last; other tensors stay as they are."""
        if batch_N3HW.dtype != torch.uint8:
            return batch_N3HW
        pixels_NHW3 = batch_N3HW.permute(0, 2, 3, 1)
        mean, std = self._row(batch_N3HW.device, pixels_NHW3.shape[2])
        rows_NHX = pixels_NHW3.flatten(2).to(torch.float32).mul_(1 / 255).sub_(mean).div_(std)
        return rows_NHX.view(pixels_NHW3.shape).permute(0, 3, 1, 2)

    def _row(self, device: torch.device, width: int) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each value of a row, moved to a device once: no step waits for them."""
        if (device, width) not in self.rows:
            mean, std = (torch.tensor(one, dtype=torch.float32) for one in (self.how.mean, self.how.std))
            self.rows[device, width] = mean.repeat(width).to(device), std.repeat(width).to(device)
        return self.rows[device, width]


class Evaluation:
    """Resize, centre crop, normalise; the same for every seed."""

    def __init__(self, how: Preprocessing) -> None:
        self.how = how

    def __call__(self, source: Source, seed: int) -> Tensor:  # noqa: ARG002
        return torch.from_numpy(evaluation_input(source, self.how))


class _Pictures(Dataset[Any]):
    def __init__(self, sources: Sequence[Source], transform: Transform) -> None:
        self.sources, self.transform = sources, transform

    def __getitem__(self, sample: Sample) -> tuple[int, Tensor | str]:
        index, seed = sample
        try:
            return index, self.transform(self.sources[index], seed)
        except DataError as error:
            return index, str(error)


def image_batches(
    sources: Sequence[Source], transform: Transform, order: EpochOrder, *, workers: int
) -> DataLoader[Batch]:
    """Batches of pictures; `order.epoch` chooses the epoch; unreadable ones are left out and named."""
    return DataLoader(
        _Pictures(sources, transform),
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_collate_pictures,
        persistent_workers=workers > 0,
        generator=torch.Generator().manual_seed(order.seed),  # else it would draw from the global state
        pin_memory=torch.cuda.is_available(),
    )


def _collate_pictures(samples: Sequence[tuple[int, Tensor | str]]) -> Batch:
    good = [(index, image) for index, image in samples if isinstance(image, Tensor)]
    return Batch(
        inputs=(_stacked([image for _, image in good]),) if good else (),
        indices=torch.tensor([index for index, _ in good], dtype=torch.long),
        skipped=tuple(fault for _, fault in samples if isinstance(fault, str)),
    )


def _stacked(images: Sequence[Tensor]) -> Tensor:
    """As one batch; pictures whose channels lie side by side keep them so."""
    if images[0].is_contiguous():
        return torch.stack(list(images))
    return torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)
