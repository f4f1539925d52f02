"""Folder-per-class sets: FI and UnbiasedEmotion."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.benchmarks.fi import FI, read_fi, read_fi_split
from emotionnet.data.benchmarks.folders import read_classes
from emotionnet.data.benchmarks.unbiased import UNBIASEDEMOTION, read_unbiasedemotion
from emotionnet.records import DataError


def test_fi_gives_labels_by_name_in_fixed_order(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_fi(tmp_path)
    records = read_fi(tmp_path, ALL)
    assert len(records) == 48
    assert records[0].path == "emotion_dataset/amusement/amusement_000.jpg"
    assert records[-1].path == "emotion_dataset/sadness/sadness_005.jpg"
    assert all(FI.labels[record.labels[0]] == record.path.split("/")[1] for record in records)
    inner = read_fi(tmp_path / "emotion_dataset", ALL)
    assert [record.path for record in inner] == [record.path.split("/", 1)[1] for record in records]


def test_fi_that_others_split(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_fi_split(tmp_path)
    records = read_fi_split(tmp_path, "val")
    assert len(records) == 48
    assert records[6].path == "val/anger/val_000.jpg"
    assert records[6].labels == (1,)
    with pytest.raises(DataError, match="it holds train: read it as fi_split"):
        read_fi(tmp_path, ALL)


def test_folders_in_other_words_and_cases(writers: ModuleType, tmp_path: Path) -> None:
    for folder in ("Sad", "CONTENT", "sadness"):
        writers.write_picture(tmp_path / folder / "a.jpg")
    records = read_classes(tmp_path, ALL, labels=FI.labels, name="fi")
    assert [(record.path, FI.labels[record.labels[0]]) for record in records] == [
        ("CONTENT/a.jpg", "contentment"),
        ("Sad/a.jpg", "sadness"),
        ("sadness/a.jpg", "sadness"),
    ]


def test_other_files_are_no_pictures(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_fi(tmp_path)
    before = read_fi(tmp_path, ALL)
    for name in (
        "awe/Thumbs.db",
        "awe/.hidden.jpg",
        "__MACOSX/awe/._a.jpg",
        ".cache/x.jpg",
        "empty/readme.txt",
    ):
        writers.write_lines(tmp_path / "emotion_dataset" / name, ["none"])
    assert read_fi(tmp_path, ALL) == before


def test_every_unknown_folder_is_named(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_fi(tmp_path)
    for name in ("calm", "joy"):
        writers.write_picture(tmp_path / "emotion_dataset" / name / "a.jpg")
    with pytest.raises(DataError) as told:
        read_fi(tmp_path, ALL)
    start = f"{tmp_path}/emotion_dataset: a label must be one of {', '.join(FI.labels)}; got "
    assert told.value.faults == (f"{start}'calm'", f"{start}'joy'")


def test_unbiasedemotion_is_found_in_either_spelling(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_unbiasedemotion(tmp_path / "plain")
    records = read_unbiasedemotion(tmp_path / "plain", ALL)
    assert records[0].path == "images/anger/car/0.jpg"
    assert records[0].keywords == ("car",)
    assert UNBIASEDEMOTION.labels[records[-1].labels[0]] == "surprise"
    assert sum(record.labels == (UNBIASEDEMOTION.labels.index("love"),) for record in records) == 6
    for number, spelling in enumerate(("UnBiasedEmo", "UnbiasedEmotion")):
        writers.write_unbiasedemotion(tmp_path / str(number) / spelling)
        named = read_unbiasedemotion(tmp_path / str(number), ALL)
        assert [record.path for record in named] == [f"{spelling}/{record.path}" for record in records]
        assert [record.keywords for record in named] == [record.keywords for record in records]
