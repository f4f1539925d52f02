from collections.abc import Mapping

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from emotionnet.config import SplitSizes
from emotionnet.curation.selection import assign_splits, beyond, count_groups, tag_sets, twins
from emotionnet.records import Word


def table(*tags: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame({"tag": tags}, schema={"tag": pl.List(pl.String)})
    return frame.with_row_index("row").explode("tag").drop_nulls()


def test_tags_are_counted_by_group_and_ranked() -> None:
    groups = pl.DataFrame(
        {"row": [0, 1, 2, 3], "group": ["a", "a", "b", "c"]}, schema_overrides={"row": pl.UInt32}
    )
    counted = count_groups(table(["sad", "cat"], ["sad", "ant"], ["cat"], ["cat"], ["gone"]), groups)
    assert counted == [Word("cat", 3), Word("ant", 1), Word("sad", 1)]


def test_twins_name_the_first_of_their_kind() -> None:
    records = pl.DataFrame({"row": [3, 4, 5, 6], "id": ["a", "b", "c", "d"], "key": ["x", None, "x", None]})
    found = twins(records, pl.col("key"), "same key as")
    assert found.to_dicts() == [{"row": 5, "id": "c", "reason": "same key as a"}]


def test_tag_sets_do_not_depend_on_order() -> None:
    sets = dict(tag_sets(table(["b", "a"], ["a", "b"], ["a b"], ["a"])).iter_rows())
    assert sets[0] == sets[1]
    assert len({sets[0], sets[2], sets[3]}) == 3


CARRIERS: Mapping[str, list[str]] = {
    "happy": [f"g{i}" for i in range(10)],
    "sad": [f"g{i}" for i in range(6, 14)],
}


def test_each_emotion_adds_its_number_to_test_then_val_then_train() -> None:
    split_of = assign_splits(CARRIERS, SplitSizes(test=2, val=1, train=3), seed=0)
    by_split = {
        split: {g for g, found in split_of.items() if found == split} for split in ("test", "val", "train")
    }
    assert {split: len(groups) for split, groups in by_split.items()} == {"test": 4, "val": 2, "train": 6}
    assert len(by_split["test"] & set(CARRIERS["happy"])) >= 2
    assert len(by_split["test"] & set(CARRIERS["sad"])) >= 2


def test_the_seed_decides_and_not_the_order_of_the_groups() -> None:
    sizes = SplitSizes(test=2, val=1, train=3)
    backwards = {label: groups[::-1] for label, groups in CARRIERS.items()}
    assert assign_splits(CARRIERS, sizes, seed=3) == assign_splits(backwards, sizes, seed=3)
    assert len({tuple(sorted(assign_splits(CARRIERS, sizes, seed=seed).items())) for seed in range(8)}) > 1


@given(
    st.dictionaries(st.sampled_from("abcde"), st.lists(st.integers(0, 20).map(str), unique=True), max_size=5),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    st.integers(0, 5),
)
def test_splits_are_those_of_a_slow_walk(
    carriers: dict[str, list[str]], sizes: tuple[int, int, int], seed: int
) -> None:
    test, val, train = sizes
    split_of = assign_splits(carriers, SplitSizes(test=test, val=val, train=train), seed)
    for groups in carriers.values():
        free = sum(group not in split_of for group in groups)
        assert free == 0 or len(groups) - free >= test + val + train  # nobody took less than it could
    taken = list(split_of)
    order = [split_of[group] for group in taken]
    assert order == sorted(order, key=("test", "val", "train").index)
    assert set(taken) <= {group for groups in carriers.values() for group in groups}
    assert order.count("test") <= test * len(carriers)


def test_what_a_group_has_beyond_its_share_is_drawn_by_the_seed() -> None:
    groups = ["a"] * 20 + [None] * 5 + ["b"] * 3
    rows = list(range(len(groups)))
    records = pl.DataFrame({"row": rows, "id": [f"r{row}" for row in rows], "group": groups})
    over = beyond(records, 4, seed=1)
    assert over["reason"].unique().to_list() == ["more than 4 pictures of a"]
    assert over["row"].to_list() == sorted(over["row"]), "in order"
    assert over.height == 16
    assert over.equals(beyond(records, 4, seed=1))
    assert not over.equals(beyond(records, 4, seed=2))
    assert over["row"].to_list() != list(range(4, 20)), "not the first ones of the file"
