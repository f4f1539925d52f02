"""The known answer goes sentence by sentence, each with a generator of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.tag_batches import AT_ONCE, TagBatches

COUNT, BATCH = 4 * AT_ONCE + 1, 3  # several draws, the last one not full; the last batch has four


def _bags() -> list[list[int]]:
    rng = np.random.default_rng(0)
    return [rng.integers(50, size=rng.integers(9)).tolist() for _ in range(COUNT)]


def _kept(bag: list[int], seed: int, dropout: float) -> list[int]:
    chances = np.random.default_rng(seed).random(len(bag))
    return [tag for tag, chance in zip(bag, chances, strict=True) if chance >= dropout]


def _order(*, shuffle: bool = True) -> EpochOrder:
    return EpochOrder(COUNT, batch_size=BATCH, seed=5, shuffle=shuffle)


@pytest.mark.parametrize("dropout", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_those_of_one_sentence_after_another(dropout: float, *, shuffle: bool) -> None:
    bags, order = _bags(), _order(shuffle=shuffle)
    batches = TagBatches(bags, order, dropout=dropout)
    assert len(batches) == len(order)
    for epoch in range(2):
        order.epoch = epoch
        for batch, samples in zip(batches, list(order), strict=True):
            kept = [_kept(bags[index], seed, dropout) for index, seed in samples]
            tag_ids_M, offsets_N = batch.inputs
            assert tag_ids_M.tolist() == [tag for bag in kept for tag in bag]
            assert offsets_N.tolist() == np.cumsum([0, *[len(bag) for bag in kept[:-1]]]).tolist()
            assert batch.indices.tolist() == [index for index, _ in samples]
            assert {part.dtype for part in (*batch.inputs, batch.indices)} == {torch.int64}


def test_sentences_may_all_be_empty() -> None:
    order = EpochOrder(2, batch_size=2, seed=0, shuffle=False)
    (batch,) = TagBatches([[], []], order, dropout=0.5)
    assert batch.inputs[0].tolist() == []
    assert batch.inputs[1].tolist() == [0, 0]


def test_an_epoch_begun_twice_is_the_same() -> None:
    batches = TagBatches(_bags(), _order(), dropout=0.5)
    next(iter(batches))
    first, again = ([batch.inputs[0].tolist() for batch in batches] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_process_may_have_no_sentence_of_a_batch(dropout: float) -> None:
    """Of two batches of one sentence, of two processes the second has both; the first has two empty ones."""
    found = []
    for rank in (0, 1):
        order = EpochOrder(2, batch_size=1, seed=0, shuffle=False)
        order.rank, order.world = rank, 2
        batches = list(TagBatches([[7, 8], [9]], order, dropout=dropout))
        found.append([batch.indices.tolist() for batch in batches])
        assert [len(batch.inputs[1]) for batch in batches] == [len(batch) for batch in batches]
    assert found == [[[], []], [[0], [1]]]
