import numpy as np
import numpy.typing as npt
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.curation.tag_lists import TagLists, numbering, ranked_words
from emotionnet.records import Word

SETS = st.lists(st.sets(st.integers(0, 9)), max_size=8)


def lists_of(*records: set[int] | list[int]) -> TagLists:
    rows = [row for row, record in enumerate(records) for _ in record]
    tags = [tag for record in records for tag in record]
    return TagLists.of(np.array(rows, dtype=np.int64), np.array(tags, dtype=np.int64), len(records))


def listed(lists: TagLists) -> list[list[int]]:
    return lists.series().to_list()


def test_lists_are_in_order_and_hold_no_tag_twice() -> None:
    assert listed(lists_of([3, 1, 3], [], [0])) == [[1, 3], [], [0]]


@given(SETS)
def test_a_column_of_lists_and_back(records: list[set[int]]) -> None:
    lists = lists_of(*records)
    assert listed(lists) == [sorted(record) for record in records]
    sliced = pl.concat([pl.Series([[7]], dtype=pl.List(pl.UInt32)), lists.series()])[1:]
    assert listed(TagLists.read(sliced)) == listed(lists)
    assert listed(TagLists.joined([lists, lists])) == listed(lists) * 2


@given(SETS, st.lists(st.integers(-1, 4), min_size=10, max_size=10), st.data())
def test_lists_with_other_numbers_and_of_some_records(
    records: list[set[int]], numbers: list[int], data: st.DataObject
) -> None:
    lists = lists_of(*records)
    mapped = [sorted({numbers[tag] for tag in record} - {-1}) for record in records]
    assert listed(lists.mapped(np.array(numbers))) == mapped
    size = len(records)
    flags = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    kept = [sorted(record) for record, flag in zip(records, flags, strict=True) if flag]
    assert listed(lists.taken(np.array(flags, dtype=np.bool_))) == kept
    wanted = np.array(numbers) > 2
    assert lists.having(wanted).tolist() == [any(wanted[tag] for tag in record) for record in records]


@given(SETS)
def test_equal_sets_have_equal_hashes_and_no_others(records: list[set[int]]) -> None:
    hashes_VH: npt.NDArray[np.uint64] = np.random.default_rng(0).integers(
        2**64, size=(10, 2), dtype=np.uint64
    )
    found = [tuple(row) for row in lists_of(*records).hashes(hashes_VH).tolist()]
    for one, record in zip(found, records, strict=True):
        assert [one == other for other in found] == [record == other for other in records]


def test_tags_are_counted_by_group_and_ranked() -> None:
    names = ("ant", "cat", "sad", "gone")
    lists = lists_of([2, 1], [2, 0], [1], [1])
    assert ranked_words(lists, np.array([0, 0, 1, 2]), names) == [
        (1, Word("cat", 3)),
        (0, Word("ant", 1)),
        (2, Word("sad", 1)),
    ]
    tags_P, groups_P = lists.carriers(np.array([4, 4, 1, 1]))
    assert list(zip(tags_P.tolist(), groups_P.tolist(), strict=True)) == [(0, 4), (1, 1), (1, 4), (2, 4)]


def test_places_among_the_chosen() -> None:
    assert numbering([3, 0], 5).tolist() == [1, -1, -1, 0, -1]
    assert numbering([], 2).tolist() == [-1, -1]
