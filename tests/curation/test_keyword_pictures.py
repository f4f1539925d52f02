"""A folder of pictures that carry keywords as the source of a data set."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.config import CurateConfig, SplitSizes
from emotionnet.curation.curate import curate
from emotionnet.curation.keyword_pictures import NO_KEYWORDS, read_keyword_pictures
from emotionnet.curation.sources import SOURCE_SCHEMA
from emotionnet.records import DataError
from tests.data.test_xmp import bag, document

WORDS = ("angry", "happy")


def picture(path: Path, *words: str, seed: int = 0, more: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels_HW3 = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    xmp = {"xmp": document(bag("dc:subject", *words) + more)} if words or more else {}
    Image.fromarray(pixels_HW3).resize((64, 64)).save(path, None, **xmp)
    return path


def test_records_and_rejects(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    licence = "<xmpRights:WebStatement>CC0</xmpRights:WebStatement>"
    picture(folder / "b.jpg", "mood/happy", "sea", more=licence)
    picture(folder / "2020" / "a.jpg", "angry")
    picture(folder / "none.jpg")
    picture(folder / "side.webp").with_name("side.webp.xmp").write_bytes(document(bag("dc:subject", "calm")))
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no picture")
    picture(folder / "bad.jpg").with_name("bad.jpg.xmp").write_text("broken <")
    picture(folder / os.fsdecode(b"\xff.jpg"), "lost")
    source = read_keyword_pictures(folder)
    assert (source.name, source.root, source.records.schema) == ("photos", folder, SOURCE_SCHEMA)
    assert source.records.drop("sha256", "look").rows() == [
        ("2020/a.jpg", "2020/a.jpg", ["angry"], None, "photos", None),
        ("b.jpg", "b.jpg", ["happy", "sea"], None, "photos", "CC0"),
        ("side.webp", "side.webp", ["calm"], None, "photos", None),
    ]
    rejects = dict(source.rejects.rows())
    assert list(rejects) == ["bad.jpg", "none.jpg", "text.jpg", "\\udcff.jpg"]
    assert rejects["bad.jpg"].startswith("bad.jpg.xmp: must be XMP; ")
    assert rejects["none.jpg"] == NO_KEYWORDS
    assert rejects["text.jpg"].startswith("text.jpg: must be a picture (")
    assert rejects["\\udcff.jpg"] == "its name must be UTF-8"


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    picture(folder / "a.jpg", "angry")
    (folder / os.fsdecode(b"\xff.jpg")).write_text("no picture")
    source = read_keyword_pictures(folder)
    assert source.records["source"].to_list() == ["caf\\udce9"]
    ((name, reason),) = source.rejects.rows()
    assert name == "\\udcff.jpg"
    assert reason.startswith("\\udcff.jpg: must be a picture (")


def test_a_folder_without_keywords(tmp_path: Path) -> None:
    picture(tmp_path / "none.jpg")
    with pytest.raises(
        DataError, match=r"must hold pictures \(\.jpg, .*\) that carry keywords; none of 1 does"
    ):
        read_keyword_pictures(tmp_path)


def test_curation_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number in range(12):
        picture(folder / f"{number}.png", seed=number).with_name(f"{number}.png.xmp").write_bytes(
            document(bag("dc:subject", f"mood/{WORDS[number % 2]}", "sea", f"place {'abcdefghijkl'[number]}"))
        )
    picture(folder / "none.png", seed=99)
    sizes = SplitSizes(train=8, val=1, test=2)
    dataset = curate(
        CurateConfig(
            source=folder, out=tmp_path / "dataset", licence="mine", min_emotion_groups=2, splits=sizes
        )
    )
    assert dataset.info["name"] == "photos"
    assert dataset.info["licences"] == [{"source": "photos", "licence": "mine", "pictures": 12}]
    assert sorted(dataset.emotion_names) == sorted(WORDS)
    assert pl.read_parquet(tmp_path / "dataset" / "rejects.parquet").rows() == [("none.png", NO_KEYWORDS)]


def test_a_table_beside_pictures_without_keywords_is_told_of(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "records.csv").write_text("id,image,tags\n1,a.png,sad\n")
    with pytest.raises(DataError, match=r"none of 1 does \(a table beside pictures is only read when"):
        read_keyword_pictures(tmp_path)
