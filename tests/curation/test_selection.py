from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.config import SplitSizes
from emotionnet.curation.selection import SPLIT_ORDER, UNTAKEN, assign_splits, beyond, first_alike


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1).map(lambda n: n % 3)), max_size=30))
def test_twins_are_those_of_a_slow_walk(keys: list[tuple[int, int]]) -> None:
    hashes_N2 = np.array(keys, dtype=np.uint64).reshape(-1, 2)
    assert first_alike(hashes_N2).tolist() == [keys.index(key) for key in keys]


CARRIERS = (np.arange(10), np.arange(6, 14))


def by_split(split_G: Sequence[int]) -> dict[str, set[int]]:
    return {
        split: {group for group, found in enumerate(split_G) if found == place}
        for place, split in enumerate(SPLIT_ORDER)
    }


def test_each_emotion_adds_its_number_to_test_then_val_then_train() -> None:
    found = by_split(assign_splits(CARRIERS, 14, SplitSizes(test=2, val=1, train=3), seed=0).tolist())
    assert {split: len(groups) for split, groups in found.items()} == {"test": 4, "val": 2, "train": 6}
    assert len(found["test"] & set(range(10))) >= 2
    assert len(found["test"] & set(range(6, 14))) >= 2


def test_the_seed_decides() -> None:
    sizes = SplitSizes(test=2, val=1, train=3)
    drawn = {tuple(assign_splits(CARRIERS, 14, sizes, seed=seed).tolist()) for seed in range(8)}
    assert len(drawn) > 1
    assert drawn == {tuple(assign_splits(CARRIERS, 14, sizes, seed=seed).tolist()) for seed in range(8)}


@given(
    st.lists(st.sets(st.integers(0, 20)), max_size=5),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    st.integers(0, 5),
)
def test_splits_are_those_of_a_slow_walk(
    carriers: list[set[int]], sizes: tuple[int, int, int], seed: int
) -> None:
    test, val, train = sizes
    ordered = [sorted(groups) for groups in carriers]
    split_sizes = SplitSizes(test=test, val=val, train=train)
    split_G = assign_splits([np.array(groups, dtype=np.int64) for groups in ordered], 21, split_sizes, seed)
    rng = np.random.default_rng(seed)
    shuffled = [[groups[i] for i in rng.permutation(len(groups))] for groups in ordered]
    expected: dict[int, int] = {}
    for place, size in enumerate(sizes):
        for groups in shuffled:
            free = [group for group in groups if group not in expected]
            expected.update(dict.fromkeys(free[:size], place))
    assert split_G.tolist() == [expected.get(group, UNTAKEN) for group in range(21)]


def test_what_a_group_has_beyond_its_share_is_drawn_by_the_seed() -> None:
    groups_N = np.array([7] * 20 + [-1] * 5 + [2] * 3)
    over_N = beyond(groups_N, 4, seed=1)
    assert over_N.sum() == 16
    assert not over_N[20:].any(), "neither of those without a group nor of a small group"
    assert over_N.tolist() == beyond(groups_N, 4, seed=1).tolist()
    assert over_N.tolist() != beyond(groups_N, 4, seed=2).tolist()
    assert np.flatnonzero(over_N).tolist() != list(range(4, 20)), "not the first ones of the file"
