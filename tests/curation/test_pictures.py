import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.curation.pictures import HASH_BYTES, look_at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "table"
    root.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, size=(40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "good.png")
    Image.fromarray(pixels).save(tmp_path / "outside.png")
    (root / "cut.png").write_bytes((root / "good.png").read_bytes()[:200])
    (root / "text.png").write_text("no picture")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "sub").mkdir()
    return root


def seen(folder: Path, *images: str | None) -> pl.DataFrame:
    frame = pl.DataFrame({"image": images}, schema={"image": pl.String}).with_row_index("row", offset=5)
    return look_at(frame, folder)


def test_a_good_picture_has_its_hashes(folder: Path) -> None:
    found = seen(folder, "good.png", "sub/../good.png")
    assert found["row"].to_list() == [5, 6]
    assert found["sha256"].to_list() == [hashlib.sha256((folder / "good.png").read_bytes()).hexdigest()] * 2
    assert [len(look) for look in found["look"]] == [HASH_BYTES] * 2
    assert found["fault"].null_count() == 2


def test_a_url_is_not_looked_at(folder: Path) -> None:
    (row,) = seen(folder, "https://example.org/a.png").to_dicts()
    assert row == {"row": 5, "sha256": "", "look": None, "fault": None}


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (None, "the record names no picture"),
        ("", "the record names no picture"),
        ("none.png", "picture none.png not found"),
        ("sub", "picture sub not found"),
        ("../outside.png", "the path ../outside.png leaves the table's folder"),
        ("link.png", "the path link.png leaves the table's folder"),
        ("/etc/hostname", "the path /etc/hostname leaves the table's folder"),
        ("text.png", "text.png: must be a picture"),
        ("cut.png", "cut.png: picture cannot be decoded"),
        ("a\0b.png", "picture 'a\\x00b.png' cannot be read"),
        ("x" * 5000, "cannot be read (File name too long)"),
    ],
)
def test_a_picture_that_cannot_be_used_says_why_without_the_folder(
    folder: Path, image: str | None, fault: str
) -> None:
    row = seen(folder, image, "good.png").row(0, named=True)
    assert fault in row["fault"]
    assert str(folder) not in row["fault"]
    assert row["look"] is None


def test_no_records_give_no_rows(folder: Path) -> None:
    assert seen(folder).height == 0
