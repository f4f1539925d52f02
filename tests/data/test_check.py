import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.data.check import check_dataset
from emotionnet.data.record_tables import SCHEMA
from emotionnet.data.store import Dataset
from emotionnet.files import sha256
from emotionnet.records import SPLITS, DataError

MakeDataset = Callable[..., Dataset]

SMALL = {"train": 3, "val": 1, "test": 1}


def change(root: Path, split: str, row: int, **values: Any) -> None:
    """Change cells of a table, and list the table anew, so that only the cells are at fault."""
    path = root / f"{split}.parquet"
    rows = pl.read_parquet(path).to_dicts()
    rows[row].update(values)
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(path)
    relist(root, path.name)


def relist(root: Path, name: str) -> None:
    info = json.loads((root / "dataset.json").read_text())
    info["files"][name] = sha256(root / name)
    (root / "dataset.json").write_text(json.dumps(info))


def empty(root: Path, split: str) -> None:
    """Leave a split without pictures, and say that it was made so."""
    pl.DataFrame(schema=SCHEMA).write_parquet(root / f"{split}.parquet")
    relist(root, f"{split}.parquet")
    info = json.loads((root / "dataset.json").read_text())
    info["counts"][split] = 0
    (root / "dataset.json").write_text(json.dumps(info))


def test_a_good_data_set_has_no_faults(make_dataset: MakeDataset) -> None:
    root = make_dataset({"train": 2, "val": 1, "test": 1}).root
    report = check_dataset(root)
    assert report.to_dict() == {
        "schema": 1,
        "root": str(root),
        "faults": [],
        "pictures": 5,
        "groups": 4,
        "files": 7,
    }


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"labels": [0, 3]}, "train: oil/train-000: labels must be in 0..2; got 3"),
        ({"labels": [None]}, "train: oil/train-000: labels must be in 0..2; got None"),
        ({"tags": [-1]}, "train: oil/train-000: tags must be in 0..7; got -1"),
        ({"unseen": [99]}, "train: oil/train-000: unseen must be in 0..2; got 99"),
        ({"group": None}, "train: oil/train-000: group must be given; it is empty"),
        ({"id": ""}, "train: images/oil-train-000.png: id must be given; it is empty"),
        ({"sha256": None}, "train: oil/train-000: sha256 must be given; it is empty"),
        ({"group": "test-000"}, "group test-000 must lie in one split; it is in train, test"),
        ({"id": "oil/val-000"}, "val: oil/val-000: id must stand once; train: oil/val-000 has the same"),
        (
            {"id": "oil/train-001"},
            "train: oil/train-001: id must stand once; train: oil/train-001 has the same",
        ),
        ({"path": "images/none.png"}, "train: oil/train-000: picture images/none.png not found"),
        ({"path": "images"}, "train: oil/train-000: picture images not found"),
        ({"path": "../a.png"}, "train: oil/train-000: ../a.png leaves the folder {root}"),
        (
            {"sha256": "0" * 64},
            f"train: oil/train-000: images/oil-train-000.png must have sha256 {'0' * 64}; it was changed",
        ),
        (
            {"path": "https://a.org/a.png", "sha256": ""},
            "train: oil/train-000: https://a.org/a.png is a URL; fetch it and curate again with its path",
        ),
    ],
)
def test_a_faulty_record_is_the_only_fault(
    make_dataset: MakeDataset, values: dict[str, Any], fault: str
) -> None:
    root = make_dataset(SMALL).root
    change(root, "train", 0, **values)
    assert check_dataset(root).faults == (fault.format(root=root),)


def test_an_empty_path_is_one_fault(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    change(root, "train", 0, path=None)
    assert check_dataset(root).faults == ("train: oil/train-000: path must be given; it is empty",)


def test_a_name_that_no_file_can_have_is_a_fault(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    change(root, "train", 0, path="images/a\0.png")
    (fault,) = check_dataset(root).faults
    assert fault.startswith("train: oil/train-000: 'images/a\\x00.png' cannot be read")


def test_pictures_on_disk_are_looked_at(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    images = root / "images"
    good = (images / "oil-train-000.png").read_bytes()
    (images / "oil-train-000.png").write_bytes(good[:60])
    (images / "oil-train-001.png").unlink()
    shutil.copyfile(images / "oil-train-002.png", images / "oil-val-000.png")
    change(root, "val", 0, sha256=sha256(images / "oil-val-000.png"))
    (images / "oil-test-000.png").unlink()
    (images / "oil-test-000.png").symlink_to("/etc/hostname")
    found = check_dataset(root).faults
    assert found[0] == "val: oil/val-000: sha256 must stand once; train: oil/train-002 has the same"
    assert found[1].startswith("train: oil/train-000: images/oil-train-000.png must have sha256 ")
    assert found[2].startswith(f"train: {images / 'oil-train-000.png'}: picture cannot be decoded")
    assert found[3] == "train: oil/train-001: picture images/oil-train-001.png not found"
    assert found[4] == f"test: oil/test-000: images/oil-test-000.png leaves the folder {root}"
    assert len(found) == 5


def test_a_file_that_was_changed_is_named_even_when_it_still_fits(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    table = pl.read_parquet(root / "rejects.parquet")
    table.clear().write_parquet(root / "rejects.parquet")
    text = (root / "tags.json").read_text()
    (root / "tags.json").write_text(text.replace("10", "11", 1))
    assert check_dataset(root).faults == tuple(
        f"{root / name}: must have the sha256 that dataset.json lists; it was changed"
        for name in ("rejects.parquet", "tags.json")
    )


def test_a_broken_table_does_not_hide_the_faults_of_the_others(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    (root / "val.parquet").write_bytes(b"no table")
    relist(root, "val.parquet")
    change(root, "test", 0, labels=[7])
    first, second = check_dataset(root).faults
    assert first.startswith(f"{root / 'val.parquet'}: must be a Parquet file")
    assert second == "test: oil/test-000: labels must be in 0..2; got 7"


def test_missing_and_broken_files_are_named_together(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    (root / "emotions.json").write_text("{")
    (root / "rejects.parquet").unlink()
    found = check_dataset(root)
    assert found.faults[0].startswith(f"{root / 'emotions.json'}: must be JSON")
    assert found.faults[1:] == (
        f"{root / 'emotions.json'}: must have the sha256 that dataset.json lists; it was changed",
        f"{root / 'rejects.parquet'}: file not found",
    )
    assert found.pictures == 0


def test_an_empty_split_is_a_fault(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    pl.DataFrame(schema=SCHEMA).write_parquet(root / "val.parquet")
    relist(root, "val.parquet")
    assert check_dataset(root).faults == ("val: must hold at least one picture; it is empty",)


def test_a_split_that_was_made_empty_is_none(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    for split in ("val", "test"):
        empty(root, split)
    assert check_dataset(root).faults == ()


def test_no_picture_at_all_is_a_fault(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    for split in SPLITS:
        empty(root, split)
    assert check_dataset(root).faults == (f"{root}: at least one split must hold a picture; all are empty",)


@pytest.mark.parametrize(("box", "clean"), [([0, 0, 9, 9], True), ([1, 1, 2, 2], False), ([], False)])
def test_persons_of_one_picture_share_it_when_each_has_a_box(
    make_dataset: MakeDataset, box: list[float], clean: bool
) -> None:
    """Two rows of one group and picture; the first has the box 1, 1, 2, 2."""
    root = make_dataset({"train": 2, "val": 1, "test": 1}).root
    table = pl.read_parquet(root / "train.parquet").head(1)
    person = table.with_columns(id=pl.lit("other"), box=pl.Series([box], dtype=pl.List(pl.Float64)))
    first = table.with_columns(box=pl.Series([[1.0, 1, 2, 2]]))
    pl.concat([first, person]).write_parquet(root / "train.parquet")
    relist(root, "train.parquet")
    assert (check_dataset(root).faults == ()) == clean


@pytest.mark.parametrize("files", [{}, [], "x", {"../../etc/passwd": "0" * 64}])
def test_a_list_of_files_from_outside_is_not_trusted(make_dataset: MakeDataset, files: Any) -> None:
    root = make_dataset(SMALL).root
    info = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps({**info, "files": files}))
    found = check_dataset(root).faults
    assert found[:7] == tuple(
        f"{root / 'dataset.json'}: files must list {name}; it does not" for name in sorted(info["files"])
    )
    assert found[7:] == (
        (f"{root / 'dataset.json'}: files must list tables and words only; got '../../etc/passwd'",)
        if isinstance(files, dict) and files
        else ()
    )


def test_a_broken_marker_is_a_fault(make_dataset: MakeDataset) -> None:
    root = make_dataset(SMALL).root
    (root / "dataset.json").write_text("no JSON")
    assert check_dataset(root).faults[0].startswith(f"{root / 'dataset.json'}: must be JSON")


def test_another_folder_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a DATASET folder"):
        check_dataset(tmp_path)
    with pytest.raises(DataError, match="must be a DATASET folder; it does not exist"):
        check_dataset(tmp_path / "none")
