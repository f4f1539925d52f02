from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from emotionnet.data.benchmarks.emoset import EMOSET, read_emoset
from emotionnet.data.benchmarks.fi import FI
from emotionnet.records import DataError


def write_rows(root: Path, rows: object) -> None:
    (root / "train.json").write_text(json.dumps(rows))


def test_rows_of_three_and_of_four_items_are_pictures(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_emoset(tmp_path)
    assert len(json.loads((tmp_path / "train.json").read_text())[0]) == 3
    assert len(json.loads((tmp_path / "val.json").read_text())[0]) == 4
    for split, first in (("train", "amusement_00000"), ("val", "amusement_00100")):
        records = read_emoset(tmp_path, split)
        assert len(records) == 48
        assert records[0].path == f"image/amusement/{first}.jpg"
        assert all(EMOSET.labels[record.labels[0]] == record.path.split("/")[1] for record in records)
        assert all((tmp_path / record.path).is_file() for record in records)


def test_its_order_of_emotions_is_not_that_of_fi(writers: ModuleType, tmp_path: Path) -> None:
    assert sorted(EMOSET.labels) == sorted(FI.labels)
    assert EMOSET.labels != FI.labels
    writers.write_emoset(tmp_path)
    info = json.loads((tmp_path / "info.json").read_text())["emotion"]["label2idx"]
    for record in read_emoset(tmp_path, "test"):
        assert record.labels == (info[record.path.split("/")[1]],)


def test_attributes_become_keywords_where_there_are_any(writers: ModuleType, tmp_path: Path) -> None:
    writers.write_emoset(tmp_path)
    by_path = {record.path: record.keywords for record in read_emoset(tmp_path, "train")}
    assert by_path["image/amusement/amusement_00000.jpg"] == (
        "brightness:0.7",
        "colorfulness:0.4",
        "scene:beach",
        "object:Person",
        "object:Tree",
        "facial_expression:happy",
        "human_action:run",
    )
    assert by_path["image/amusement/amusement_00001.jpg"] == ("brightness:0.7", "colorfulness:0.4")
    assert by_path["image/sadness/sadness_00000.jpg"] == ()


def test_each_annotation_is_opened_once(
    writers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers.write_emoset(tmp_path)
    opened: list[Path] = []
    read = Path.read_text

    def counted(self: Path, *args: str, **kwargs: str) -> str:
        opened.append(self)
        return read(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", counted)
    read_emoset(tmp_path, "val")
    assert len(opened) == len(set(opened)) == 1 + 48


def test_a_row_that_repeats_another_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ["awe", "image/awe/1.jpg", "annotation/awe/1.json"]
    write_rows(tmp_path, [row, row])
    assert [record.path for record in read_emoset(tmp_path, "train")] == ["image/awe/1.jpg"]
    assert "train.json: 1 rows repeat an earlier one and are left out" in capsys.readouterr().err


def test_a_name_that_no_file_can_have_is_a_missing_annotation(tmp_path: Path) -> None:
    (tmp_path / "annotation").mkdir()
    write_rows(tmp_path, [["awe", "image/1.jpg", f"annotation/{'x' * 400}.json"]])
    assert read_emoset(tmp_path, "train")[0].keywords == ()


def test_all_faults_are_told_with_their_row(tmp_path: Path) -> None:
    good = ["awe", "image/awe/1.jpg", "annotation/awe/1.json"]
    write_rows(
        tmp_path,
        [
            good,
            ["awe", "image/awe/2.jpg"],
            ["calm", *good[1:]],
            ["awe", "../a.jpg", "b.json"],
            ["awe", "/a.jpg", "b.json"],
            ["fear", *good[1:]],
            ["awe", 3, "b.json"],
            "awe",
        ],
    )
    with pytest.raises(DataError) as told:
        read_emoset(tmp_path, "train")
    path = tmp_path / "train.json"
    form = "a row must be [emotion, image, annotation] or [emotion, id, image, annotation], all texts; got "
    assert told.value.faults == (
        f"{path}: row 2: {form}['awe', 'image/awe/2.jpg']",
        f"{path}: row 3: a label must be one of {', '.join(EMOSET.labels)}; got 'calm'",
        f"{path}: row 4: path must not leave the image folder; got '../a.jpg'",
        f"{path}: row 5: path must be relative to the image folder; got '/a.jpg'",
        f"{path}: row 6: a picture must have one label; 'image/awe/1.jpg' stood before with another",
        f"{path}: row 7: {form}['awe', 3, 'b.json']",
        f"{path}: row 8: {form}'awe'",
    )


def test_faults_of_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.json: file not found"):
        read_emoset(tmp_path, "train")
    write_rows(tmp_path, {"a": 1})
    with pytest.raises(DataError, match=r"train\.json: must be a list of rows; got a dict of 1"):
        read_emoset(tmp_path, "train")
    write_rows(tmp_path, [])
    with pytest.raises(DataError, match=r"train\.json: must list a picture; it lists none"):
        read_emoset(tmp_path, "train")


@pytest.mark.parametrize("value", [{"a": 1}, [["deep"]], True, float("nan"), ""])
def test_an_attribute_must_be_plain(tmp_path: Path, value: object) -> None:
    write_rows(tmp_path, [["awe", "image/1.jpg", "annotation/1.json"]])
    (tmp_path / "annotation").mkdir()
    (tmp_path / "annotation" / "1.json").write_text(json.dumps({"scene": value}))
    told = r"annotation/1\.json: scene must be a text, a number or a list of texts; got "
    with pytest.raises(DataError, match=told):
        read_emoset(tmp_path, "train")
