from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.data import benchmark_check
from emotionnet.data.benchmark_check import BenchmarkReport, check_benchmark
from emotionnet.data.benchmarks.benchmark import ALL, Benchmark, picture
from emotionnet.data.image_folders import read_folders
from emotionnet.records import SPLITS, DataError, ImageRecord

PUBLISHED = {"train": 4, "val": 2, "test": 2, "joy": 4, "train/awe": 3, "all": 8}


def read(root: Path, split: str) -> tuple[ImageRecord, ...]:
    """Folders of splits and classes, and one picture in `train` that is never there."""
    found = read_folders(root).records[split]
    records = tuple(picture("little", record.path, record.labels) for record in found)
    return (*records, picture("little", "train/awe/gone.png", (0,))) if split == "train" else records


LITTLE = Benchmark(
    name="little",
    title="Little",
    read=read,
    labels=("awe", "joy"),
    splits=SPLITS,
    score="accuracy",
    licence="none",
    citation="none",
    layout="{train,val,test}/<emotion>/<picture>",
    published=MappingProxyType(PUBLISHED),
)


def busy(path: Path, seed: int, side: int = 256) -> None:
    """A picture whose hash tells much, another one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy without a fault besides the picture that is gone: 2 of each class in train, else one."""
    monkeypatch.setattr(benchmark_check, "BENCHMARKS", {"little": LITTLE})
    for seed, (split, number) in enumerate([("train", 0), ("train", 1), ("val", 0), ("test", 0)]):
        for place, emotion in enumerate(("awe", "joy")):
            busy(tmp_path / split / emotion / f"{number}.png", 2 * seed + place)
    return tmp_path


def found(report: BenchmarkReport) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {finding.kind: (finding.count, finding.examples) for finding in report.findings}


def test_counts_stand_beside_the_published(root: Path) -> None:
    report = check_benchmark("little", root)
    assert (report.records, report.pictures) == (9, 8)
    counts = {count.of: (count.found, count.published, count.differs) for count in report.counts}
    assert counts == {
        "train": (4, 4, False),
        "val": (2, 2, False),
        "test": (2, 2, False),
        "awe": (4, None, False),
        "joy": (4, 4, False),
        "train/awe": (2, 3, True),
        "train/joy": (2, None, False),
        "val/awe": (1, None, False),
        "val/joy": (1, None, False),
        "test/awe": (1, None, False),
        "test/joy": (1, None, False),
        "all": (8, 8, False),
    }
    assert found(report) == {
        "counts": (1, ("train/awe: 2, published 3",)),
        "missing": (1, ("train/awe/gone.png",)),
    }


def test_the_report_as_json_has_a_schema_and_advice(root: Path) -> None:
    values: dict[str, Any] = check_benchmark("little", root).to_dict()
    assert (values["schema"], values["benchmark"], values["root"]) == (1, "little", str(root))
    assert values["counts"][0] == {"of": "train", "found": 4, "published": 4, "differs": False}
    assert values["findings"][1]["advice"].startswith("fetch these files again; ")


def test_unreadable_pictures_are_named(root: Path) -> None:
    (root / "test" / "joy" / "0.png").write_bytes(b"no picture")
    count, examples = found(check_benchmark("little", root))["unreadable"]
    assert count == 1
    assert examples[0].startswith("test/joy/0.png: must be a picture (JPEG, PNG, ")


def test_duplicates_across_splits_are_told_exact_from_near(root: Path) -> None:
    shutil.copy(root / "train" / "awe" / "1.png", root / "test" / "awe" / "twin.png")
    shutil.copy(root / "train" / "joy" / "1.png", root / "train" / "joy" / "twin.png")  # of one split
    with Image.open(root / "val" / "joy" / "0.png") as image:
        image.save(root / "train" / "joy" / "again.jpg", quality=70)
    result = found(check_benchmark("little", root))
    assert result["duplicates"] == (1, ("train/awe/1.png (train) = test/awe/twin.png (test)",))
    assert result["near_duplicates"] == (1, ("train/joy/again.jpg (train) ~ val/joy/0.png (val)",))
    assert "placeholders" not in result


def test_plain_pictures_are_not_taken_for_alike(root: Path) -> None:
    """The hashes of these two are the same, and tell nothing."""
    for split, level in (("train", 100), ("test", 200)):
        Image.new("RGB", (64, 64), (level, level, level)).save(root / split / "joy" / "plain.png")
    assert "near_duplicates" not in found(check_benchmark("little", root))


@pytest.mark.parametrize(
    ("places", "is_placeholder"),
    [
        (["train/joy", "test/joy", "val/joy"], False),
        (["train/joy", "test/awe"], False),
        (["train/joy", "test/awe", "val/joy"], True),
        (["train/joy"] * 5, False),
        (["train/joy"] * 6, True),
    ],
)
def test_a_picture_that_stands_often_is_a_placeholder(
    root: Path, places: list[str], is_placeholder: bool
) -> None:
    paths = [f"{place}/banned{number}.png" for number, place in enumerate(places)]
    for path in paths:
        busy(root / path, 99)
    result = found(check_benchmark("little", root))
    assert ("placeholders" in result) == is_placeholder
    if is_placeholder:
        assert result["placeholders"][0] == len(paths)
        assert set(result["placeholders"][1]) <= set(paths)
        assert "duplicates" not in result


def test_without_splits_duplicates_are_those_of_two_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_all(root: Path, split: str) -> tuple[ImageRecord, ...]:
        records = read_folders(root).records[split]
        return tuple(picture("w", r.path, (1,), group=r.path[-5:]) for r in records)

    whole = replace(LITTLE, read=read_all, splits=(ALL,), published=MappingProxyType({ALL: 3, "joy": 3}))
    monkeypatch.setattr(benchmark_check, "BENCHMARKS", {"whole": whole})
    for name in ("a1", "b1", "c2"):
        busy(tmp_path / "joy" / f"{name}.png", 5)
    report = check_benchmark("whole", tmp_path)
    assert [(c.of, c.found, c.differs) for c in report.counts] == [
        ("all", 3, False),
        ("awe", 0, False),
        ("joy", 3, False),
    ]
    twins = "joy/a1.png (group 1.png) = joy/b1.png (group 1.png) = joy/c2.png (group 2.png)"
    assert found(report) == {"duplicates": (1, (twins,))}


def test_an_unlabelled_picture_is_told_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(folder: Path, split: str) -> tuple[ImageRecord, ...]:
        return tuple(
            replace(record, labels=()) if split == "val" else record for record in read(folder, split)
        )

    monkeypatch.setattr(benchmark_check, "BENCHMARKS", {"little": replace(LITTLE, read=bare)})
    assert found(check_benchmark("little", root))["unlabelled"] == (2, ("val/awe/0.png", "val/joy/0.png"))


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("Littl", None, r"benchmark must be one of little; got 'Littl'; did you mean little\?"),
        ("little", "nothing", r"must hold a folder with pictures for each class"),
        ("little", "none", r"none: must be the folder of Little; it is none\. \{train,val,test\}"),
    ],
)
def test_a_copy_that_cannot_be_read_is_refused(root: Path, name: str, change: str | None, text: str) -> None:
    if change == "nothing":
        for split in SPLITS:
            shutil.rmtree(root / split)
    with pytest.raises(DataError, match=text):
        check_benchmark(name, root / "none" if change == "none" else root)


def test_a_copy_without_any_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(root: Path, split: str) -> tuple[ImageRecord, ...]:
        return (picture("little", f"{split}/1.png", (0,)),)

    monkeypatch.setattr(benchmark_check, "BENCHMARKS", {"little": replace(LITTLE, read=listed)})
    text = r"must hold pictures of Little; none of 3 is there, first 'train/1\.png'\. Its layout: \{train"
    with pytest.raises(DataError, match=text):
        check_benchmark("little", tmp_path)
