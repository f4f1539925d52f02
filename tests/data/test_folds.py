import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from emotionnet.data.check import check_dataset
from emotionnet.data.dataset_writing import write_dataset
from emotionnet.data.folds import fold_splits, group_folds, shuffled_groups, write_variant
from emotionnet.data.record_tables import SCHEMA
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.files import new_folder
from emotionnet.records import SPLITS, DataError, ImageRecord, Word

MakeDataset = Callable[..., Dataset]

# In files: train-000 (oil: anger), train-001 (oil, ink: joy), val-000, test-000 (oil: anger).
SMALL = {"train": 2, "val": 1, "test": 1}
SAME = {"train-000": "train", "train-001": "train", "val-000": "val", "test-000": "test"}
TURNED = {"train-000": "test", "train-001": "val", "val-000": "train", "test-000": "train"}


def rows(dataset: Dataset, split: str) -> list[ImageRecord]:
    return list(dataset.records(split))


def ids(dataset: Dataset) -> dict[str, list[str]]:
    return {split: [record.id for record in rows(dataset, split)] for split in SPLITS}


def labelled(root: Path, labels: dict[str, list[int]], emotions: int) -> Dataset:
    """A data set without pictures: one row for each group, all but the last two of them in train."""
    table = pl.DataFrame(
        [
            {"source": "x", "licence": "x", "sha256": "x"}
            | {"id": group, "path": f"images/{group}.png", "group": group}
            | {"labels": found, "tags": [], "unseen": []}
            for group, found in labels.items()
        ],
        schema=SCHEMA,
    )
    with new_folder(root, parts=PARTS, overwrite=False) as folder:
        write_dataset(
            folder,
            info={"name": "labelled"},
            words={"emotions": [Word(str(n), 1) for n in range(emotions)], "tags": [], "unseen": []},
            tables={"train": table[:-2], "val": table[-2:-1], "test": table[-1:]},
            rejects=[],
        )
    return read_dataset(root)


def change(dataset: Dataset, split: str, row: int, **values: Any) -> Dataset:
    path = dataset.root / f"{split}.parquet"
    cells = pl.read_parquet(path).to_dicts()
    cells[row].update(values)
    pl.DataFrame(cells, schema=SCHEMA).write_parquet(path)
    return read_dataset(dataset.root)


# Folds


def test_single_labels_are_dealt_evenly(tmp_path: Path) -> None:
    labels = {f"g{number:02d}": [emotion] for number, emotion in enumerate([0] * 7 + [1] * 12 + [2] * 3)}
    fold_of = group_folds(labelled(tmp_path / "d", labels, 3), 4, seed=0)
    assert list(fold_of) == sorted(labels)
    dealt = Counter((labels[group][0], fold) for group, fold in fold_of.items())
    per_emotion = [sorted(dealt[emotion, fold] for fold in range(4)) for emotion in range(3)]
    assert per_emotion == [[1, 2, 2, 2], [3, 3, 3, 3], [0, 1, 1, 1]]


def test_folds_are_balanced_where_a_plain_shuffle_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    carries_GC = rng.random((120, 6)) < [0.05, 0.08, 0.1, 0.15, 0.3, 0.5]
    labels = {f"g{n:03d}": np.flatnonzero(row).tolist() for n, row in enumerate(carries_GC)}
    fold_of = group_folds(labelled(tmp_path / "d", labels, 6), 5, seed=0)

    def spread(fold_G: np.ndarray[Any, Any]) -> int:
        counts_FC = np.array([carries_GC[fold_G == fold].sum(axis=0) for fold in range(5)])
        return int((counts_FC.max(axis=0) - counts_FC.min(axis=0)).sum())

    plain = [spread(rng.permutation(np.arange(120) % 5)) for _ in range(20)]
    assert spread(np.array([fold_of[group] for group in labels])) < min(plain)


def test_folds_come_from_the_seed_alone(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    fold_of = group_folds(dataset, 3, seed=1)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert str(before) == str(after)
    assert group_folds(dataset, 3, seed=1) == fold_of
    assert group_folds(dataset, 3, seed=2) != fold_of
    assert set(fold_of) == {record.group for split in SPLITS for record in rows(dataset, split)}
    assert sorted(Counter(fold_of.values())) == [0, 1, 2]


def test_folds_depend_on_neither_row_order_nor_splits(tmp_path: Path) -> None:
    labels = {f"g{n}": [n % 3] for n in range(12)}
    turned = dict(reversed(labels.items()))
    first, second = (labelled(tmp_path / name, found, 3) for name, found in (("a", labels), ("b", turned)))
    assert group_folds(first, 3, seed=0) == group_folds(second, 3, seed=0)


def test_labels_of_a_group_are_pooled_over_its_pictures_and_splits(tmp_path: Path) -> None:
    labels = {f"g{n}": [n % 2] for n in range(8)} | {"g8": [0, 1]}
    whole = labelled(tmp_path / "whole", labels, 2)
    apart = labelled(tmp_path / "apart", {"g8": [0]} | labels | {"g8": [0]}, 2)
    table = apart.table("test")
    extra = table.with_columns(group=pl.lit("g8"), id=pl.lit("more"), labels=pl.lit([1], pl.List(pl.Int32)))
    pl.concat([table, extra]).write_parquet(apart.root / "test.parquet")
    for seed in range(5):
        assert group_folds(read_dataset(apart.root), 3, seed=seed) == group_folds(whole, 3, seed=seed)


def test_one_emotion_is_enough_and_groups_without_any_are_spread(tmp_path: Path) -> None:
    labels: dict[str, list[int]] = {f"g{n}": [0] if n < 3 else [] for n in range(9)}
    fold_of = group_folds(labelled(tmp_path / "d", labels, 1), 3, seed=0)
    assert Counter(fold_of.values()) == {0: 3, 1: 3, 2: 3}
    assert {fold_of[f"g{n}"] for n in range(3)} == {0, 1, 2}


@pytest.mark.parametrize("folds", [1, 5])
def test_folds_out_of_range(make_dataset: MakeDataset, folds: int) -> None:
    with pytest.raises(DataError, match=rf"folds must be in 2\.\.4, its groups; got {folds}$"):
        group_folds(make_dataset(SMALL), folds, seed=0)


def test_each_fold_is_tested_once_and_followed_by_val() -> None:
    fold_of = {"a": 0, "b": 1, "c": 2, "d": 3, "e": 1}
    splits = {"a": "train", "b": "test", "c": "val", "d": "train", "e": "test"}
    assert fold_splits(fold_of, 1, 4) == splits
    assert fold_splits(fold_of, 3, 4) == {"a": "val", "b": "train", "c": "train", "d": "test", "e": "train"}


@pytest.mark.parametrize(
    ("test", "folds", "fault"),
    [
        (0, 2, "folds must be at least 3, one for each split; got 2"),
        (3, 3, "the test fold must be in 0..2; got 3"),
        (-1, 3, "the test fold must be in 0..2; got -1"),
        (0, 3, "group b: fold must be in 0..2; got 3"),
    ],
)
def test_splits_need_folds_that_exist(test: int, folds: int, fault: str) -> None:
    with pytest.raises(DataError) as error:
        fold_splits({"a": 0, "b": 3}, test, folds)
    assert error.value.faults == (fault,)


def test_shuffled_groups_are_a_permutation_from_the_seed() -> None:
    groups = [f"g{n}" for n in range(20)]
    shuffled = shuffled_groups(groups, seed=0)
    assert list(shuffled) == sorted(groups)
    assert sorted(shuffled.values()) == sorted(groups)
    assert shuffled_groups([*reversed(groups), "g3"], seed=0) == shuffled
    assert shuffled_groups(groups, seed=1) != shuffled


# Variants


def test_the_folds_of_a_data_set_are_data_sets(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original = make_dataset({"train": 6, "val": 3, "test": 3})
    fold_of = group_folds(original, 3, seed=0)
    tested: list[str] = []
    for fold in range(3):
        variant = write_variant(original, tmp_path / f"fold-{fold}", fold_splits(fold_of, fold, 3))
        assert check_dataset(variant.root).faults == ()
        tested += {record.group for record in rows(variant, "test")}
    assert sorted(tested) == sorted(fold_of)
    assert check_dataset(original.root).faults == ()


def test_a_variant_keeps_words_rejects_pictures_and_order(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original = make_dataset(SMALL)
    variant = write_variant(original, tmp_path / "variant", TURNED)
    assert ids(variant) == {
        "train": ["oil/val-000", "oil/test-000"],
        "val": ["oil/train-001", "ink/train-001"],
        "test": ["oil/train-000"],
    }
    assert rows(variant, "test") == rows(original, "train")[:1]
    for name in ("emotions.json", "tags.json", "unseen.json", "rejects.parquet"):
        assert (variant.root / name).read_bytes() == (original.root / name).read_bytes()
    pictures = sorted((original.root / "images").iterdir())
    assert sorted(path.name for path in (variant.root / "images").iterdir()) == [p.name for p in pictures]
    for picture in pictures:
        assert (variant.root / "images" / picture.name).samefile(picture)


def test_a_variant_says_how_it_was_made(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original = make_dataset(SMALL)
    info = {**original.info, "config": {"out": "../x"}, "seed": 3, "unit": "group"}
    original = Dataset(original.root, info, original.emotions, original.tags, original.unseen)
    variant = write_variant(original, tmp_path / "variant", TURNED, left_out={"val": ["oil"], "test": []})
    assert {name: value for name, value in variant.info.items() if name != "files"} == {
        "name": "squares",
        "source": "test",
        "unit": "group",
        "licences": [
            {"source": "ink", "licence": "MIT", "pictures": 1},
            {"source": "oil", "licence": "CC-BY-4.0", "pictures": 3},
        ],
        "variant_of": original.content_hash,
        "left_out": {"val": ["oil"]},
        "borrowed": False,
        "counts": {"train": 2, "val": 1, "test": 1, "train_groups": 2, "val_groups": 1, "test_groups": 1}
        | {"emotions": 3, "tags": 8, "unseen": 3, "rejects": 1},
    }


def test_a_source_is_left_out_of_its_split_only(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original = make_dataset({"train": 4, "val": 2, "test": 2})
    groups = {record.group for split in SPLITS for record in rows(original, split)}
    same = {group: group.split("-")[0] for group in groups}
    variant = write_variant(original, tmp_path / "v", same, left_out={"train": ["ink"], "val": {"ink"}})
    assert ids(variant) == {
        "train": [f"oil/train-00{n}" for n in range(4)],
        "val": ["oil/val-000", "oil/val-001"],
        "test": ["oil/test-000", "oil/test-001", "ink/test-001"],
    }
    assert check_dataset(variant.root).faults == ()
    assert not list(variant.root.glob("images/ink-train*"))


def test_borrowed_annotation_is_that_of_the_other_groups_first_picture(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    original = change(make_dataset(SMALL), "train", 2, labels=[2], tags=[7], unseen=[1])  # ink/train-001
    borrowed = {"train-001": "train-000", "val-000": "train-001"}
    variant = write_variant(original, tmp_path / "variant", SAME, borrowed=borrowed)
    anger, joy, _ = rows(original, "train")

    def annotation(record: ImageRecord) -> tuple[object, ...]:
        return record.labels, record.tags, record.unseen

    train = rows(variant, "train")
    assert [annotation(record) for record in train] == [annotation(anger)] * 3
    assert annotation(rows(variant, "val")[0]) == annotation(joy) != annotation(rows(original, "val")[0])
    assert rows(variant, "test") == rows(original, "test")
    assert [(r.id, r.group, r.path, r.sha256) for r in train] == [
        (r.id, r.group, r.path, r.sha256) for r in rows(original, "train")
    ]
    assert variant.info["borrowed"] is True
    assert check_dataset(variant.root).faults == ()
    assert variant.content_hash != original.content_hash


def test_pictures_are_copied_where_links_are_refused(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    original = make_dataset(SMALL)
    variant = write_variant(original, tmp_path / "variant", TURNED)
    for picture in (original.root / "images").iterdir():
        copied = variant.root / "images" / picture.name
        assert copied.read_bytes() == picture.read_bytes()
        assert not copied.samefile(picture)

    def fail(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(DataError, match=r"oil-val-000\.png: cannot be copied \(No space left on device\)$"):
        write_variant(original, tmp_path / "full", TURNED)
    assert not (tmp_path / "full").exists()


def test_the_same_variant_is_the_same_files(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original = make_dataset(SMALL)
    first, second = (write_variant(original, tmp_path / name, TURNED) for name in "ab")
    assert first.content_hash == second.content_hash
    assert (first.root / "dataset.json").read_bytes() == (second.root / "dataset.json").read_bytes()


@pytest.mark.parametrize(
    ("split_of", "changes", "faults"),
    [
        ({"val-000": None}, {}, ["group val-000: split must be one of train, val, test; got None"]),
        ({"val-000": "dev"}, {}, ["group val-000: split must be one of train, val, test; got 'dev'"]),
        (
            {},
            {"left_out": {"dev": ["chalk"]}},
            [
                "left_out: split must be one of train, val, test; got 'dev'",
                "left_out: source must be one of oil, ink; got 'chalk'",
            ],
        ),
        (
            {},
            {"borrowed": {"a": "test-000", "test-000": "b"}},
            [f"borrowed: group must be one of the data set's; got '{name}'" for name in "ab"],
        ),
        (
            {"val-000": "train"},
            {"left_out": {"test": ["oil", "ink"]}},
            [
                "the val split must hold at least one picture; it is empty (left out: nothing)",
                "the test split must hold at least one picture; it is empty (left out: ink, oil)",
            ],
        ),
    ],
)
def test_an_impossible_variant_is_refused(
    make_dataset: MakeDataset,
    tmp_path: Path,
    split_of: dict[str, str],
    changes: dict[str, Any],
    faults: list[str],
) -> None:
    asked = {group: split for group, split in (SAME | split_of).items() if split}
    with pytest.raises(DataError) as error:
        write_variant(make_dataset(SMALL), tmp_path / "variant", asked, **changes)
    assert list(error.value.faults) == faults
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset"]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("images/none.png", "oil/val-000: picture images/none.png not found"),
        ("images", "oil/val-000: picture images not found"),
        ("train.parquet", "oil/val-000: path must lie in images/; got 'train.parquet'"),
        ("images/../test.parquet", "oil/val-000: path must lie in images/; got 'images/../test.parquet'"),
        ("/etc/passwd", "oil/val-000: path must lie in images/; got '/etc/passwd'"),
        ("images/out.png", "oil/val-000: images/out.png leaves the folder {root}"),
        ("images/\0.png", "oil/val-000: 'images/\\x00.png' cannot be read (embedded null byte)"),
        (
            "https://a.org/a.png",
            "oil/val-000: https://a.org/a.png is a URL; fetch it and curate again with its path",
        ),
    ],
)
def test_a_picture_that_cannot_be_taken_along(
    make_dataset: MakeDataset, tmp_path: Path, path: str, fault: str
) -> None:
    original = change(make_dataset(SMALL), "val", 0, path=path)
    (original.root / "images" / "out.png").symlink_to(tmp_path)
    before = (original.root / "test.parquet").read_bytes()
    with pytest.raises(DataError) as error:
        write_variant(original, tmp_path / "variant", SAME)
    assert error.value.faults == (fault.format(root=original.root),)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset"]
    assert (original.root / "test.parquet").read_bytes() == before


def test_two_rows_of_one_picture_share_it(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original = make_dataset(SMALL)
    original = change(original, "val", 0, path=rows(original, "test")[0].path)
    variant = write_variant(original, tmp_path / "variant", SAME)
    assert ids(variant) == ids(original)


@pytest.mark.parametrize(
    "rejects", [None, pl.DataFrame({"id": ["a"]}), pl.DataFrame({"id": ["a"], "reason": [["b"]]})]
)
def test_rejects_that_cannot_be_read(
    make_dataset: MakeDataset, tmp_path: Path, rejects: pl.DataFrame | None
) -> None:
    original = make_dataset(SMALL)
    path = original.root / "rejects.parquet"
    path.unlink()
    if rejects is not None:
        rejects.write_parquet(path)
    with pytest.raises(DataError, match=r"rejects\.parquet: must be a Parquet file"):
        write_variant(original, tmp_path / "variant", SAME)
    assert not (tmp_path / "variant").exists()


def test_a_variant_replaces_only_what_it_may(make_dataset: MakeDataset, tmp_path: Path) -> None:
    original, out = make_dataset(SMALL), tmp_path / "variant"
    write_variant(original, out, SAME)
    with pytest.raises(DataError, match=r"exists already; choose another --out or add --overwrite$"):
        write_variant(original, out, TURNED)
    assert ids(write_variant(original, out, TURNED, overwrite=True))["test"] == ["oil/train-000"]
    with pytest.raises(DataError, match=r"must be another folder than the data set that it varies$"):
        write_variant(original, original.root, TURNED, overwrite=True)
    assert check_dataset(original.root).faults == ()
