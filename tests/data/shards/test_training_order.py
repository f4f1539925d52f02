"""Training from shards sees what training from the folder sees: the same pictures, each once an epoch."""

from __future__ import annotations

import pytest
import torch

from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.images import Preprocessing
from emotionnet.data.loaders import Augmentation, Batch, Evaluation, image_batches
from emotionnet.data.shards.dataset import ShardDataset
from emotionnet.data.store import Dataset

HOW = Preprocessing(image_size=16, crop_pct=1.0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def read(dataset: Dataset, *, epoch: int = 0, workers: int = 0, rank: int = 0, world: int = 1) -> list[Batch]:
    records = dataset.records("train")
    blocks_N = dataset.shard_numbers("train") if isinstance(dataset, ShardDataset) else None
    order = EpochOrder(len(records), batch_size=8, seed=3, shuffle=True, blocks_N=blocks_N)
    order.epoch, order.rank, order.world = epoch, rank, world
    sources = [dataset.image_path(record) for record in records]
    transform = Augmentation(HOW, crop_scale=(1.0, 1.0), flip=False)
    return list(image_batches(sources, transform, order, workers=workers))


def by_index(batches: list[Batch]) -> dict[int, torch.Tensor]:
    return {
        index: picture
        for batch in batches
        for index, picture in zip(batch.indices.tolist(), batch.inputs[0], strict=True)
    }


@pytest.mark.parametrize("workers", [0, 2])
def test_shards_and_folder_give_the_same_pictures_once_an_epoch(
    dataset: Dataset, shards: ShardDataset, workers: int
) -> None:
    for epoch in (0, 1):
        folder, tars = read(dataset, epoch=epoch), read(shards, epoch=epoch, workers=workers)
        assert sum(map(len, tars)) == sum(map(len, folder)) == 18
        expected, found = by_index(folder), by_index(tars)
        assert set(found) == set(range(18))
        assert all(torch.equal(found[index], expected[index]) for index in expected)
    assert [b.indices.tolist() for b in read(shards)] != [b.indices.tolist() for b in read(shards, epoch=1)]


def test_processes_see_every_picture_once_and_as_many_batches(shards: ShardDataset) -> None:
    """Of shards with 4, 4, 4, 4 and 2 pictures."""
    parts = [read(shards, rank=rank, world=2) for rank in range(2)]
    assert [len(batches) for batches in parts] == [2, 2]
    indices = [index for batches in parts for batch in batches for index in batch.indices.tolist()]
    assert sorted(indices) == list(range(18))


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_validation_is_seen_exactly_once_by_any_number_of_processes(shards: ShardDataset, world: int) -> None:
    records = shards.records("val")
    sources = [shards.image_path(record) for record in records]
    order = EpochOrder(len(records), batch_size=4, seed=0, shuffle=False)
    order.world, seen, counts = world, [], []
    for order.rank in range(world):
        batches = list(image_batches(sources, Evaluation(HOW), order, workers=0))
        counts.append(len(batches))
        seen += [index for batch in batches for index in batch.indices.tolist()]
    assert sorted(seen) == list(range(len(records)))
    assert len(set(counts)) == 1
