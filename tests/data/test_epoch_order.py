"""Orders of an epoch: each sample once, shared by processes, and few shards at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.data.epoch_order import EpochOrder


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


def drawn(order: EpochOrder, *, world: int = 1, epoch: int = 0, start: int = 0) -> list[list[list[int]]]:
    """Indices of each batch of each process."""
    order.world, order.epoch, order.start = world, epoch, start
    found = []
    for order.rank in range(world):
        found.append([[index for index, _ in batch] for batch in order])
    return found


def in_turn(by_rank: list[list[list[int]]]) -> list[int]:
    """Batch after batch, in each the parts of all processes."""
    return [index for parts in zip(*by_rank, strict=True) for part in parts for index in part]


def test_the_order_of_one_process_is_as_it_always_was() -> None:
    """To the number, so that runs of earlier versions can be trained again."""
    order = EpochOrder(7, batch_size=3, seed=5, shuffle=True)
    order.epoch = 2
    assert [[index for index, _ in batch] for batch in order] == [[0, 4, 5], [3, 1, 2, 6]]
    assert next(iter(order))[0][1] == 246011407518141347


@given(
    count=st.integers(1, 90),
    batch_size=st.integers(1, 20),
    world=st.integers(1, 5),
    shuffle=st.booleans(),
    start=st.integers(0, 2),
)
def test_processes_share_each_batch_of_one_process(
    count: int, batch_size: int, world: int, shuffle: bool, start: int
) -> None:
    order = EpochOrder(count, batch_size=batch_size, seed=3, shuffle=shuffle)
    (alone,) = drawn(order)
    order.world = world
    start = min(start, len(order) - 1)
    together = drawn(order, world=world, start=start)
    assert {len(batches) for batches in together} == {len(order) - start}
    assert in_turn(together) == in_turn([alone])[start * batch_size :]
    if not shuffle:
        assert in_turn([alone]) == list(range(count))
    sizes = [[len(part) for part in parts] for parts in zip(*together, strict=True)]
    assert all(max(size) - min(size) <= 1 for size in sizes)
    if shuffle and batch_size >= 2 * world and count >= 2 * world:
        assert min(map(min, sizes), default=2) >= 2, "BatchNorm cannot train on one"


@given(
    blocks=st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(sum),
    batch_size=st.integers(1, 20),
    world=st.integers(1, 4),
)
def test_shards_are_read_in_a_permutation_whatever_the_number_of_processes(
    blocks: list[int], batch_size: int, world: int
) -> None:
    held_N = np.random.default_rng(0).permutation(np.repeat(np.arange(len(blocks)), blocks))
    order = EpochOrder(sum(blocks), batch_size=batch_size, seed=3, shuffle=True, blocks_N=held_N)
    (alone,) = drawn(order)
    together = in_turn(drawn(order, world=world))
    assert sorted(together) == list(range(sum(blocks)))
    assert together == in_turn([alone])
    assert drawn(order) == [alone]
    if sum(blocks) > 20:
        assert drawn(order, epoch=1) != [alone]


@pytest.mark.parametrize("batch_size", [160, 150])  # 150: lanes and processes have no whole shares of it
def test_few_shards_are_read_at_a_time_and_each_process_has_its_own(batch_size: int) -> None:
    """640 shards of 50: 1,600 samples are read from the open shards of 16 lanes, or the next of them."""
    held_N = np.random.default_rng(0).permutation(np.repeat(np.arange(640), 50))
    order = EpochOrder(32_000, batch_size=batch_size, seed=0, shuffle=True, blocks_N=held_N)
    (alone,) = drawn(order)
    for first in range(0, 200, 10):
        shards = {int(held_N[index]) for batch in alone[first : first + 10] for index in batch}
        assert len(shards) <= 16 * 5
    by_rank = [
        {int(held_N[index]) for batch in batches for index in batch} for batches in drawn(order, world=4)
    ]
    assert sum(map(len, by_rank)) <= 640 + 15, "only shards on the border of two lanes are read twice"


def test_a_lane_that_a_shard_fills_gives_that_shard_alone() -> None:
    held_N = np.repeat(np.arange(16), 6)
    (alone,) = drawn(EpochOrder(96, batch_size=16, seed=0, shuffle=True, blocks_N=held_N))
    lanes = [{int(held_N[index]) for index in lane} for lane in zip(*alone, strict=True)]
    assert sorted(map(sorted, lanes)) == [[shard] for shard in range(16)]
