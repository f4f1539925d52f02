"""Processes meet, whatever earlier ones left."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from emotionnet.records import TrainingError
from emotionnet.training.meeting import meet


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def set(self, key: str, value: str) -> None:
        self.values[key] = value.encode()

    def get(self, key: str) -> bytes:
        return self.values[key]

    def check(self, keys: list[str]) -> bool:
        return all(key in self.values for key in keys)


@pytest.mark.parametrize("late", [0, 1, 2])
def test_all_find_one_name_and_later_ones_another(late: int) -> None:
    """Whoever comes last: what the first three left does not mislead the next three."""
    store = Kept()

    def come(rank: int) -> str:
        time.sleep(0.1 * (rank == late))
        return meet(store, rank, 3, seconds=20)

    with ThreadPoolExecutor(3) as pool:
        rounds = [set(pool.map(come, range(3))) for _ in range(3)]
    assert [len(names) for names in rounds] == [1, 1, 1]
    assert len(set.union(*rounds)) == 3


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_does_not_come_is_told(rank: int) -> None:
    with pytest.raises(TrainingError, match=rf"2 processes must meet within 0 s; rank {rank} has"):
        meet(Kept(), rank, 2, seconds=0.1)
