"""Batches whose order and augmentation depend on the seed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from emotionnet.apps.bench.photographs import photographs
from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.images import Preprocessing, decode
from emotionnet.data.loaders import Augmentation, Batch, Evaluation, Normalise, image_batches
from emotionnet.data.seeding import torch_seed

HOW = Preprocessing(image_size=16, crop_pct=1.0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    return paths


def epoch(paths: list[Path], number: int, *, workers: int = 0, seed: int = 5) -> list[Batch]:
    order = EpochOrder(len(paths), batch_size=3, seed=seed, shuffle=True)
    order.epoch = number
    return list(
        image_batches(paths, Augmentation(HOW, crop_scale=(0.3, 1.0), flip=True), order, workers=workers)
    )


def images(batches: list[Batch]) -> torch.Tensor:
    return torch.cat([batch.inputs[0] for batch in batches])


def test_epochs_differ_and_repeat_with_the_seed(pictures: list[Path]) -> None:
    first, again, next_epoch, other_seed = (
        epoch(pictures, number, seed=seed) for number, seed in ((0, 5), (0, 5), (1, 5), (0, 6))
    )
    torch.testing.assert_close(images(first), images(again), rtol=0, atol=0)
    assert not torch.equal(images(first), images(next_epoch))
    assert not torch.equal(images(first), images(other_seed))


def test_workers_change_nothing(pictures: list[Path]) -> None:
    alone, together = epoch(pictures, 2), epoch(pictures, 2, workers=2)
    torch.testing.assert_close(images(alone), images(together), rtol=0, atol=0)
    assert [batch.indices.tolist() for batch in alone] == [batch.indices.tolist() for batch in together]


def threads(source: object, seed: int) -> torch.Tensor:
    return torch.tensor(torch.get_num_threads())[None]


def test_a_worker_has_one_thread(pictures: list[Path]) -> None:
    order = EpochOrder(len(pictures), batch_size=7, seed=0, shuffle=False)
    (batch,) = image_batches(pictures, threads, order, workers=1)
    assert batch.inputs[0].flatten().tolist() == [1] * 7


def test_global_random_state_stays_as_it_was(pictures: list[Path]) -> None:
    before = torch.random.get_rng_state()
    epoch(pictures, 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_unreadable_picture_is_left_out_and_named(pictures: list[Path]) -> None:
    pictures[2].write_bytes(b"broken")
    batches = epoch(pictures, 0)
    assert sorted(i for batch in batches for i in batch.indices.tolist()) == [0, 1, 3, 4, 5, 6]
    faults = [fault for batch in batches for fault in batch.skipped]
    assert len(faults) == 1
    assert "2.png: must be a picture" in faults[0]


def test_a_batch_of_unreadable_pictures_is_empty(pictures: list[Path]) -> None:
    for path in pictures:
        path.unlink()
    batches = epoch(pictures, 0)
    assert [len(batch) for batch in batches] == [0, 0]
    assert sum(len(batch.skipped) for batch in batches) == len(pictures)


def test_evaluation_is_the_same_for_every_seed() -> None:
    image = Image.new("RGB", (30, 20), (255, 128, 0))
    transform = Evaluation(HOW)
    torch.testing.assert_close(transform(image, 1), transform(image, 2), rtol=0, atol=0)
    torch.testing.assert_close(transform(image, 0)[0], torch.ones(16, 16))


def test_augmentation_without_mirror_or_crop_only_resizes() -> None:
    gradient = Image.fromarray(np.tile(np.arange(16, dtype=np.uint8) * 16, (16, 1))).convert("RGB")
    for seed in range(8):
        result = Augmentation(HOW, crop_scale=(1.0, 1.0), flip=False)(gradient, seed)
        assert (result[0, 0].diff() >= 0).all()


def reference(how: Preprocessing, path: Path, seed: int, scale: tuple[float, float]) -> torch.Tensor:
    """The whole picture by Pillow, through torchvision v2 to the network's input."""
    steps = [
        v2.RandomResizedCrop(how.image_size, scale=scale, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(how.mean, how.std),
    ]
    with torch_seed(seed):
        result: torch.Tensor = v2.Compose(steps)(decode(path))
    return result


IMAGENET = Preprocessing(
    image_size=224, crop_pct=0.875, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


def levels(
    how: Preprocessing, path: Path, seed: int, scale: tuple[float, float] = (0.08, 1.0)
) -> torch.Tensor:
    """How far each value is from the reference, in 1 of 255."""
    augmented = Augmentation(how, crop_scale=scale, flip=True)(path, seed)
    difference = Normalise(how)(augmented[None])[0] - reference(how, path, seed, scale)
    return difference.abs() * torch.tensor(how.std)[:, None, None] * 255


def test_a_picture_stored_without_loss_is_augmented_as_by_torchvision_to_the_bit(
    pictures: list[Path],
) -> None:
    how = Preprocessing(image_size=16, crop_pct=1.0, mean=IMAGENET.mean, std=IMAGENET.std)
    for seed in range(12):
        assert not levels(how, pictures[seed % 7], seed).any()


def test_a_small_photograph_is_within_1_of_255_of_torchvisions(tmp_path: Path) -> None:
    (path,) = photographs(tmp_path, 1, width=340, height=256)
    found = [levels(IMAGENET, path, seed) for seed in range(8)]
    assert max(one.max().item() for one in found) < 1.01
    assert max(one.mean().item() for one in found) < 0.2


def test_a_large_photograph_is_within_2_of_255_of_torchvisions_on_average(tmp_path: Path) -> None:
    """Of another crop, or of one that is not mirrored, it would be 20 and more."""
    (path,) = photographs(tmp_path, 1, width=2000, height=1500)
    means = [levels(IMAGENET, path, seed).mean().item() for seed in range(5)]
    assert 0 < max(means) <= 2


def test_a_small_crop_of_a_large_photograph_is_as_sharp_as_torchvisions(tmp_path: Path) -> None:
    """At most 400 of 1,200 pixels, for 224: decoded whole, though the picture has more than enough."""
    (path,) = photographs(tmp_path, 1, width=1600, height=1200)
    found = [levels(IMAGENET, path, seed, (0.08, 0.08)) for seed in range(3)]
    assert max(one.max().item() for one in found) < 1.01


def test_normalising_is_torchvisions_to_the_bit_in_either_order_of_memory() -> None:
    batch = torch.randint(0, 256, (3, 3, 17, 256), dtype=torch.uint8, generator=torch.manual_seed(0))
    expected = v2.functional.normalize(
        v2.functional.to_dtype(batch, torch.float32, scale=True), list(IMAGENET.mean), list(IMAGENET.std)
    )
    for order in (torch.contiguous_format, torch.channels_last):
        found = Normalise(IMAGENET)(batch.contiguous(memory_format=order))
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_normalising_leaves_other_tensors_alone() -> None:
    batch = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert Normalise(IMAGENET)(batch) is batch


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_training_batches_are_uint8_with_channels_side_by_side(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{number}.{suffix}" for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("RGB", (20 + number, 24), (250, 128, 3)).save(path, quality=100)
    (batch,) = epoch(paths, 0)
    assert (batch.inputs[0].dtype, batch.inputs[0].shape) == (torch.uint8, (3, 3, 16, 16))
    assert batch.inputs[0].is_contiguous(memory_format=torch.channels_last)
    assert batch.inputs[0].float().std(dim=(0, 2, 3)).max() < 1


def test_a_crop_of_a_turned_photograph_is_drawn_on_what_one_sees(tmp_path: Path) -> None:
    """Red above and blue below, stored on its side: no crop of it has both side by side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the file's left edge is up
    seen = Image.new("RGB", (300, 400), (255, 0, 0))
    seen.paste((0, 0, 255), (0, 200, 300, 400))
    seen.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    for seed in range(10):
        result = Augmentation(HOW, crop_scale=(0.3, 1.0), flip=True)(tmp_path / "a.jpg", seed).float()
        assert result.std(dim=2).max() < 3
        assert result[0, 0].mean() > result[0, -1].mean() or result[0].std() < 3
