"""AffectNet in both its layouts."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from emotionnet.data.benchmarks.affectnet import AFFECTNET, LABELS, read
from emotionnet.records import DataError

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def table(root: Path, rows: list[str], name: str = "training.csv", header: str = HEADER) -> None:
    lines = [header] if header else []
    (root / name).write_text("\n".join([*lines, *rows]))


def test_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        "1/a.jpg,0,0,9,9,1;2,7,-0.5,0.25",
        "1/b.jpg,0,0,9,9,1;2,8,-2,-2",
        "1/c.jpg,0,0,9,9,1;2,10,-2,-2",
        "2/a.jpg,0,0,9,9,1;2,0,-2,0.5",
    ]
    table(tmp_path, rows)
    one, two = read(tmp_path, "train")
    assert (one.path, LABELS[one.labels[0]], one.dimensions) == (
        "Manually_Annotated_Images/1/a.jpg",
        "contempt",
        (-0.5, 0.25),
    )
    assert LABELS[two.labels[0]] == "neutral"
    assert math.isnan(two.dimensions[0])
    assert two.dimensions[1] == 0.5
    assert "train: left out, as no emotions: expression 1 of 8, 1 of 10" in capsys.readouterr().err
    table(tmp_path, rows[:1], "validation.csv", header="")
    assert [record.path for record in read(tmp_path, "test")] == ["Manually_Annotated_Images/1/a.jpg"]


def test_its_validation_set_is_test_and_val_is_not_its_own() -> None:
    assert AFFECTNET.splits == ("train", "test")
    assert sum(AFFECTNET.published[f"train/{label}"] for label in LABELS) == AFFECTNET.published["train"]


def test_arrays(tmp_path: Path, writers_b: ModuleType) -> None:
    writers_b.write_affectnet_arrays(tmp_path)
    found = read(tmp_path, "train")
    assert [record.path for record in found[:3]] == [f"train_set/images/{n}.jpg" for n in range(3)]
    assert found[10].path.endswith("/10.jpg")
    assert [record.labels for record in found[:9]] == [(n % 8,) for n in range(9)]
    assert found[3].dimensions == (-0.7, 0.25)
    assert len(read(tmp_path, "test")) == 48
    annotations = tmp_path / "train_set/annotations"
    (annotations / "0_val.npy").unlink()
    np.save(annotations / "1_aro.npy", np.array(-2))
    first, second, *_ = read(tmp_path, "train")
    assert math.isnan(first.dimensions[0])
    assert math.isnan(second.dimensions[1])


def test_faults_of_tables(tmp_path: Path) -> None:
    table(
        tmp_path, ["a.jpg,0,0,9,9,1,11,0,0", "/a.jpg,0,0,9,9,1,1,0,0", "a.jpg,0,0,9,9,1,1,-1.5,0", "b.jpg,1"]
    )
    with pytest.raises(DataError) as told:
        read(tmp_path, "train")
    text = str(told.value)
    assert "training.csv:5: a row must have 9 columns; has 2" in text
    table(tmp_path, ["a.jpg,0,0,9,9,1,11,0,0", "../a.jpg,0,0,9,9,1,1,0,0", "a.jpg,0,0,9,9,1,1,-1.5,0"])
    with pytest.raises(DataError) as told:
        read(tmp_path, "train")
    first, second, third = told.value.faults
    assert first.endswith("training.csv:2: expression must be a whole number from 0 to 10; got '11'")
    assert "training.csv:3: path must not leave the image folder" in second
    assert third.endswith("training.csv:4: valence must be a number from -1 to 1, or -2 for none; got -1.5")


def test_faults_of_arrays(tmp_path: Path, writers_b: ModuleType) -> None:
    writers_b.write_affectnet_arrays(tmp_path)
    annotations = tmp_path / "val_set/annotations"
    (annotations / "500_exp.npy").unlink()
    (annotations / "501_exp.npy").write_bytes(b"no array")
    np.save(annotations / "502_exp.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(annotations / "503_exp.npy", np.zeros(3))
    np.save(annotations / "504_exp.npy", np.zeros(30_000))
    with pytest.raises(DataError) as told:
        read(tmp_path, "test")
    texts = [fault.split("annotations/")[1] for fault in told.value.faults]
    assert texts[0] == "500_exp.npy: file not found"
    assert texts[1].startswith("501_exp.npy: must be a NumPy array; ")
    assert texts[2].startswith("502_exp.npy: must be a NumPy array; Object arrays cannot be loaded")
    assert texts[3] == "503_exp.npy: must hold one number"
    assert texts[4].startswith("504_exp.npy: an annotation must have at most 65,536 bytes")
    with pytest.raises(DataError, match=r"must hold training.csv or train_set/images; it holds neither"):
        read(tmp_path / "val_set", "train")
