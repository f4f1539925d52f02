import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emotionnet.data.dataset_writing import _word_list
from emotionnet.data.record_tables import SCHEMA
from emotionnet.data.store import Dataset, read_dataset, read_info
from emotionnet.files import sha256, write_json
from emotionnet.records import SPLITS, DataError, ImageRecord, Word

MakeDataset = Callable[..., Dataset]


def changed(dataset: Dataset, split: str, **columns: list[Any]) -> Dataset:
    """The data set with the first rows of some columns changed."""
    path = dataset.root / f"{split}.parquet"
    table = pl.read_parquet(path)
    for name, values in columns.items():
        old = table[name].to_list()
        new = pl.Series(name, [*values, *old[len(values) :]], dtype=SCHEMA[name])
        table = table.with_columns(new)
    table.write_parquet(path)
    return read_dataset(dataset.root)


def test_what_was_written_is_read(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({"train": 2, "val": 1, "test": 1})
    assert dataset.name == "squares"
    assert dataset.emotions == (Word("anger", 10), Word("joy", 10), Word("sadness", 10))
    assert dataset.emotion_names == ("anger", "joy", "sadness")
    assert dataset.tag_names[3:5] == ("red", "yellow")
    assert dataset.unseen_names == ("fury", "delight", "gloom")
    first = dataset.records("train")[0]
    assert first == ImageRecord(
        id="oil/train-000",
        path="images/oil-train-000.png",
        labels=(0,),
        tags=(0, 3, 6),
        unseen=(),
        group="train-000",
        source="oil",
        licence="CC-BY-4.0",
        sha256=sha256(dataset.root / "images/oil-train-000.png"),
    )
    assert dataset.image_path(first) == dataset.root / "images/oil-train-000.png"


def test_it_says_how_much_there_is_and_which_files(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({"train": 2, "val": 1, "test": 1})
    assert dataset.info["counts"] == {
        "train": 3,
        "val": 1,
        "test": 1,
        "train_groups": 2,
        "val_groups": 1,
        "test_groups": 1,
        "rejects": 1,
        "emotions": 3,
        "tags": 8,
        "unseen": 3,
    }
    tables = {f"{name}.parquet" for name in (*SPLITS, "rejects")}
    assert set(dataset.info["files"]) == {*tables, "emotions.json", "tags.json", "unseen.json"}
    assert all(sha256(dataset.root / name) == found for name, found in dataset.info["files"].items())


def test_the_hash_follows_the_content(make_dataset: MakeDataset, tmp_path: Path) -> None:
    one, same = make_dataset(folder=tmp_path / "one"), make_dataset(folder=tmp_path / "same")
    other = make_dataset(folder=tmp_path / "other", seed=1)
    assert one.content_hash == same.content_hash != other.content_hash


def test_the_hash_is_of_the_files_and_not_of_what_the_marker_says(make_dataset: MakeDataset) -> None:
    original = make_dataset()
    listing = json.dumps(original.info["files"], sort_keys=True)
    assert original.content_hash == hashlib.sha256(listing.encode()).hexdigest()
    edited = changed(original, "train", labels=[[1]])
    assert edited.info == original.info
    assert edited.content_hash != original.content_hash
    renamed = make_dataset(folder=original.root.parent / "renamed")
    before = renamed.content_hash
    words = renamed.root / "emotions.json"
    words.write_text(words.read_text().replace("joy", "glee"))
    assert read_dataset(renamed.root).content_hash != before


def test_the_hash_of_a_split_is_that_of_its_pictures_alone(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({"train": 3, "val": 1})
    pictures = sorted(sha256(path) for path in (dataset.root / "images").glob("*-train-*"))
    assert len(pictures) == 4
    train = dataset.split_hash("train")
    assert train == hashlib.sha256("\n".join(pictures).encode()).hexdigest() != dataset.split_hash("val")
    assert changed(dataset, "train", labels=[[2]], group=["other"]).split_hash("train") == train
    path = dataset.root / "train.parquet"
    table = pl.read_parquet(path)
    table.reverse().write_parquet(path)
    assert read_dataset(dataset.root).split_hash("train") == train
    table.head(3).write_parquet(path)
    assert read_dataset(dataset.root).split_hash("train") != train


def test_a_picture_that_was_not_fetched_is_known_by_its_id(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({"val": 2})
    other = sorted(record.sha256 for record in dataset.records("val"))
    first = dataset.records("val")[0].sha256
    expected = "\n".join(sorted(["oil/val-000", *(digest for digest in other if digest != first)]))
    for empty in ("", None):
        found = changed(dataset, "val", sha256=[empty]).split_hash("val")
        assert found == hashlib.sha256(expected.encode()).hexdigest()


@pytest.mark.parametrize("column", ["labels", "tags", "unseen"])
@pytest.mark.parametrize("index", [-1, 8, None])
def test_an_index_without_a_word_is_named(make_dataset: MakeDataset, column: str, index: int | None) -> None:
    dataset = changed(make_dataset(), "val", **{column: [[0, index]]})
    words = 8 if column == "tags" else 3
    with pytest.raises(DataError) as caught:
        dataset.records("val")
    assert caught.value.faults == (
        f"{dataset.root / 'val.parquet'}: oil/val-000: {column} must be in 0..{words - 1}; got {index}",
    )
    assert len(dataset.unchecked_records("val")) > 0


def test_an_empty_split_cannot_be_used(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    pl.DataFrame(schema=SCHEMA).write_parquet(dataset.root / "val.parquet")
    assert dataset.table("val").height == 0
    with pytest.raises(DataError, match="the val split must hold at least one picture; it is empty"):
        dataset.records("val")


def test_an_unknown_split_names_the_known_ones(make_dataset: MakeDataset) -> None:
    with pytest.raises(DataError, match="split must be one of train, val, test; got 'dev'"):
        make_dataset().table("dev")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("https://example.org/a.png", "is a URL; fetch it and curate again with its path"),
        ("../outside.png", "leaves the folder"),
        ("/etc/passwd", "leaves the folder"),
        ("images/\0.png", "cannot be read"),
    ],
)
def test_pictures_elsewhere_are_refused(make_dataset: MakeDataset, path: str, reason: str) -> None:
    dataset = changed(make_dataset(), "test", path=[path])
    with pytest.raises(DataError, match=rf"oil/test-000: \S+ {reason}"):
        dataset.image_path(dataset.records("test")[0])


def test_a_folder_without_the_marker_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a DATASET folder; it does not exist"):
        read_dataset(tmp_path / "none")
    with pytest.raises(DataError, match=r"it holds no dataset\.json \('data curate' writes one\)"):
        read_dataset(tmp_path)


def test_all_missing_files_are_named(make_dataset: MakeDataset) -> None:
    root = make_dataset().root
    for name in ("tags.json", "val.parquet"):
        (root / name).unlink()
    with pytest.raises(DataError) as caught:
        read_dataset(root)
    assert caught.value.faults == (
        f"{root / 'tags.json'}: file not found",
        f"{root / 'val.parquet'}: file not found",
    )


def test_all_broken_files_are_named(make_dataset: MakeDataset) -> None:
    root = make_dataset().root
    (root / "dataset.json").write_text("[1]")
    (root / "emotions.json").write_text('[{"name": "joy", "count": 1}, {"name": "joy", "count": 1}]')
    (root / "tags.json").write_text('["joy"]')
    (root / "unseen.json").write_text('[{"name": "joy", "count": Infinity}]')
    with pytest.raises(DataError) as caught:
        read_dataset(root)
    assert caught.value.faults == (
        f"{root / 'dataset.json'}: must be a JSON object; got list",
        f"{root / 'emotions.json'}: every word must stand once; some stand twice",
        f'{root / "tags.json"}: must be a list of {{"name": ..., "count": ...}}',
        f'{root / "unseen.json"}: must be a list of {{"name": ..., "count": ...}}',
    )


def test_a_table_must_be_parquet_with_our_columns(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    path = dataset.root / "val.parquet"
    table = pl.read_parquet(path)
    table.drop("group", "labels").write_parquet(path)
    with pytest.raises(DataError, match=r"val\.parquet: must have the columns .*; labels, group missing"):
        dataset.table("val")
    table.with_columns(labels=pl.lit("joy")).write_parquet(path)
    with pytest.raises(DataError, match=r"val\.parquet: a column has another type"):
        dataset.table("val")
    path.write_bytes(b"no table")
    with pytest.raises(DataError, match=r"val\.parquet: must be a Parquet file"):
        dataset.table("val")


def test_columns_that_others_added_do_no_harm(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    path = dataset.root / "val.parquet"
    before = dataset.records("val")
    pl.read_parquet(path).with_columns(mood=pl.lit(1)).write_parquet(path)
    assert dataset.records("val") == before


def test_licences_are_listed_by_source(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    info = json.loads((dataset.root / "dataset.json").read_text())
    info["licences"] = [
        {"source": "oil", "licence": "MIT", "pictures": 2},
        {"source": "ink", "licence": "CC0-1.0", "pictures": 2},
        {"source": "oil", "licence": "CC-BY-4.0", "pictures": 1},
    ]
    (dataset.root / "dataset.json").write_text(json.dumps(info))
    assert read_info(dataset.root)["licences"] == info["licences"]
    assert read_dataset(dataset.root).licences == {"oil": "MIT, CC-BY-4.0", "ink": "CC0-1.0"}


@pytest.mark.parametrize(
    ("named", "values", "expected"),
    [
        (None, [[1.0, 2.0], []], ("valence", "arousal")),
        (None, [[1.0, 2.0, 3.0], None], ("valence", "arousal", "dominance")),
        (["a", "b", "c", "d"], [[1.0, 2.0, 3.0, 4.0]], ("a", "b", "c", "d")),
        (["a"], [[], None], ()),
        (None, None, ()),
    ],
)
def test_names_of_dimensions(
    make_dataset: Any, named: list[str] | None, values: list[Any] | None, expected: tuple[str, ...]
) -> None:
    assert _with_dimensions(make_dataset(), named, values).dimension_names == expected


@pytest.mark.parametrize(
    ("named", "values"),
    [
        (None, [[1.0] * 4]),
        (["a", "b"], [[1.0]]),
        (None, [[1.0], [1.0, 2.0]]),
        (["a", "a"], [[1.0, 2.0]]),
        ("ab", [[1.0, 2.0]]),
        ({"a": 1}, [[1.0]]),
        ([["a"]], [[1.0]]),
        (7, [[1.0]]),
    ],
)
def test_dimensions_and_names_that_do_not_fit(make_dataset: Any, named: Any, values: list[Any]) -> None:
    with pytest.raises(DataError, match=r"dataset: dimensions must have one name each; got .* for .* values"):
        _ = _with_dimensions(make_dataset(), named, values).dimension_names


def _with_dimensions(dataset: Dataset, named: Any, values: list[Any] | None) -> Dataset:
    path = dataset.root / "train.parquet"
    table = pl.read_parquet(path)
    if values is not None:
        rows = [*values, *[None] * (table.height - len(values))]
        column = pl.Series("dimensions", rows, dtype=pl.List(pl.Float64()))
        table.with_columns(column).write_parquet(path)
    info = json.loads((dataset.root / "dataset.json").read_text())
    more = {} if named is None else {"dimensions": named}
    (dataset.root / "dataset.json").write_text(json.dumps(info | more))
    return read_dataset(dataset.root)


def test_word_lists_are_written_as_any_json_is(tmp_path: Path, make_dataset: MakeDataset) -> None:
    root = make_dataset({"train": 1, "val": 1, "test": 1}).root
    words = [Word('"quoted" \\ back\tslash', 3), Word("süß 🙂\u2028", 2), Word("plain", 1)]
    for name, some in (("tags", words), ("unseen", [])):
        (tmp_path / name).write_text(_word_list(some))
        write_json(tmp_path / f"{name}.json", [{"name": word.name, "count": word.count} for word in some])
        assert (tmp_path / name).read_bytes() == (tmp_path / f"{name}.json").read_bytes()
    written = (root / "emotions.json").read_text()
    write_json(tmp_path / "again.json", json.loads(written))
    assert (tmp_path / "again.json").read_text() == written
