from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet.data.benchmarks.benchmark import Protocol, picture
from emotionnet.data.splitting import draw_splits, draw_val, read_assigned
from emotionnet.files import write_json
from emotionnet.records import DataError, ImageRecord

OWN = Protocol()


def of_sizes(*sizes: int) -> list[ImageRecord]:
    """Pictures of as many labels as there are sizes, each its own group."""
    return [picture("t", f"{label}/{i}", (label,)) for label, size in enumerate(sizes) for i in range(size)]


def counts(split_of: dict[str, str], label: int) -> tuple[int, int, int]:
    found = Counter(split for group, split in split_of.items() if group.startswith(f"{label}/"))
    return found["train"], found["val"], found["test"]


def test_shares_are_exact_where_they_can_be() -> None:
    split_of = draw_splits(of_sizes(10, 20, 100), OWN, seed=0)
    assert [counts(split_of, label) for label in range(3)] == [(7, 1, 2), (14, 2, 4), (70, 10, 20)]


def test_a_label_with_few_groups_has_them_in_train_then_test_then_val() -> None:
    split_of = draw_splits(of_sizes(1, 2, 3), OWN, seed=0)
    assert [counts(split_of, label) for label in range(3)] == [(1, 0, 0), (1, 0, 1), (1, 1, 1)]


def test_what_rounding_takes_from_a_split_the_next_label_gives_back() -> None:
    """Of 14 groups 1.4 are val's and 2.8 test's: over 10 labels that makes 14 and 28, and 98 for train."""
    split_of = draw_splits(of_sizes(*[14] * 10), OWN, seed=3)
    assert Counter(split_of.values()) == {"train": 98, "val": 14, "test": 28}


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_every_label_has_its_share_in_every_split_whatever_the_order(
    sizes: list[int], seed: int, random: object
) -> None:
    records = of_sizes(*sizes)
    split_of = draw_splits(records, OWN, seed=seed)
    assert sorted(split_of) == sorted(record.group for record in records)
    for label, size in enumerate(sizes):
        for found, share in zip(counts(split_of, label), (0.7, 0.1, 0.2), strict=True):
            least = 1 if size >= 3 else 0
            assert abs(found - max(least, share * size)) < 2
            assert found >= least
    random.shuffle(records)  # type: ignore[attr-defined]
    assert draw_splits(records, OWN, seed=seed) == split_of


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60), st.integers(0, 9))
def test_pictures_of_a_group_are_never_torn_apart(pairs: list[tuple[int, int]], seed: int) -> None:
    records = [picture("t", f"{i}", (label,), group=f"g{group}") for i, (label, group) in enumerate(pairs)]
    split_of = draw_splits(records, OWN, seed=seed)
    assert set(split_of) == {record.group for record in records}
    assert set(draw_val(records, seed=seed).values()) <= {"train", "val"}


def test_another_seed_draws_other_splits() -> None:
    drawn = [tuple(sorted(draw_splits(of_sizes(30, 30), OWN, seed=seed).items())) for seed in range(5)]
    assert len(set(drawn)) == 5


def test_of_several_labels_the_rarest_counts_and_of_weights_the_heaviest() -> None:
    common = of_sizes(30)
    both = [picture("t", f"1/{i}", (0, 1)) for i in range(10)]
    assert counts(draw_splits([*common, *both], OWN, seed=0), 1) == (7, 1, 2)
    voted = [replace(record, label_weights=(1.0, 8.0)) for record in both]
    assert counts(draw_splits([*common, *voted], OWN, seed=0), 1) == (7, 1, 2)


def test_pictures_without_labels_are_dealt_out_too() -> None:
    records = [picture("t", f"0/{i}", dimensions=(1.0,)) for i in range(10)]
    assert counts(draw_splits(records, OWN, seed=0), 0) == (7, 1, 2)


def test_each_group_is_tested_in_one_fold() -> None:
    protocol = Protocol(folds=5)
    records = of_sizes(20, 10)
    folds = [draw_splits(records, protocol, seed=1, fold=fold) for fold in range(5)]
    tested = Counter(group for fold in folds for group, split in fold.items() if split == "test")
    assert tested == Counter(record.group for record in records)
    for fold in folds:  # a fifth is 4 and 2; of the rest a tenth is 1.6 and 0.8
        assert [counts(fold, label)[2] for label in range(2)] == [4, 2]
        assert 2 <= sum(counts(fold, label)[1] for label in range(2)) <= 3


@pytest.mark.parametrize(
    ("protocol", "fold", "text"),
    [
        (OWN, 1, r"data\.fold: must be 0 where a protocol has no folds; got 1"),
        (Protocol(folds=5), 5, r"data\.fold: must be in 0\.\.4; got 5"),
    ],
)
def test_a_fold_that_is_not_there_is_refused(protocol: Protocol, fold: int, text: str) -> None:
    with pytest.raises(DataError, match=text):
        draw_splits(of_sizes(10), protocol, seed=0, fold=fold)


def test_a_tenth_of_train_becomes_val() -> None:
    split_of = draw_val(of_sizes(20, 40), seed=0)
    assert [counts(split_of, label) for label in range(2)] == [(18, 2, 0), (36, 4, 0)]


def test_the_seed_of_hashes_changes_nothing() -> None:
    code = (
        "from emotionnet.data.splitting import draw_splits;"
        "from emotionnet.data.benchmarks.benchmark import Protocol, picture;"
        "r = [picture('t', str(i), (i % 3, (i * i) % 5 + 3)) for i in range(50)];"
        "print(sorted(draw_splits(r, Protocol(), seed=4).items()))"
    )
    command = [sys.executable, "-c", code]
    found = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert found.pop()


def test_kept_splits_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    write_json(path, {"seed": 0, "splits": {"train": ["a", "b"], "val": [], "test": ["c"]}})
    assert read_assigned(path) == {"a": "train", "b": "train", "c": "test"}


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        (None, "splits must be lists of ids of train, val, test; they are not"),
        ({"train": ["a"], "val": []}, "must be lists of ids"),
        ({"train": ["a"], "val": [], "test": [3]}, "must be lists of ids"),
        ({"train": ["a"], "val": [], "test": ["a"]}, "an id must stand once; some stand twice"),
    ],
)
def test_kept_splits_that_are_broken_are_refused(tmp_path: Path, splits: object, text: str) -> None:
    write_json(tmp_path / "splits.json", {"splits": splits})
    with pytest.raises(DataError, match=text):
        read_assigned(tmp_path / "splits.json")
