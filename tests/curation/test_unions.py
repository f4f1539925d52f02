from hypothesis import given
from hypothesis import strategies as st

from emotionnet.curation.unions import Unions


def test_the_smallest_name_stands_for_all_that_were_joined() -> None:
    unions = Unions("abcdef")
    unions.join("f", "c")
    unions.join("d", "e")
    unions.join("e", "f")
    assert [unions.root(name) for name in "abcdef"] == ["a", "b", "c", "c", "c", "c"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_roots_are_those_of_a_slow_search(pairs: list[tuple[int, int]]) -> None:
    unions = Unions(map(str, range(10)))
    for one, other in pairs:
        unions.join(str(one), str(other))
    for start in range(10):
        reached = {start}
        for _ in range(10):
            reached |= {b for pair in pairs for a, b in (pair, pair[::-1]) if a in reached}
        assert unions.root(str(start)) == str(min(reached))
