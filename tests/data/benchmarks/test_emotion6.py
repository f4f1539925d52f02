from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.benchmarks.emotion6 import EMOTION6, read_emotion6
from emotionnet.records import DataError

NAMES = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")


def header(names: tuple[str, ...] = NAMES) -> str:
    return "\t".join(["[image_filename]", "[valence]", "[arousal]", *(f"[prob. {name}]" for name in names)])


def test_shares_and_dimensions(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_lines(
        tmp_path / "ground_truth.txt",
        [header(), "disgust/1.jpg\t2.5\t3.8\t0.133333\t0.7\t0\t0.0666667\t0.1\t0\t0"],
    )
    (record,) = read_emotion6(tmp_path, ALL)
    assert record.path == "images/disgust/1.jpg"
    assert [EMOTION6.labels[label] for label in record.labels] == ["anger", "disgust", "joy", "sadness"]
    assert record.label_weights == (0.133333, 0.7, 0.0666667, 0.1)
    assert record.dimensions == (2.5, 3.8)
    assert record.keywords == ("disgust",)


def test_columns_go_by_name(writers: ModuleType, tmp_path: Path) -> None:
    other = tuple(reversed(NAMES))
    row = "joy/1.jpg\t5\t5\t0.25\t0\t0\t0.75\t0\t0\t0"
    writers.write_lines(tmp_path / "ground_truth.txt", [header(other), row], encoding="utf-16")
    (record,) = read_emotion6(tmp_path, ALL)
    shares = dict(zip(record.labels, record.label_weights, strict=True))
    assert {EMOTION6.labels[label]: share for label, share in shares.items()} == {
        "joy": 0.75,
        "neutral": 0.25,
    }


def test_the_copy_in_file_order(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_emotion6(tmp_path / "Emotion6")
    records = read_emotion6(tmp_path, ALL)
    assert len(records) == 36
    assert records[0].path == "Emotion6/images/anger/1.jpg"
    assert records[0].keywords == ("anger",)
    assert records[-1].label_weights == (0.5, 0.5)


def test_all_faults_are_told_with_their_line(writers: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "ground_truth.txt"
    rows = [
        "a/1.jpg\tnan\t3\t1\t0\t0\t0\t0\t0\t0",
        "a/2.jpg\t2\t9.5\t1\t0\t0\t0\t0\t0\t0",
        "a/3.jpg\t2\t3\t0.5\t0\t0\t0\t0\t0\t0",
        "a/4.jpg\t2\t3\t-1\t1\t1\t0\t0\t0\t0",
        "../5.jpg\t2\t3\t1\t0\t0\t0\t0\t0\t0",
        "a/6.jpg\t2\t3\t1",
    ]
    writers.write_lines(path, [header(), *rows])
    with pytest.raises(DataError) as told:
        read_emotion6(tmp_path, ALL)
    assert set(told.value.faults) == {
        f"{path}:2: valence must be a number from 1 to 9; got 'nan'",
        f"{path}:3: arousal must be a number from 1 to 9; got '9.5'",
        f"{path}:4: the shares of the emotions must sum to 1; got 0.5",
        f"{path}:5: anger must be a number from 0 to 1; got '-1'",
        f"{path}:6: path must not leave the image folder; got '../5.jpg'",
        f"{path}:7: a row must have 10 columns; has 4: 'a/6.jpg 2 3 1'",
    }


def test_a_first_line_without_names_is_refused(writers: ModuleType, tmp_path: Path) -> None:
    row = "disgust/1.jpg\t2.5\t3.8\t0.3\t0.7\t0\t0.0\t0.00\t0.000\t0.0000"
    writers.write_lines(tmp_path / "ground_truth.txt", [row, row])
    with pytest.raises(
        DataError, match=r"ground_truth\.txt:1: the first line must name valence, arousal, ang"
    ):
        read_emotion6(tmp_path, ALL)
