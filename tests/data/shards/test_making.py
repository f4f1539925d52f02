"""From a data set to shards: nothing is lost, nothing hangs on chance, and other readers understand it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from webdataset.tariterators import group_by_keys, tar_file_expander

from emotionnet.config import SourceConfig
from emotionnet.data.opening import open_data
from emotionnet.data.picture_files import content_of
from emotionnet.data.shards.dataset import ShardDataset
from emotionnet.data.shards.making import write_shards
from emotionnet.data.store import Dataset
from emotionnet.records import SPLITS, DataError
from tests.conftest import MakeDataset


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_records_are_the_same_in_the_same_order(dataset: Dataset, shards: ShardDataset) -> None:
    assert (shards.emotions, shards.tags, shards.unseen) == (dataset.emotions, dataset.tags, dataset.unseen)
    for split in SPLITS:
        assert shards.records(split) == dataset.records(split)
        for record in shards.records(split):
            assert content_of(shards.image_path(record)) == content_of(dataset.image_path(record))


def test_runs_know_the_data_set_again(dataset: Dataset, shards: ShardDataset) -> None:
    assert shards.content_hash == dataset.content_hash
    assert all(shards.split_hash(split) == dataset.split_hash(split) for split in SPLITS)


def test_hashes_are_their_own_once_a_table_was_changed(dataset: Dataset, shards: ShardDataset) -> None:
    table = pl.read_parquet(shards.root / "val.parquet")
    table.with_columns(pl.lit("other").alias("group")).write_parquet(shards.root / "val.parquet")
    again = open_data(SourceConfig(root=shards.root))
    assert again.content_hash != dataset.content_hash


def test_shards_hold_as_many_as_they_may_and_the_index_counts_them(shards: ShardDataset) -> None:
    listed = [(one.name, one.samples) for one in shards.index.shards]
    assert listed == [
        *((f"train-{number:06d}.tar", 4) for number in range(4)),
        ("train-000004.tar", 2),
        *((f"val-{number:06d}.tar", count) for number, count in enumerate((4, 4, 1))),
        *((f"test-{number:06d}.tar", count) for number, count in enumerate((4, 4, 4, 1))),
    ]
    assert all((shards.root / one.name).stat().st_size == one.bytes for one in shards.index.shards)


def test_a_shard_has_at_most_so_many_bytes_unless_one_picture_has_more(
    dataset: Dataset, tmp_path: Path
) -> None:
    made = write_shards(dataset, tmp_path / "a", size=5000)
    assert len(made.index.shards) > 3
    assert all(one.bytes <= 5000 for one in made.index.shards)
    alone = write_shards(dataset, tmp_path / "b", size=1)
    assert {one.samples for one in alone.index.shards} == {1}


def test_the_same_data_set_makes_the_same_bytes(
    dataset: Dataset, shards: ShardDataset, tmp_path: Path
) -> None:
    write_shards(dataset, tmp_path / "again", samples=4)
    assert files(tmp_path / "again") == files(shards.root)


def test_shards_of_shards_are_the_same(shards: ShardDataset, tmp_path: Path) -> None:
    write_shards(shards, tmp_path / "again", samples=4)
    assert files(tmp_path / "again") == files(shards.root)


def test_training_is_mixed_and_the_rest_in_order(shards: ShardDataset) -> None:
    names = [picture.name for picture in shards.pictures()]
    keys = {split: [int(name[-13:-4]) for name in names if name.startswith(split)] for split in SPLITS}
    assert all(sorted(keys[split]) == list(range(len(keys[split]))) for split in SPLITS)
    assert [keys[split] == sorted(keys[split]) for split in SPLITS] == [False, True, True]
    held = shards.shard_numbers("train")
    assert sorted(held.tolist()) == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 2
    assert held.tolist() != sorted(held.tolist())
    assert shards.shard_numbers("test").tolist() == sorted(shards.shard_numbers("test").tolist())


def test_webdataset_reads_every_sample(dataset: Dataset, shards: ShardDataset) -> None:
    names = dataset.emotion_names
    for split in SPLITS:
        read: dict[str, Any] = {}
        for one in [one for one in shards.index.shards if one.split == split]:
            with (shards.root / one.name).open("rb") as stream:
                parts = tar_file_expander([{"url": one.name, "stream": stream}])
                for sample in group_by_keys(parts):
                    about = json.loads(sample["json"])
                    read[about["id"]] = about, sample["png"]
        assert set(read) == {record.id for record in dataset.records(split)}
        for record in dataset.records(split):
            about, picture = read[record.id]
            assert picture == content_of(dataset.image_path(record))
            assert about["labels"] == [names[label] for label in record.labels]
            assert about["tags"] == [dataset.tag_names[tag] for tag in record.tags]
            assert (about["group"], about["sha256"]) == (record.group, record.sha256)


def test_folders_of_classes_become_shards_too(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    plain = open_data(SourceConfig(root=make_tree(anger=9, joy=12)))
    made = write_shards(plain, tmp_path / "shards")
    for split in SPLITS:
        given, kept = plain.records(split), made.records(split)
        assert [(one.id, one.labels) for one in kept] == [(one.id, one.labels) for one in given]
        assert all(one.sha256 for one in kept)
        assert made.split_hash(split) == plain.split_hash(split)
    assert made.content_hash == plain.content_hash


def test_persons_of_one_picture_share_it(dataset: Dataset, tmp_path: Path) -> None:
    table = dataset.table("val")
    first = table.head(1).with_columns(box=pl.lit([0.0, 0.0, 9.0, 9.0]))
    second = first.with_columns(id=pl.lit("second"), box=pl.lit([9.0, 9.0, 20.0, 20.0]))
    boxed = table.slice(1).with_columns(box=pl.lit(None, dtype=pl.List(pl.Float64())))
    pl.concat([first, boxed, second]).write_parquet(dataset.root / "val.parquet")
    made = write_shards(dataset, tmp_path / "shards")
    records = made.records("val")
    assert made.image_path(records[0]) == made.image_path(records[-1])
    assert sum(one.samples for one in made.index.shards if one.split == "val") == len(records) - 1


def test_a_missing_or_changed_picture_stops_it(dataset: Dataset, tmp_path: Path) -> None:
    picture = dataset.image_path(dataset.records("test")[3])
    assert isinstance(picture, Path)
    picture.write_bytes(b"other")
    with pytest.raises(DataError, match=r"must have the sha256 [0-9a-f]{64}; it was changed"):
        write_shards(dataset, tmp_path / "shards")
    picture.unlink()
    with pytest.raises(DataError, match="file not found"):
        write_shards(dataset, tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


def test_earlier_shards_are_replaced_only_when_asked(
    dataset: Dataset, shards: ShardDataset, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="exists already; choose another --out or add --overwrite"):
        write_shards(dataset, shards.root)
    made = write_shards(dataset, shards.root, overwrite=True)
    assert len(list(shards.root.glob("*.tar"))) == len(made.index.shards) == 3
    with pytest.raises(DataError, match=r"holds other files and no shards\.json"):
        write_shards(dataset, make_dataset(folder=tmp_path / "other").root, overwrite=True)


@pytest.mark.parametrize(("samples", "size"), [(0, 1), (1, 0)])
def test_a_shard_must_hold_something(dataset: Dataset, tmp_path: Path, samples: int, size: int) -> None:
    with pytest.raises(DataError, match=f"at least one sample and one byte; got {samples} and {size}"):
        write_shards(dataset, tmp_path / "shards", samples=samples, size=size)
