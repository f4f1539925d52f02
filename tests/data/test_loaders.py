"""Batches whose order and augmentation depend on the seed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emotionnet.data.images import Preprocessing
from emotionnet.data.loaders import Augmentation, Batch, EpochOrder, Evaluation, image_batches

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


@given(
    count=st.integers(1, 60), batch_size=st.integers(1, 9), seed=st.integers(-5, 2**40), shuffle=st.booleans()
)
def test_every_record_comes_once_an_epoch(count: int, batch_size: int, seed: int, shuffle: bool) -> None:
    order = EpochOrder(count, batch_size=batch_size, seed=seed, shuffle=shuffle)
    batches = list(order)
    indices = [index for batch in batches for index, _ in batch]
    assert sorted(indices) == list(range(count))
    assert len(batches) == len(order)
    if not shuffle:
        assert indices == list(range(count))
    if shuffle and count > 1 and batch_size > 1:
        assert all(len(batch) > 1 for batch in batches), "BatchNorm cannot train on one"


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
