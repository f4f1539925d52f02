"""SHARDS from strangers: whatever they say, nothing outside of them is read."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.config import SourceConfig
from emotionnet.data.check import check_dataset
from emotionnet.data.opening import find_format, open_data
from emotionnet.data.picture_files import content_of
from emotionnet.data.shards.dataset import ShardDataset, open_shards
from emotionnet.files import read_json, write_json
from emotionnet.records import SPLITS, DataError


def test_a_folder_of_shards_is_told_by_its_index(shards: ShardDataset) -> None:
    assert find_format(shards.root) == "shards"
    opened = open_data(SourceConfig(root=shards.root))
    assert isinstance(opened, ShardDataset)
    assert opened.pictures() == shards.pictures()
    with pytest.raises(DataError, match=r"data\.fold: must be 0"):
        open_data(SourceConfig(root=shards.root, fold=1))


def test_pictures_come_once_as_they_lie(shards: ShardDataset) -> None:
    every = {shards.image_path(record) for split in SPLITS for record in shards.records(split)}
    names = []
    for one in shards.index.shards:
        with tarfile.open(shards.root / one.name) as tar:
            names += [
                f"{shards.root}/{one.name}/{name}" for name in tar.getnames() if not name.endswith("json")
            ]
    assert list(map(str, shards.pictures())) == names
    assert set(shards.pictures()) == every


def test_what_needs_files_of_their_own_asks_for_the_data_set(shards: ShardDataset) -> None:
    with pytest.raises(DataError, match=r"a: its picture lies in the shards of .*; give the DATASET"):
        shards.local_picture("x", "a")


def test_a_picture_that_no_shard_holds(shards: ShardDataset) -> None:
    with pytest.raises(DataError, match=r"a: images/none\.png must lie in a shard of .*; none holds it"):
        shards.picture("images/none.png", "a")


@pytest.mark.parametrize(
    ("processes", "workers", "fits"), [(5, 0, True), (5, 1, True), (2, 3, False), (6, 0, False)]
)
def test_there_must_be_a_shard_for_each_reader(
    shards: ShardDataset, processes: int, workers: int, fits: bool
) -> None:
    if fits:
        shards.require_readers("train", processes=processes, workers=workers)
        return
    found = (
        rf"{processes} processes x {max(1, workers)} workers = {processes * max(1, workers)}\); got 5: shard"
    )
    with pytest.raises(DataError, match=found):
        shards.require_readers("train", processes=processes, workers=workers)


def change_table(shards: ShardDataset, **values: Any) -> None:
    path = shards.root / "val.parquet"
    table = pl.read_parquet(path)
    kinds = table.schema
    first = [
        pl.when(pl.int_range(pl.len()) == 0)
        .then(pl.lit(value, dtype=kinds[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in values.items()
    ]
    table.with_columns(first).write_parquet(path)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (
            {"shard": "../secret.tar"},
            r"shard must be one of the val split in shards\.json; got '\.\./secret\.tar'",
        ),
        ({"shard": "train-000000.tar"}, "shard must be one of the val split"),
        ({"shard": None}, "shard must be one of the val split"),
        ({"offset": 0}, "must lie inside its shard"),
        ({"offset": -512}, "must lie inside its shard"),
        ({"offset": 2**62, "size": 2**62}, "must lie inside its shard"),
        ({"offset": 2**62}, "must lie inside its shard"),
        ({"offset": None}, "must lie inside its shard"),
        ({"size": -1}, "must lie inside its shard"),
        (
            {"size": 2**40},
            r"at most 1,073,741,824 bytes of it; got 1099511627776 bytes from \d+ of val-000000",
        ),
        ({"member": "../../x.png"}, "must lie inside its shard"),
        ({"member": ".hidden"}, "must lie inside its shard"),
        ({"member": None}, "must lie inside its shard"),
    ],
)
def test_a_table_that_points_elsewhere_is_refused(
    shards: ShardDataset, values: dict[str, Any], fault: str
) -> None:
    change_table(shards, **values)
    with pytest.raises(DataError, match=fault):
        open_shards(shards.root).pictures()


def test_a_table_must_say_where_pictures_lie(shards: ShardDataset) -> None:
    path = shards.root / "val.parquet"
    pl.read_parquet(path).drop("offset").write_parquet(path)
    with pytest.raises(DataError, match=r"val\.parquet: must have the columns .*; offset missing"):
        open_shards(shards.root).pictures()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda index: index.update(format=2), r"shards\.json: format: Input should be 1"),
        (lambda index: index["shards"][0].update(name="../a.tar"), r"shards\.0\.name: String should match"),
        (lambda index: index["shards"][0].update(name="/etc/a.tar"), r"shards\.0\.name: String should match"),
        (lambda index: index["shards"][0].update(bytes=10**30), r"shards\.0\.bytes"),
        (lambda index: index["shards"][0].update(split="rest"), r"shards\.0\.split"),
        (
            lambda index: index["shards"].append(index["shards"][0]),
            "a shard must stand once; train-000000.tar",
        ),
        (lambda index: index.update(more=1), r"more: Extra inputs are not permitted"),
        (lambda index: index.clear(), r"shards\.json: shards: Field required"),
    ],
)
def test_a_broken_index_names_its_fault(
    shards: ShardDataset, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    index = read_json(shards.root / "shards.json")
    change(index)
    write_json(shards.root / "shards.json", index)
    with pytest.raises(DataError, match=fault):
        open_shards(shards.root)


def test_an_index_that_is_no_json(shards: ShardDataset) -> None:
    (shards.root / "shards.json").write_text("[")
    with pytest.raises(DataError, match=r"shards\.json: must be JSON"):
        open_shards(shards.root)


def test_a_shard_that_is_a_link_out_of_the_folder_is_not_followed(
    shards: ShardDataset, tmp_path: Path
) -> None:
    shard = shards.root / "val-000000.tar"
    shard.rename(tmp_path / "elsewhere.tar")
    shard.symlink_to(tmp_path / "elsewhere.tar")
    with pytest.raises(
        DataError, match=r"val-000000\.tar: must lie in the folder of the shards; it is a link"
    ):
        open_shards(shards.root).pictures()


@pytest.mark.parametrize("break_it", ["cut", "longer", "gone", "folder"])
def test_a_broken_shard_is_named(shards: ShardDataset, break_it: str) -> None:
    shard = shards.root / "val-000000.tar"
    content = shard.read_bytes()
    if break_it in ("gone", "folder"):
        shard.unlink()
    if break_it == "folder":
        shard.mkdir()
    elif break_it != "gone":
        shard.write_bytes(content[:-1] if break_it == "cut" else content + b"\0")
    picture = open_shards(shards.root).image_path(shards.records("val")[0])
    fault = {
        "cut": "must have",
        "longer": "must have",
        "gone": "shard not found",
        "folder": "found no plain file",
    }
    with pytest.raises(DataError, match=rf"val-000000\.tar: .*{fault[break_it]}|{fault[break_it]} "):
        content_of(picture)


def test_a_check_of_good_shards_finds_nothing(shards: ShardDataset) -> None:
    report = check_dataset(shards.root)
    assert (report.faults, report.pictures) == ((), 40)


def test_a_check_names_each_shard_that_was_changed(shards: ShardDataset) -> None:
    shard = shards.root / "val-000000.tar"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1  # of a header, which no reader of pictures looks at
    shard.write_bytes(content)
    (shards.root / "test-000000.tar").unlink()
    faults = check_dataset(shards.root).faults
    assert f"{shard}: must have the size and the sha256 that shards.json lists; it was changed" in faults
    assert any(
        "test-000000.tar: shard cannot be read (No such file or directory)" in fault for fault in faults
    )


def test_a_check_names_a_description_that_was_changed(shards: ShardDataset) -> None:
    marker = shards.root / "dataset.json"
    marker.write_text(json.dumps(read_json(marker) | {"name": "other"}))
    assert check_dataset(shards.root).faults == (
        f"{marker}: must have the sha256 that shards.json lists; it was changed",
    )


def test_a_check_counts_the_samples_of_each_shard(shards: ShardDataset) -> None:
    index = read_json(shards.root / "shards.json")
    index["shards"][4]["samples"] = 3
    write_json(shards.root / "shards.json", index)
    assert check_dataset(shards.root).faults == (
        f"{shards.root}/train-000004.tar: must hold 3 samples, as shards.json lists; train.parquet places 2 "
        "pictures in it",
    )


def test_a_check_of_tables_that_point_elsewhere_reads_no_picture(
    shards: ShardDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_table(shards, offset=0)
    monkeypatch.setattr("emotionnet.data.check.content_sha256", lambda *_: pytest.fail("was read"))
    faults = check_dataset(shards.root).faults
    assert len(faults) == 2, "the table's sum, and what is wrong in it"
    assert "val.parquet: must have the sha256" in faults[0]
    assert "val.parquet: a picture must lie inside its shard" in faults[1]
