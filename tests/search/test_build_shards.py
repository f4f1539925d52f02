"""An index of pictures in shards: they are known again, looked at anew once their shard is another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emotionnet.data.shards.making import write_shards
from emotionnet.search.build import build_index
from emotionnet.search.scan import scan_pictures
from tests.conftest import MakeDataset
from tests.search.conftest import counts, whole

pytest.importorskip("lancedb")

GROUPS = {"train": 4, "val": 2, "test": 2}


def test_an_index_follows_shards(make_dataset: MakeDataset, model: Path, tmp_path: Path) -> None:
    shards = write_shards(make_dataset(groups=GROUPS), tmp_path / "shards", samples=4)
    members = shards.pictures()
    assert counts(build_index(model, [shards.root], tmp_path / "index")) == (12, 12, 0, 0, 0)
    rows = {row["path"]: row for row in whole(tmp_path / "index").to_pylist()}
    assert set(rows) == {str(member) for member in members}
    by_sum = {record.sha256 for split in GROUPS for record in shards.records(split)}
    assert {row["sha256"] for row in rows.values()} == by_sum
    assert [rows[str(member)]["bytes"] for member in members] == [member.size for member in members]
    assert all(row["thumbnail"] for row in rows.values())
    assert counts(build_index(model, [shards.root], tmp_path / "index")) == (12, 0, 0, 0, 12)


def test_pictures_of_other_shards_in_the_same_place_are_looked_at_again(
    make_dataset: MakeDataset, model: Path, tmp_path: Path
) -> None:
    shards = write_shards(make_dataset(groups=GROUPS), tmp_path / "shards")
    build_index(model, [shards.root], tmp_path / "index")
    other = make_dataset(groups=GROUPS | {"test": 1}, folder=tmp_path / "other", seed=1)
    write_shards(other, shards.root, overwrite=True)
    made = build_index(model, [shards.root], tmp_path / "index")
    assert (made.pictures, made.removed, made.unchanged) == (10, 2, 0)
    assert made.changed + made.added == 10


def test_paths_are_from_the_root_wherever_one_stands(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = write_shards(make_dataset(groups=GROUPS), tmp_path / "shards")
    monkeypatch.chdir(tmp_path)
    scan = scan_pictures(["shards"])
    assert sorted(scan.files) == sorted(str(member) for member in shards.pictures())
    assert scan.folders == (str(shards.root),)
    gone = f"{shards.root}/train-000000.tar/none.png"
    assert list(scan.gone([*scan.files, gone, "/elsewhere/a.png"])) == [gone]


def test_shards_inside_of_a_folder_that_is_searched_stay(
    make_dataset: MakeDataset, model: Path, tmp_path: Path
) -> None:
    dataset = make_dataset(groups=GROUPS)
    shards = write_shards(dataset, tmp_path / "all" / "shards")
    build_index(model, [shards.root], tmp_path / "index")
    picture = dataset.local_picture(dataset.records("val")[0].path, "")
    shutil.copy(picture, tmp_path / "all")
    made = build_index(model, [tmp_path / "all"], tmp_path / "index")
    assert (made.pictures, made.added, made.removed) == (13, 1, 0)
    shutil.rmtree(shards.root)
    made = build_index(model, [tmp_path / "all"], tmp_path / "index")
    assert (made.pictures, made.removed) == (1, 12)
