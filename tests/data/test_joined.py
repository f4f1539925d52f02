import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.data import joined
from emotionnet.data.joined import Joined


def test_the_smallest_number_stands_for_all_that_were_joined() -> None:
    sets = Joined(6)
    sets.join([5, 3], [2, 4])
    sets.join([4], [5])
    assert sets.smallest().tolist() == [0, 1, 2, 2, 2, 2]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20), st.integers(0, 3))
def test_sets_are_those_of_a_slow_search(pairs: list[tuple[int, int]], waiting: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined, "_WAITING", waiting)
        sets = Joined(10)
        for one, other in pairs:
            sets.join(np.array([one]), np.array([other]))
    for start, found in enumerate(sets.smallest().tolist()):
        reached = {start}
        for _ in range(10):
            reached |= {b for pair in pairs for a, b in (pair, pair[::-1]) if a in reached}
        assert found == min(reached)


def test_no_numbers_make_no_sets() -> None:
    assert Joined(0).smallest().tolist() == []
