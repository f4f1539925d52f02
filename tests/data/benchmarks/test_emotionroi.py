from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.emotionroi import EMOTIONROI, read_emotionroi
from emotionnet.records import DataError


def test_official_split_without_the_masks(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_emotionroi(tmp_path)
    train, test = read_emotionroi(tmp_path, "train"), read_emotionroi(tmp_path, "test")
    assert [record.path for record in train[:2]] == ["images/anger/1.jpg", "images/anger/2.jpg"]
    assert test[-1].path == "images/surprise/106.jpg"
    assert len(train) == len(test) == 36
    for record in (*train, *test):
        assert EMOTIONROI.labels[record.labels[0]] == record.path.split("/")[1]


def test_lists_beside_the_pictures_and_windows_paths(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_lines(tmp_path / "EmotionROI" / "training.txt", ["joy\\1.jpg", "", "fear/2.jpg "])
    assert [record.path for record in read_emotionroi(tmp_path, "train")] == [
        "EmotionROI/images/joy/1.jpg",
        "EmotionROI/images/fear/2.jpg",
    ]


def test_all_faults_are_told_with_their_line(writers: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "training_testing_split" / "testing.txt"
    writers.write_lines(path, ["1.jpg", "awe/1.jpg", "../joy/1.jpg", "joy/more/1.jpg"])
    with pytest.raises(DataError) as told:
        read_emotionroi(tmp_path, "test")
    assert told.value.faults == (
        f"{path}:1: a line must be <emotion>/<picture>; got '1.jpg'",
        f"{path}:2: a label must be one of {', '.join(EMOTIONROI.labels)}; got 'awe'",
        f"{path}:3: path must not leave the image folder; got '../joy/1.jpg'",
        f"{path}:4: a line must be <emotion>/<picture>; got 'joy/more/1.jpg'",
    )
    with pytest.raises(DataError, match=r"training\.txt: file not found"):
        read_emotionroi(tmp_path, "train")
