"""GAPED: tables in several encodings, and pictures with another ending than their tables say."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.gaped import FOLDERS, GAPED, read
from emotionnet.records import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One picture in each folder."""
    for folder in FOLDERS:
        table(tmp_path, folder, f"{folder}001.bmp\t50.0\t(1.0)\t40.0\t(2.0)")
    return tmp_path


def table(root: Path, folder: str, *rows: str, encoding: str = "latin-1") -> None:
    text = "\r\n".join(["\tValence\t(SD)\tArousal\t(SD)", *rows])
    (root / f"{folder}_with SD.txt").write_bytes(text.encode(encoding))


@pytest.mark.parametrize(
    ("row", "encoding"),
    [
        ("P002.bmp\t91.25\t(9.5)\t12.5\t(8.25)", "utf-16"),
        ("P002.bmp 91.25 (9.5) 12.5 (8.25)", "latin-1"),
        ("P002.bmp\t91,25\t(9,5)\t12,5\t(8,25)", "utf-8-sig"),
        ("P002.bmp   91.25 12.5", "utf-8"),
        ("P002.bmp\t\t91.25\t9.5\t\t12.5\t8.25\t", "latin-1"),
    ],
)
def test_rows_as_they_are_found(root: Path, row: str, encoding: str) -> None:
    table(root, "P", row, encoding=encoding)
    found = [record for record in read(root, "all") if record.path == "P/P002.bmp"]
    assert [(record.dimensions, GAPED.labels[record.labels[0]]) for record in found] == [
        ((91.25, 12.5), "positive")
    ]


def test_the_order_is_that_of_folders_and_rows(root: Path) -> None:
    table(root, "A", "A002.bmp\t1\t(1)\t2\t(2)", "A001.bmp\t3\t(1)\t4\t(2)")
    assert [record.path for record in read(root, "all")] == [
        "A/A002.bmp",
        "A/A001.bmp",
        *(f"{folder}/{folder}001.bmp" for folder in list(FOLDERS)[1:]),
    ]


def test_a_table_may_name_a_jpg_that_is_a_bmp(root: Path, writers_b: ModuleType) -> None:
    table(root, "N", "N001.jpg\t1\t(1)\t2\t(2)", "N002.jpg\t1\t(1)\t2\t(2)")
    writers_b.draw(root / "N/N001.bmp", 1)
    paths = [record.path for record in read(root, "all")]
    assert "N/N001.bmp" in paths
    assert "N/N002.jpg" in paths


def test_a_folder_within(root: Path) -> None:
    (root / "GAPED").mkdir()
    for path in root.glob("*.txt"):
        path.rename(root / "GAPED" / path.name)
    assert read(root, "all")[0].path == "GAPED/A/A001.bmp"


def test_faults(root: Path) -> None:
    table(root, "H", "H001.bmp\t101\t(1)\t2\t(2)", "H002\t1\t(1)\t2\t(2)", "H003.bmp\t1\t(1)\t2")
    (root / "Sn_with SD.txt").unlink()
    table(root, "Sp")
    with pytest.raises(DataError) as told:
        read(root, "all")
    texts = [fault.split(str(root) + "/")[1] for fault in told.value.faults]
    assert texts[0] == "H_with SD.txt:2: valence must be a number from 0 to 100; got '101'"
    assert texts[1].startswith(
        "H_with SD.txt:3: a row must be a file, valence, (SD), arousal, (SD); got 'H002"
    )
    assert texts[2].startswith(
        "H_with SD.txt:4: a row must be a file, valence, (SD), arousal, (SD); got the num"
    )
    assert texts[3] == "Sn_with SD.txt: file not found"
    table(root, "H", "H001.bmp\t1\t(1)\t2\t(2)")
    table(root, "Sn", "Sn001.bmp\t1\t(1)\t2\t(2)")
    with pytest.raises(DataError, match=r"Sp_with SD.txt: must hold at least one picture; it holds none"):
        read(root, "all")
