from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.webemo import LABELS_2, LABELS_7, LABELS_25, read_webemo
from emotionnet.records import DataError


def names(records: tuple[object, ...]) -> list[str]:
    return [str(getattr(record, "path", "")).rsplit("/", 1)[-1] for record in records]


def test_train_loses_what_test_has_and_what_it_repeats(
    writers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writers.write_webemo(tmp_path)
    assert len((tmp_path / "train25.txt").read_text().splitlines()) == 152
    train, test = read_webemo(tmp_path, "train"), read_webemo(tmp_path, "test")
    assert (len(train), len(test)) == (150, 150)
    assert not set(names(train)) & set(names(test))
    told = capsys.readouterr().err
    assert "train25.txt: 1 lines repeat an earlier picture and are left out, 0 of them with another" in told
    assert f"{tmp_path}: 1 pictures of train are in test too; train loses them" in told
    assert train[0].path == "images/train25/0/220_F_train0_0.jpg"
    assert all((tmp_path / record.path).is_file() for record in (*train, *test))


def test_one_picture_from_two_hosts_or_under_two_labels_is_one(
    writers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["https://a.net/x/1.jpg 0", "https://b.net/x/1.jpg?size=2 0", "https://a.net/x/1.jpg 9"]
    writers.write_lines(tmp_path / "test25.txt", rows)
    (record,) = read_webemo(tmp_path, "test")
    assert (record.path, record.labels) == ("images/test25/0/1.jpg", (0,))
    assert (
        "2 lines repeat an earlier picture and are left out, 1 of them with another"
        in capsys.readouterr().err
    )


def test_numbers_stand_for_the_names_of_its_file(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_webemo(tmp_path)
    for record in read_webemo(tmp_path, "test"):
        assert record.labels == (int(record.path.split("/")[2]),)
    lines = writers.WEBEMO_CATEGORIES.splitlines()
    swapped = "\n".join([lines[0], lines[1], *reversed(lines[2:])])
    writers.write_lines(tmp_path / "category.txt", [swapped])
    by_number = {record.path.split("/")[2]: record.labels[0] for record in read_webemo(tmp_path, "test")}
    assert LABELS_25[by_number["0"]] == "affection"
    assert LABELS_25[by_number["1"]] == "zest"
    assert LABELS_25[by_number["24"]] == "cheerfulness"


def test_numbers_of_folders_stand_for_the_names_of_its_file(writers: ModuleType, tmp_path: Path) -> None:
    for split in ("train", "test"):
        writers.write_picture(tmp_path / "images" / f"{split}25" / "1" / "a.jpg")
    lines = writers.WEBEMO_CATEGORIES.splitlines()
    writers.write_lines(tmp_path / "category.txt", [*lines[:2], *reversed(lines[2:])])
    assert [LABELS_25[record.labels[0]] for record in read_webemo(tmp_path, "test")] == ["zest"]


@pytest.mark.parametrize(("level", "labels"), [(25, LABELS_25), (7, LABELS_7), (2, LABELS_2)])
def test_levels(writers: ModuleType, tmp_path: Path, level: int, labels: tuple[str, ...]) -> None:
    writers.write_webemo(tmp_path)
    assert len(set(labels)) == level
    given = [labels[record.labels[0]] for record in read_webemo(tmp_path, "test", level=level)]
    expected = {
        25: ["affection", "confusion", "surprise"],
        7: ["love", "confusion", "surprise"],
        2: ["positive", "negative", "positive"],
    }
    assert [given[0], given[2 * 6], given[22 * 6]] == expected[level]


def test_folders_without_lists(
    writers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writers.write_webemo(tmp_path)
    listed = {split: read_webemo(tmp_path, split) for split in ("train", "test")}
    for name in ("train25.txt", "test25.txt", "category.txt"):
        (tmp_path / name).unlink()
    same = tmp_path / "images" / "train25" / "3" / "220_F_test3_0.jpg"
    shutil.copyfile(tmp_path / "images" / "test25" / "3" / "220_F_test3_0.jpg", same)
    renamed = tmp_path / "images" / "train25" / "4" / "220_F_test4_0.jpg"  # the name of a test picture, only
    writers.write_picture(renamed)
    capsys.readouterr()
    train, test = read_webemo(tmp_path, "train"), read_webemo(tmp_path, "test")
    assert set(test) == set(listed["test"])
    assert {record.path for record in train} - {record.path for record in listed["train"]} == {
        "images/train25/4/220_F_test4_0.jpg"
    }
    assert "1 pictures of train are in test too; train loses them" in capsys.readouterr().err


def test_all_faults_are_told_with_their_line(writers: ModuleType, tmp_path: Path) -> None:
    rows = [
        "https://a.net/1.jpg 25",
        "https://a.net/2.jpg",
        "a.jpg 1",
        "https://a.net/.. 1",
        "https://a.net/ 1",
    ]
    writers.write_lines(tmp_path / "test25.txt", rows)
    with pytest.raises(DataError) as told:
        read_webemo(tmp_path, "test")
    path = tmp_path / "test25.txt"
    url = "an address must be a URL that ends in a file name; got "
    assert told.value.faults == (
        f"{path}:1: a label must be a whole number from 0 to 24; got '25'",
        f"{path}:2: a row must have 2 columns; has 1: 'https://a.net/2.jpg'",
        f"{path}:3: {url}'a.jpg'",
        f"{path}:4: path must not leave the image folder; got '..'",
        f"{path}:5: {url}'https://a.net/'",
    )


def test_faults_of_files(writers: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must hold test25\.txt or the folder images/test25; it holds neither"
    ):
        read_webemo(tmp_path, "test")
    writers.write_lines(tmp_path / "train25.txt", ["https://a.net/1.jpg 0"])
    with pytest.raises(DataError, match=r"test25\.txt: file not found"):
        read_webemo(tmp_path, "train")
    writers.write_lines(tmp_path / "category.txt", ["labels=[('calm', 'joy', '+')]"])
    with pytest.raises(DataError, match=r"category\.txt: must name .* once; names 1; unknown: \['calm'\]"):
        read_webemo(tmp_path, "train")
