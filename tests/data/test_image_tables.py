from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.data.benchmarks.benchmark import ALL
from emotionnet.data.image_tables import COLUMNS, read_table
from emotionnet.records import DataError

ROWS: list[dict[str, Any]] = [
    {"path": "a.png", "emotion": "joy", "split": "train", "valence": 1.5},
    {"path": "b/c.png", "emotion": "awe; joy", "split": "valid", "valence": None},
    {"path": "d.png", "emotion": "", "split": "test", "valence": -2},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix in (".jsonl", ".ndjson"):
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [rows[0].keys(), *(("" if v is None else str(v) for v in row.values()) for row in rows)]
        path.write_text("".join(mark.join(line) + "\n" for line in lines), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])
def test_all_forms_of_a_table_are_one(tmp_path: Path, suffix: str) -> None:
    listing = read_table(write(tmp_path / f"mine{suffix}", ROWS))
    assert (listing.root, listing.name, listing.form) == (tmp_path, "mine", "table")
    assert (listing.labels, listing.dimensions) == (("awe", "joy"), ("valence",))
    found = {split: [(r.path, r.labels, r.dimensions) for r in rs] for split, rs in listing.records.items()}
    assert found == {
        "train": [("a.png", (1,), (1.5,))],
        "val": [("b/c.png", (0, 1), ())],
        "test": [("d.png", (), (-2.0,))],
    }


@pytest.mark.parametrize("name", COLUMNS["image"])
@pytest.mark.parametrize("label", COLUMNS["label"])
def test_columns_go_by_many_names(tmp_path: Path, name: str, label: str) -> None:
    table = write(tmp_path / "labels.csv", [{f" {name.upper()}": "a.png", label.title(): "joy"}])
    listing = read_table(table)
    assert [(r.path, r.labels) for r in listing.records[ALL]] == [("a.png", (0,))]
    assert listing.name == tmp_path.name


def test_lists_numbers_and_gaps(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"image": "a.png", "label": ["10", "9"], "tags": ["sun", "sea"], "group": 1.0, "arousal": 2},
        {"image": "b.png", "label": ["9"], "tags": None, "group": None, "arousal": None},
        {"image": "b.png", "label": ["9"], "tags": ["sea"], "group": None, "arousal": None},
    ]
    listing = read_table(write(tmp_path / "t.parquet", rows))
    assert (listing.labels, listing.tags) == (("9", "10"), ("sea", "sun"))
    found = [(r.id, r.group, r.labels, r.tags, r.dimensions) for r in listing.records[ALL]]
    assert found == [
        ("a.png", "1", (1, 0), (1, 0), (2.0,)),
        ("b.png", "b.png", (0,), (), ()),
        ("b.png#2", "b.png", (0,), (0,), ()),
    ]


def test_one_dimension_may_lack(tmp_path: Path) -> None:
    rows = [{"image": "a.png", "valence": 1, "dominance": ""}]
    [record] = read_table(write(tmp_path / "t.csv", rows)).records[ALL]
    assert record.dimensions[0] == 1
    assert math.isnan(record.dimensions[1])


def test_semicolons_between_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file;class\na.png;joy\n")
    assert read_table(tmp_path / "t.csv").labels == ("joy",)


def test_a_quoted_cell_may_go_over_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'file,class\r\na.png,"joy\nand awe"\r\nb.png,fear\r\n')
    assert read_table(tmp_path / "t.csv").labels == ("fear", "joy\nand awe")
    (tmp_path / "t.jsonl").write_text('{"file": "a.png", "class": "joy\u2028"}\n', encoding="utf-8")
    assert read_table(tmp_path / "t.jsonl").labels == ("joy",)


def test_a_path_from_the_root_may_lead_into_the_folder(tmp_path: Path) -> None:
    rows = [
        {"image": str(tmp_path / "x" / "a.png"), "label": "joy"},
        {"image": ".\\x\\b.png", "label": "joy"},
    ]
    assert [r.path for r in read_table(write(tmp_path / "t.jsonl", rows)).records[ALL]] == [
        "x/a.png",
        "x/b.png",
    ]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"image": "../a.png"}, r"line 1: path must not leave the image folder; got '\.\./a\.png'"),
        ({"image": "/etc/a.png"}, "path must be relative to the image folder"),
        ({"image": 3}, "line 1: image must be a path; got 3"),
        ({"image": None}, "image must be a path; got None"),
        ({"split": "later"}, "split must be one of train, training, val, .*; got 'later'"),
        ({"label": {"a": 1}}, "label must be a text of at most 4096 characters; got a dict of 1"),
        ({"label": "\ud800"}, "label must be a text"),
        ({"label": 2.5}, "label must be a text"),
        ({"valence": "high"}, "valence must be a finite number; got 'high'"),
        ({"valence": 1e999}, "valence must be a finite number; got inf"),
        ({"id": "x\0"}, "id must be a text"),
    ],
)
def test_a_broken_cell_is_named(tmp_path: Path, row: dict[str, Any], text: str) -> None:
    table = write(tmp_path / "t.jsonl", [{"image": "a.png", "label": "joy", "split": "", "id": ""} | row])
    if "valence" in row:
        table = write(tmp_path / "t.jsonl", [{"image": "a.png", "valence": row["valence"]}])
    with pytest.raises(DataError, match=text):
        read_table(table)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("t.csv", b"", "must hold at least one row; it is empty"),
        ("t.csv", b"a,b\n1,2\n", r"a column must be the image \(image, path, .*\); got a, b\n.* the label"),
        ("t.csv", b"image,a\n1,2\n", r"a column must be the label \(label, .*\); got image, a"),
        ("t.csv", b"image,path,label\n1,2,3\n", "one column must be the image; image, path are there"),
        ("t.csv", b"image,label\na,b,c\n", "line 2: must have 2 columns"),
        ("t.csv", b'image,label\na,"b\n', "must be CSV; unexpected end of data"),
        ("t.csv", b"image,label\na,\xff\n", "must be text in UTF-8; invalid start byte at byte 14"),
        (
            "t.csv",
            b"image,label,split\na,b,test\nc,d,\n",
            "every row must name its split, or none; 1 name none",
        ),
        ("t.jsonl", b"{", "line 1: must be JSON"),
        ("t.jsonl", b"[1]", "line 1: must be a JSON object"),
        ("t.parquet", b"x", "must be a Parquet file"),
        ("t.xlsx", b"x", r"a table must be a file with the ending \.csv"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=text):
        read_table(tmp_path / name)


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv: file not found"):
        read_table(tmp_path / "t.csv")


def test_ten_faults_are_named_at_most(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", [{"image": "../a", "label": "joy"}] * 30)
    with pytest.raises(DataError) as caught:
        read_table(table)
    assert len(caught.value.faults) == 10
    assert caught.value.faults[3].startswith(f"{table}: line 5: ")
