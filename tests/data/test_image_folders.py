from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.image_folders import has_classes, read_folders
from emotionnet.records import DataError

MakeTree = Callable[..., Path]
PutPicture = Callable[[Path], Path]


def paths(root: Path) -> dict[str, list[str]]:
    return {split: [r.path for r in records] for split, records in read_folders(root).records.items()}


def test_each_folder_is_a_class_in_order_of_names(make_tree: MakeTree, put_picture: PutPicture) -> None:
    root = make_tree(joy=1, anger=2)
    put_picture(root / "joy" / "deep" / "down" / "X.JPG")
    (root / "joy" / "notes.txt").write_text("no picture")
    (root / "empty").mkdir()
    listing = read_folders(root)
    assert (listing.labels, listing.name) == (("anger", "joy"), "tree")
    assert [(r.id, r.path, r.group, r.labels) for r in listing.records[ALL]] == [
        ("anger/0.png", "anger/0.png", "anger/0.png", (0,)),
        ("anger/1.png", "anger/1.png", "anger/1.png", (0,)),
        ("joy/0.png", "joy/0.png", "joy/0.png", (1,)),
        ("joy/deep/down/X.JPG", "joy/deep/down/X.JPG", "joy/deep/down/X.JPG", (1,)),
    ]


@pytest.mark.parametrize("val", ["val", "valid", "validation", "dev", "Validation"])
def test_splits_by_the_names_that_they_go_by(tmp_path: Path, put_picture: PutPicture, val: str) -> None:
    for split in ("training", val, "test"):
        put_picture(tmp_path / split / "joy" / "1.png")
    put_picture(tmp_path / "test" / "awe" / "2.png")
    assert read_folders(tmp_path).labels == ("awe", "joy")
    assert paths(tmp_path) == {
        "train": ["training/joy/1.png"],
        "val": [f"{val}/joy/1.png"],
        "test": ["test/awe/2.png", "test/joy/1.png"],
    }


def test_folders_besides_the_splits_are_told_of(
    tmp_path: Path, put_picture: PutPicture, capsys: pytest.CaptureFixture[str]
) -> None:
    put_picture(tmp_path / "train" / "joy" / "1.png")
    put_picture(tmp_path / "extra" / "joy" / "1.png")
    assert paths(tmp_path) == {"train": ["train/joy/1.png"]}
    assert "folders beside those of the splits are left out: extra" in capsys.readouterr().err


def test_a_class_may_be_called_train(make_tree: MakeTree) -> None:
    root = make_tree(train=1, joy=1)
    assert paths(root) == {ALL: ["joy/0.png", "train/0.png"]}


def test_hidden_files_and_pictures_in_no_class_are_left_out(
    make_tree: MakeTree, put_picture: PutPicture, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree(joy=1)
    for name in ("joy/._0.png", ".thumbs/0.png", "joy/.deep/0.png", "loose.png"):
        put_picture(root / name)
    assert paths(root) == {ALL: ["joy/0.png"]}
    assert "1 pictures in no class are left out; first 'loose.png'" in capsys.readouterr().err


def test_two_folders_for_one_split_are_refused(tmp_path: Path, put_picture: PutPicture) -> None:
    for split in ("train", "val", "valid"):
        put_picture(tmp_path / split / "joy" / "1.png")
    with pytest.raises(DataError, match="one folder must stand for val; val and valid do"):
        read_folders(tmp_path)


def test_a_folder_without_classes_is_refused(tmp_path: Path, put_picture: PutPicture) -> None:
    put_picture(tmp_path / "loose.png")
    assert not has_classes(tmp_path)
    with pytest.raises(DataError, match=r"must hold a folder with pictures for each class, .* none has"):
        read_folders(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be listed"):
        read_folders(tmp_path / "none")
