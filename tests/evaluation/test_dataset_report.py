"""What is said of a data set, against a literal count of its tables."""

from __future__ import annotations

import csv
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from emotionnet.data.store import Dataset, read_dataset
from emotionnet.data.tables import write_parquet
from emotionnet.evaluation.dataset_report import PARTS, describe_dataset
from emotionnet.files import read_json, write_json
from emotionnet.records import SPLITS, DataError

MakeDataset = Callable[..., Dataset]
EMOTIONS = ("anger", "joy", "sadness")


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def test_tag_counts_and_cooccurrence(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    counts = describe_dataset(dataset.root, tmp_path / "out")
    records = {split: dataset.records(split) for split in SPLITS}
    header, *found = rows(tmp_path / "out" / "tags.csv")
    assert header == ["tag", "emotion", "train", "val", "test"]
    assert found == [
        [
            tag,
            "yes" if tag in EMOTIONS else "no",
            *(str(sum(number in record.tags for record in records[split])) for split in SPLITS),
        ]
        for number, tag in enumerate(dataset.tag_names)
    ]
    assert any(row[1] == "yes" and int(row[2]) > 0 for row in found)
    everything = [record for split in SPLITS for record in records[split]]
    header, *found = rows(tmp_path / "out" / "cooccurrence.csv")
    assert header == ["emotion", *EMOTIONS]
    assert found == [
        [name, *(str(sum(i in r.labels and j in r.labels for r in everything)) for j in range(3))]
        for i, name in enumerate(EMOTIONS)
    ]
    assert counts == {"pictures": len(everything), "emotions": 3, "tags": 8, "emotion_tags": 3}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(PARTS)


def test_tags_of_each_picture(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    describe_dataset(dataset.root, tmp_path / "out")
    table = pl.read_parquet(tmp_path / "out" / "image_tags.parquet")
    assert table.columns == ["id", "emotion_tags", "other_tags"]
    everything = [record for split in SPLITS for record in dataset.records(split)]
    for record, (name, emotions, others) in zip(everything, table.iter_rows(), strict=True):
        tags = [dataset.tag_names[tag] for tag in record.tags]
        assert (name, emotions) == (record.id, [tag for tag in tags if tag in EMOTIONS])
        assert others == [tag for tag in tags if tag not in EMOTIONS]
        assert emotions
        assert others


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_and_is_the_same_twice(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    write_json(dataset.root / "dataset.json", {**dataset.info, "name": "<script>alert(1)</script>"})
    describe_dataset(dataset.root, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert [address for address in page.addresses if not (address or "").startswith("#")] == []
    assert page.tags.count("svg") == 4
    assert "--ours: #b5532f" in text
    joint = [r for split in SPLITS for r in dataset.records(split) if r.labels == (0, 2)]
    assert f'<td>anger and sadness</td><td class="number">{len(joint)}</td>' in text
    train = dataset.records("train")
    mean = sum(len(record.tags) for record in train) / len(train)
    assert f'<td class="number">{mean:.2f}</td></tr>' in text
    describe_dataset(dataset.root, tmp_path / "again")
    assert all((tmp_path / "out" / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in PARTS)


def test_a_data_set_of_one_split_without_tags(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    for split in SPLITS:
        table = dataset.table(split)
        bare = table.with_columns(
            tags=pl.lit([], dtype=pl.List(pl.Int32)), labels=pl.col("labels").list.head(1)
        )
        write_parquet(dataset.root / f"{split}.parquet", bare if split == "test" else bare.clear())
    write_json(dataset.root / "tags.json", [])
    counts = describe_dataset(dataset.root, tmp_path / "out")
    assert (counts["tags"], counts["pictures"]) == (0, dataset.table("test").height)
    assert rows(tmp_path / "out" / "tags.csv") == [["tag", "emotion", "train", "val", "test"]]
    assert "No picture carries two emotions." in (tmp_path / "out" / "report.html").read_text()


def test_faults(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    describe_dataset(dataset.root, tmp_path / "out")
    with pytest.raises(DataError, match="exists already"):
        describe_dataset(dataset.root, tmp_path / "out")
    describe_dataset(dataset.root, tmp_path / "out", overwrite=True)
    with pytest.raises(DataError, match=r"holds other files and no cooccurrence\.csv"):
        describe_dataset(dataset.root, dataset.root, overwrite=True)
    write_json(dataset.root / "tags.json", read_json(dataset.root / "tags.json")[:4])
    with pytest.raises(DataError, match=r"train\.parquet: .* tags must be in 0\.\.3; got"):
        describe_dataset(read_dataset(dataset.root).root, tmp_path / "new")
    with pytest.raises(DataError, match="must be a DATASET folder"):
        describe_dataset(tmp_path / "none", tmp_path / "new")
    assert not (tmp_path / "new").exists()
