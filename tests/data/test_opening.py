from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotionnet.config import SourceConfig
from emotionnet.config_files import checked
from emotionnet.data.opening import find_format, open_data
from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS, DataError

MakeTree = Callable[..., Path]
PutPicture = Callable[[Path], Path]


def source(root: Path | str, **values: Any) -> SourceConfig:
    return checked(SourceConfig, {"root": str(root), **values}, "options")


def sizes(dataset: Dataset) -> list[int]:
    return [len(dataset.unchecked_records(split)) for split in SPLITS]


def test_a_dataset_is_read_as_it_is(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    assert open_data(source(dataset.root)) == dataset
    assert open_data(source(dataset.root, format="dataset"), assigned={"x": "val"}) == dataset
    with pytest.raises(DataError, match=r"data\.fold: must be 0 for a DATASET"):
        open_data(source(dataset.root, fold=1))


def test_folders_are_told_by_their_pictures(make_tree: MakeTree) -> None:
    root = make_tree(anger=10, joy=10)
    assert find_format(root) == "folders"
    assert sizes(open_data(source(root))) == [14, 2, 4]
    assert open_data(source(root, split_seed=1)).content_hash != open_data(source(root)).content_hash


@pytest.mark.parametrize("name", ["metadata.csv", "labels.tsv"])
def test_a_table_beside_pictures_goes_before_folders(make_tree: MakeTree, name: str) -> None:
    root = make_tree(anger=2)
    mark = "\t" if name.endswith("tsv") else ","
    (root / name).write_text(f"file_name{mark}label\nanger/0.png{mark}joy\n")
    assert find_format(root) == "table"
    for place in (root, root / name):
        assert open_data(source(place)).emotion_names == ("joy",)
    assert open_data(source(root, format="folders")).emotion_names == ("anger",)


def test_two_tables_in_a_folder_must_be_told_apart(make_tree: MakeTree) -> None:
    root = make_tree(anger=2)
    for name in ("metadata.csv", "labels.csv"):
        (root / name).write_text("file,label\nanger/0.png,joy\n")
    with pytest.raises(DataError, match=r"must hold one table .*; found metadata\.csv, labels\.csv: name"):
        open_data(source(root))


def test_a_benchmark_is_opened_by_its_name(make_tree: MakeTree) -> None:
    root = make_tree(
        **dict.fromkeys(("amusement", "anger", "awe", "contentment"), 20),
        **dict.fromkeys(("disgust", "excitement", "fear", "sadness"), 20),
    )
    dataset = open_data(source(root, format="fi"))
    assert dataset.name == "fi"
    assert sizes(dataset) == [128, 8, 24]  # its protocol's 80, 5 and 15 of 100
    with pytest.raises(DataError, match="boredom"):
        open_data(source(make_tree("other", boredom=2), format="fi"))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("folder", r"data\.format: must be one of auto, dataset, .*; got 'folder'; did you mean folders\?"),
        ("EmoSets", "did you mean emoset"),
        ("zzzzzzz", r"got 'zzzzzzz'$"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, form: str, text: str) -> None:
    with pytest.raises(DataError, match=text):
        open_data(source(tmp_path, format=form))


def test_what_is_none_of_them_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be a DATASET \(dataset\.json\), a folder .*; it is empty"):
        open_data(source(tmp_path))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"'data benchmarks' lists, .*; it holds notes\.txt"):
        open_data(source(tmp_path))
    with pytest.raises(DataError, match=r"it is a file with the ending \.txt"):
        open_data(source(tmp_path / "notes.txt"))
    with pytest.raises(DataError, match="it does not exist"):
        find_format(tmp_path / "none")


@pytest.mark.parametrize("form", ["folders", "fi"])
def test_a_format_that_needs_a_folder_says_so(tmp_path: Path, form: str) -> None:
    (tmp_path / "t.csv").write_text("x")
    with pytest.raises(DataError, match=r"must be .*folder.*; it is none"):
        open_data(source(tmp_path / "t.csv", format=form))


def test_a_table_in_a_folder_without_one_is_named(make_tree: MakeTree) -> None:
    with pytest.raises(DataError, match=r"must hold one table .*; found none"):
        open_data(source(make_tree(joy=1), format="table"))
