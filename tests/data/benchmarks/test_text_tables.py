from __future__ import annotations

import math
from pathlib import Path

import pytest

from emotionnet.data.benchmarks.text_tables import (
    Faults,
    finite,
    inner_path,
    label_index,
    lines,
    read_text,
    rows,
    whole,
)
from emotionnet.data.row_checks import RowError
from emotionnet.records import DataError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_is_the_same_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("gaîté\r\nennui\n".encode(encoding))
    assert read_text(path) == "gaîté\r\nennui\n"
    assert list(lines(path)) == [(f"{path}:1", "gaîté"), (f"{path}:2", "ennui")]


def test_text_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "words.txt"
    with pytest.raises(DataError, match=r"words\.txt: file not found"):
        read_text(path)
    path.write_bytes(b"\xff\xfea")
    with pytest.raises(DataError, match=r"words\.txt: cannot be read as text \('utf-16"):
        read_text(path)
    path.write_bytes("joy".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"words\.txt: must be text; it holds null bytes"):
        read_text(path)
    with pytest.raises(DataError, match="cannot be read as text"):
        read_text(tmp_path)
    monkeypatch.setattr("emotionnet.data.benchmarks.text_tables.MAX_BYTES", 3)
    with pytest.raises(DataError, match="must have at most 3 bytes; has 6"):
        read_text(path)


def test_rows_of_each_delimiter(tmp_path: Path) -> None:
    path, faults = tmp_path / "table.csv", Faults()
    path.write_text('file , mood\n"a, b.jpg",joy\n\n"two\nlines", fear\nlast.jpg,awe\n')
    assert list(rows(path, faults, delimiter=",", needs=("mood",))) == [
        (f"{path}:2", {"file": "a, b.jpg", "mood": "joy"}),
        (f"{path}:4", {"file": "two\nlines", "mood": "fear"}),
        (f"{path}:6", {"file": "last.jpg", "mood": "awe"}),
    ]
    path.write_text('"a.jpg\t1\n')
    assert [row for _, row in rows(path, faults, delimiter="\t", columns=("f", "n"))] == [
        {"f": '"a.jpg', "n": "1"}
    ]
    path.write_text("my cat.jpg   1\n")
    assert [row for _, row in rows(path, faults, delimiter=None, columns=("f", "n"))] == [
        {"f": "my cat.jpg", "n": "1"}
    ]
    faults.raise_any()


def test_only_line_ends_end_a_line(tmp_path: Path) -> None:
    """Not what Unicode breaks lines at: 0x85 is an ellipsis in files of Windows."""
    path, faults = tmp_path / "table.csv", Faults()
    path.write_bytes(b"a\x85b.jpg,1\r\nc\x0bd.jpg,2\re.jpg,3\n")
    names = [row["f"] for _, row in rows(path, faults, delimiter=",", columns=("f", "n"))]
    assert names == ["a\x85b.jpg", "c\x0bd.jpg", "e.jpg"]
    assert [where for where, _ in lines(path)] == [f"{path}:1", f"{path}:2", f"{path}:3"]
    faults.raise_any()


def test_all_faulty_rows_are_told_at_once(tmp_path: Path) -> None:
    path, faults = tmp_path / "table.tsv", Faults()
    path.write_text("a\t1\nb\n" + "c\t1\t2\n" * 11)
    assert [row["f"] for _, row in rows(path, faults, delimiter="\t", columns=("f", "n"))] == ["a"]
    with pytest.raises(DataError) as told:
        faults.raise_any()
    assert told.value.faults[0] == f"{path}:2: a row must have 2 columns; has 1: 'b'"
    assert len(told.value.faults) == 11
    assert told.value.faults[-1] == "and 2 more faults"


def test_header_errors(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("file,file\n")
    with pytest.raises(DataError, match=r"table\.csv:1: the header must name mood; got 'file, file'"):
        list(rows(path, Faults(), delimiter=",", needs=("mood",)))
    with pytest.raises(DataError, match="a header must name each column once; 'file' stands more often"):
        list(rows(path, Faults(), delimiter=","))
    path.write_text("")
    with pytest.raises(DataError, match=r"table\.csv: the header must name mood; got ''"):
        list(rows(path, Faults(), delimiter=",", needs=("mood",)))


def test_a_field_without_end_is_a_fault_and_not_the_end(tmp_path: Path) -> None:
    path, faults = tmp_path / "table.csv", Faults()
    path.write_text("x" * 200_000 + "\nfine\n")
    assert [row["f"] for _, row in rows(path, faults, delimiter=",", columns=("f",))] == ["fine"]
    assert faults.texts == [f"{path}:1: must be a row of a table (field larger than field limit (131072))"]


def test_numbers_must_be_numbers_within_bounds() -> None:
    assert finite(" 1.5e0 ", "valence", 1, 9) == 1.5
    assert whole("-3", "valence", -3, 3) == -3
    for text in ("nan", "inf", "1_0", "", "ten", "9.1"):
        with pytest.raises(RowError, match="valence must be a number from 1 to 9; got"):
            finite(text, "valence", 1, 9)
    for text in ("1.0", "²", "--3", "4", "9" * 5000, ""):
        with pytest.raises(RowError, match="valence must be a whole number from -3 to 3; got"):
            whole(text, "valence", -3, 3)
    assert finite("7", "x") == 7
    with pytest.raises(RowError, match=r"x must be a number; got 'nan'"):
        finite(str(math.nan), "x")


def test_labels_go_by_name_whatever_their_case() -> None:
    assert label_index(" Sad ", ("Anger", "Sadness"), {"sad": "sadness"}) == 1
    with pytest.raises(RowError, match="a label must be one of anger, awe; got 'calm'"):
        label_index("calm", ("anger", "awe"))


def test_paths_stay_inside() -> None:
    assert inner_path("./joy//a\\b.jpg") == "joy/a/b.jpg"
    for path in ("/etc/passwd", "C:\\a.jpg", "../a.jpg", "a/../../b.jpg", "", "a\0.jpg"):
        with pytest.raises(RowError, match="path must"):
            inner_path(path)


def test_faults_of_a_block_are_noted_with_their_place() -> None:
    faults = Faults()
    with faults.at("list.txt:3"):
        raise RowError("a label must be known")
    with faults.at("list.txt:4"):
        raise DataError(["one", "two"])
    assert faults.texts == ["list.txt:3: a label must be known", "one", "two"]
